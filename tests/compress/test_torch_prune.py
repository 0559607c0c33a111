"""Pruning of the shipped networks in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.compress.network import Network
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.compress.torch_prune_weights import two_of_four
from harness.core.models import InputSpec, ModelSpec, OutputSpec
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress.build import export
from tests.compress.conftest import Net, done


def pruned(net: Net, folder: Path, **given: Any) -> tuple[Network, StepReport]:
    network, parameters = net.network(), PruneParameters.model_validate(given)
    for number, stage in enumerate(Prune().stages(parameters)):
        report = Prune().transform(network, stage, net.torch_context(folder / str(number)))
    network.module.eval()
    return network, report


def zeros(network: Network) -> dict[str, float]:
    return {name: float((value == 0).float().mean()) for name, value in network.module.named_parameters() if value.ndim > 1}


def test_the_share_asked_for_is_the_share_found_in_each_layer(net: Net, tmp_path: Path) -> None:
    network, report = pruned(net, tmp_path, sparsity=0.7)
    found = zeros(network)
    for layer in report.layers:
        if layer.done:
            assert found[layer.name] == pytest.approx(0.7, abs=0.5 / np.prod(layer.shape) + 1e-9)
            assert layer.facts["sparsity"] == pytest.approx(found[layer.name])
        else:
            assert layer.reason
    assert len(done(report)) >= 3


def test_the_smallest_weights_go(survey: Net, tmp_path: Path) -> None:
    network, _ = pruned(survey, tmp_path, sparsity=0.25)
    for name, before in survey.module.named_parameters():
        if before.ndim > 1:
            after = network.module.get_parameter(name)
            kept = after != 0
            assert torch.equal(after[kept], before[kept])
            assert before[~kept].abs().max() <= before[kept].abs().min()


def test_a_global_share_holds_for_all_together(digits: Net, tmp_path: Path) -> None:
    network, _ = pruned(digits, tmp_path, sparsity=0.6, scope="global")
    weights = [value for _, value in network.module.named_parameters() if value.ndim > 1]
    assert sum(int((value == 0).sum()) for value in weights) == round(0.6 * sum(value.numel() for value in weights))
    shares = list(zeros(network).values())
    assert max(shares) - min(shares) > 0.1


def test_gradients_choose_better_than_sizes(digits: Net, tmp_path: Path) -> None:
    """Molchanov et al. 2019: what the loss says about a weight is worth more than its size. Without any training after."""
    taylor, _ = pruned(digits, tmp_path / "t", sparsity=0.7, scope="global", by="gradient", gradients={"data": "train", "rows": 512})
    size, _ = pruned(digits, tmp_path / "m", sparsity=0.7, scope="global")
    assert digits.torch_accuracy(taylor.module) > digits.torch_accuracy(size.module) + 0.03


def test_two_of_every_four_are_zero(net: Net, tmp_path: Path) -> None:
    network, report = pruned(net, tmp_path, unit="2:4")
    for layer in report.layers:
        weight = network.module.get_parameter(layer.name).detach().numpy()
        if layer.done:
            assert weight.shape[1] >= 4
            for first in range(0, weight.shape[1] - 3, 4):
                assert (np.count_nonzero(weight[:, first : first + 4], axis=1) == 2).all(), "at each place of the kernel"
            rest = weight.shape[1] % 4
            assert rest == 0 or (weight[:, -rest:] != 0).all()
        elif layer.name != "embed.weight":
            assert weight.shape[1] < 4
            assert layer.reason == "fewer than four inputs"


def test_two_of_four_by_hand() -> None:
    mask = two_of_four(torch.tensor([[4.0, 1.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0, 9.0]]))
    assert mask.tolist() == [[1, 0, 1, 0, 0, 0, 1, 1, 1]]


def test_zeros_stay_zero_while_the_network_is_trained(survey: Net, tmp_path: Path) -> None:
    network, report = pruned(survey, tmp_path, sparsity=0.9, finetune={"data": "train", "epochs": 2})
    assert all(share >= 0.9 - 1e-3 for share in zeros(network).values())
    assert [row["epoch"] for row in report.table] == [1, 2]
    moved = network.module.get_parameter("layers.3.weight")
    assert not torch.equal(moved[moved != 0], survey.module.get_parameter("layers.3.weight")[moved != 0])


@pytest.mark.parametrize("by", ["magnitude", "gradient"])
def test_channels_really_go(net: Net, tmp_path: Path, by: str) -> None:
    more = {"by": by, "gradients": {"data": "train", "rows": 128}} if by == "gradient" else {}
    network, report = pruned(net, tmp_path, sparsity=0.5, unit="channel", **more)
    before, after = (sum(value.numel() for value in module.parameters()) for module in (net.module, network.module))
    assert after < 0.6 * before
    batch = torch.from_numpy(net.rows[:5])
    assert network.module(batch).shape == net.module(batch).shape
    for layer in report.layers:
        now = tuple(network.module.get_parameter(layer.name).shape)
        assert (now == layer.shape) == (not layer.done)
        assert layer.facts.get("kept", 1.0) == pytest.approx(np.prod(now) / np.prod(layer.shape))


def test_what_is_kept_is_the_original_with_channels_left_out(survey: Net, tmp_path: Path) -> None:
    """A perceptron by hand: the hidden units that stay have the rows and columns they had."""
    network, _ = pruned(survey, tmp_path, sparsity=0.5, unit="channel")
    first, whole = network.module.get_parameter("layers.0.weight").detach(), survey.module.get_parameter("layers.0.weight").detach()
    kept = [int((whole == row).all(1).nonzero()[0, 0]) for row in first]
    assert len(set(kept)) == 48
    second = survey.module.get_parameter("layers.3.weight").detach()[:, kept]
    assert all(any(torch.equal(row, other) for other in second) for row in network.module.get_parameter("layers.3.weight").detach())


def test_training_after_pruning_recovers_what_was_lost(digits: Net, tmp_path: Path) -> None:
    """Li et al. 2017 (arXiv:1608.08710) and everybody since."""
    bare, _ = pruned(digits, tmp_path / "a", sparsity=0.5, unit="channel")
    trained, _ = pruned(digits, tmp_path / "b", sparsity=0.5, unit="channel", finetune={"data": "train", "epochs": 5})
    lost = digits.torch_accuracy(digits.module) - digits.torch_accuracy(bare.module)
    assert lost > 0.2
    assert digits.torch_accuracy(digits.module) - digits.torch_accuracy(trained.module) < 0.1 * lost


def test_stages_end_at_the_share_of_the_original(digits: Net, tmp_path: Path) -> None:
    network, _ = pruned(digits, tmp_path, sparsity={"from": 0.25, "to": 0.5, "steps": 2}, unit="channel")
    assert [network.module[place].out_channels for place in (0, 3, 7)] == [16, 32, 32]


def test_excluded_layers_keep_their_channels(digits: Net, tmp_path: Path) -> None:
    network, _ = pruned(digits, tmp_path, sparsity=0.5, unit="channel", exclude=["3"])
    assert network.module[3].out_channels == 64
    assert network.module[0].out_channels == 16
    with pytest.raises(ModelError, match=r"exclude: the network has no layer called '33'; did you mean '3'\?"):
        pruned(digits, tmp_path / "b", sparsity=0.5, unit="channel", exclude=["33"])


def test_as_many_channels_stay_as_make_a_multiple(digits: Net, tmp_path: Path) -> None:
    """Of 32, 64 and 64 channels 60 % go: 13, 26 and 26 would stay. In a schedule the multiple holds after every stage."""
    for given in ({"sparsity": 0.6}, {"sparsity": {"from": 0.2, "to": 0.6, "steps": 3}}):
        network, _ = pruned(digits, tmp_path, **given, unit="channel", multiple=8)
        widths = [layer.out_channels for layer in network.module.modules() if isinstance(layer, torch.nn.Conv2d)]
        assert widths == [16, 32, 32]
    odd, _ = pruned(digits, tmp_path, sparsity=0.6, unit="channel")
    assert [layer.out_channels for layer in odd.module.modules() if isinstance(layer, torch.nn.Conv2d)] == [13, 26, 26]


@pytest.mark.parametrize("unit", ["weight", "channel"])
def test_it_is_kept_and_comes_back_the_same(net: Net, tmp_path: Path, unit: str) -> None:
    network, _ = pruned(net, tmp_path / "s", sparsity=0.5, unit=unit)
    (tmp_path / "kept").mkdir()
    network.save(tmp_path / "kept")
    again = Network(net.network().module, net.spec, network.rows, network.root)
    again.load(tmp_path / "kept")
    batch = {net.tensor: net.rows[:20]}
    np.testing.assert_array_equal(again.answers(batch)["logits"], network.answers(batch)["logits"])
    assert again.edits == network.edits


def test_the_smaller_network_is_a_smaller_file_that_answers_alike(digits: Net, tmp_path: Path) -> None:
    network, _ = pruned(digits, tmp_path / "s", sparsity=0.5, unit="channel")
    export(digits.spec, network.module, network.rows, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size < 0.4 * digits.onnx.stat().st_size
    expected = network.module(torch.from_numpy(digits.rows)).detach().numpy()
    np.testing.assert_allclose(digits.answers(tmp_path / "m.onnx"), expected, atol=1e-4)


class Block(torch.nn.Module):
    """Adds something to what passes through."""

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(6, 6, bias=False)
        torch.manual_seed(int(strength * 1000))
        self.inner.weight.data = strength * torch.randn(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


class Stack(torch.nn.Module):
    """Four blocks, of which the second and the fourth hardly do anything."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block(strength) for strength in (1.0, 0.01, 0.8, 0.001))
        self.head = torch.nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def stack(output: OutputSpec | None = None) -> Network:
    rows = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    spec = ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),), output=output)
    return Network(Stack(), spec, [{"x": rows}], Path("."))


def rows_for(unit: str) -> dict[str, Any]:
    """Blocks are chosen by what they do on rows."""
    return {"calibrate": {"data": "train"}} if unit == "block" else {}


HALF_OF_THE_BLOCKS = {"unit": "block", "sparsity": 0.5, **rows_for("block")}


def test_blocks_are_not_chosen_by_no_rows(digits: Net, tmp_path: Path) -> None:
    (stage,) = Prune().stages(PruneParameters.model_validate(HALF_OF_THE_BLOCKS))
    with pytest.raises(ModelError, match="the data set to look at gave no rows"):
        Prune().transform(stack(), stage, digits.torch_context(tmp_path, feed=lambda data, rows: iter(())))


def test_blocks_that_change_least_go(digits: Net, tmp_path: Path) -> None:
    network = stack()
    expected = torch.nn.Sequential(network.module.blocks[0], network.module.blocks[2], network.module.head)
    (stage,) = Prune().stages(PruneParameters.model_validate(HALF_OF_THE_BLOCKS))
    report = Prune().transform(network, stage, digits.torch_context(tmp_path, feed=lambda data, rows: iter(network.rows)))
    assert [row["kept"] for row in report.table] == [True, False, True, False]
    x = torch.from_numpy(network.rows[0]["x"])
    torch.testing.assert_close(network.module(x), expected(x))
    assert done(report) == {"blocks.1.inner.weight": "gone with block 1", "blocks.3.inner.weight": "gone with block 3"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"unit": "block", "keep": [0, 4]}, "keep names \\[0, 4\\], and 'blocks' has the blocks 0 to 3"),
        ({"unit": "block", "blocks": "bloks", "keep": [0]}, "no layer called 'bloks'; did you mean 'blocks'"),
        ({"unit": "block", "blocks": "head", "keep": [0]}, "'head' is a Linear, not a list of blocks"),
        ({**HALF_OF_THE_BLOCKS, "sparsity": 0.05}, "5% of 4 blocks is less than one block"),
        ({"unit": "head", "sparsity": 0.5}, "no attention with separate projections"),
    ],
)
def test_what_cannot_be_taken_away(digits: Net, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    network = stack()
    (stage,) = Prune().stages(PruneParameters.model_validate(given))
    with pytest.raises(ModelError, match=words):
        Prune().transform(network, stage, digits.torch_context(tmp_path, feed=lambda data, rows: iter(network.rows)))


def test_a_weight_that_is_not_finite_is_named(digits: Net, tmp_path: Path) -> None:
    network = digits.network()
    network.module[3].weight.data[0, 0, 0, 0] = float("nan")
    (stage,) = Prune().stages(PruneParameters(sparsity=0.5))
    with pytest.raises(ModelError, match=r"prune: weight '3.weight' holds 1 value\(s\) that are NaN"):
        Prune().transform(network, stage, digits.torch_context(tmp_path))


SIX_STEPS = {"from": 0.1, "to": 0.8, "steps": 6}


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_channels_end_at_the_same_widths_gradually_and_at_once(digits: Net, tmp_path: Path, scope: str) -> None:
    """32 and 64 channels less four fifths, rounded, however many stages it takes; kept and read again between the stages."""
    found = []
    for place, sparsity in {"at once": 0.8, "gradually": SIX_STEPS}.items():
        network = digits.network()
        for stage in Prune().stages(PruneParameters.model_validate({"sparsity": sparsity, "unit": "channel", "scope": scope})):
            Prune().transform(network, stage, digits.torch_context(tmp_path / place))
            network = kept_and_read(digits, network, tmp_path / place / f"{stage.share:.4f}")
        found.append([network.module[layer].out_channels for layer in (0, 3, 7)])
    if scope == "layer":
        whole = [digits.module[layer].out_channels for layer in (0, 3, 7)]
        assert found == [[width - round(0.8 * width) for width in whole]] * 2
    else:
        assert [sum(widths) for widths in found] == [160 - 128] * 2


def kept_and_read(net: Net, network: Network, folder: Path) -> Network:
    folder.mkdir(parents=True)
    network.save(folder)
    again = Network(net.network().module, net.spec, network.rows, network.root)
    again.load(folder)
    return again


def test_channels_of_a_grouped_convolution(digits: Net, tmp_path: Path) -> None:
    """Each of its four parts of three channels loses one, and the next convolution as many inputs."""

    def grouped() -> Network:
        torch.manual_seed(0)
        layers = [torch.nn.Conv2d(1, 12, 3), torch.nn.ReLU(), torch.nn.Conv2d(12, 12, 3, groups=4), torch.nn.Flatten()]
        rows = np.random.default_rng(0).normal(size=(4, 1, 6, 6)).astype(np.float32)
        module = torch.nn.Sequential(*layers, torch.nn.Linear(48, 3))
        return Network(module, ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),)), [{"x": rows}], Path("."))

    for place, sparsity in {"at once": 0.35, "gradually": {"from": 0.05, "to": 0.35, "steps": 3}}.items():
        network = grouped()
        for stage in Prune().stages(PruneParameters.model_validate({"sparsity": sparsity, "unit": "channel"})):
            Prune().transform(network, stage, digits.torch_context(tmp_path / place))
        assert [network.module[layer].out_channels for layer in (0, 2)] == [8, 8]


class Twelve(torch.nn.Module):
    """Twelve blocks in one list, eight in another."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block(0.01 * number) for number in range(1, 13))
        self.more = torch.nn.ModuleList(Block(0.1) for _ in range(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in (*self.blocks, *self.more):
            x = block(x)
        return x


class Attentive(torch.nn.Module):
    """Attention of ten heads, by hand."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention = torch.nn.Module()
        self.attention.num_heads = 10
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self.attention, name, torch.nn.Linear(20, 20))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [getattr(self.attention, f"{name}_proj")(x).unflatten(-1, (self.attention.num_heads, -1)) for name in "qkv"]
        mixed = torch.nn.functional.scaled_dot_product_attention(*parts)
        return self.attention.out_proj(mixed.flatten(-2))


def network_of(module: torch.nn.Module, width: int) -> Network:
    rows = np.random.default_rng(0).normal(size=(8, width)).astype(np.float32)
    return Network(module, ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),)), [{"x": rows}], Path("."))


@pytest.mark.parametrize(("share", "left"), [(0.5, 16), (0.3, 24)])
def test_a_multiple_is_of_all_channels_of_a_grouped_convolution(digits: Net, tmp_path: Path, share: float, left: int) -> None:
    """Of four groups of eight channels each half go: four groups of four are 16; of 30 %, 5.6 would stay in each, and six make 24."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv1d(1, 32, 3, padding=1), torch.nn.Conv1d(32, 32, 3, padding=1, groups=4), torch.nn.ReLU()]
    network = network_of(torch.nn.Sequential(torch.nn.Unflatten(1, (1, 6)), *layers, torch.nn.Flatten(), torch.nn.Linear(192, 3)), 6)
    (stage,) = Prune().stages(PruneParameters.model_validate({"unit": "channel", "sparsity": share, "multiple": 8}))
    Prune().transform(network, stage, digits.torch_context(tmp_path))
    assert network.module[2].out_channels == left


@pytest.mark.parametrize(
    ("unit", "schedule", "expected"),
    [
        ("block", {"from": 0.3, "to": 0.5, "steps": 2}, [8, 6]),
        ("block", {"from": 0.02, "to": 0.5, "steps": 3, "curve": "linear"}, [12, 9, 6]),
        ("block", {"from": 0.26, "to": 0.28, "steps": 2}, [9, 9]),
        ("head", {"from": 0.26, "to": 0.4, "steps": 2}, [7, 6]),
        ("head", {"from": 0.02, "to": 0.5, "steps": 3, "curve": "linear"}, [10, 7, 5]),
    ],
)
def test_stages_of_blocks_and_heads_count_from_the_original(
    digits: Net, tmp_path: Path, unit: str, schedule: dict[str, Any], expected: list[int]
) -> None:
    """A stage that takes none says so, and the next one goes on from the same network."""
    make, width = (Twelve, 6) if unit == "block" else (Attentive, 20)
    network, counts = network_of(make(), width), list[int]()
    rows_seen = network.rows
    for stage in Prune().stages(PruneParameters.model_validate({**rows_for(unit), "unit": unit, "sparsity": schedule})):
        report = Prune().transform(network, stage, digits.torch_context(tmp_path, feed=lambda data, rows: iter(rows_seen)))
        count = len(network.module.blocks) if unit == "block" else network.module.attention.num_heads
        same = count == (counts[-1] if counts else {"block": 12, "head": 10}[unit])
        assert any("takes nothing" in note for note in report.notes) == same == (not done(report))
        counts.append(count)
        folder = tmp_path / f"{stage.share:.4f}"
        folder.mkdir()
        network.save(folder)
        network = network_of(make(), width)
        network.load(folder)
    assert counts == expected
    assert unit == "head" or len(network.module.more) == 8


@pytest.mark.parametrize(
    ("unit", "words"), [("block", "less than one block"), ("head", "less than one of 10 heads"), ("channel", "no channel")]
)
def test_a_schedule_that_takes_nothing_at_all_is_an_error(digits: Net, tmp_path: Path, unit: str, words: str) -> None:
    network = network_of(Attentive(), 20) if unit == "head" else stack() if unit == "block" else digits.network()
    share = 0.001 if unit == "channel" else 0.02
    schedule = {"from": share / 2, "to": share, "steps": 2}
    first, last = Prune().stages(PruneParameters.model_validate({**rows_for(unit), "unit": unit, "sparsity": schedule}))
    given = digits.torch_context(tmp_path, feed=lambda data, rows: iter(network.rows))
    report = Prune().transform(network, first, given)
    assert [words in note for note in report.notes] == [True]
    with pytest.raises(ModelError, match=words):
        Prune().transform(network, last, given)


def test_a_stage_that_takes_no_channel_is_a_note(digits: Net, tmp_path: Path) -> None:
    network, report = pruned(digits, tmp_path, sparsity={"from": 0.5, "to": 0.501, "steps": 2}, unit="channel")
    assert [network.module[layer].out_channels for layer in (0, 3, 7)] == [16, 32, 32]
    assert not done(report)
    assert "stage 2 of 2 takes nothing" in report.notes[0]


@pytest.mark.parametrize("more", [{"sparsity": 0.3}, {"sparsity": 0.3, "scope": "global"}])
def test_weights_that_are_zero_already_are_no_work_done(survey: Net, tmp_path: Path, more: dict[str, Any]) -> None:
    network, _ = pruned(survey, tmp_path / "first", sparsity=0.6)
    (stage,) = Prune().stages(PruneParameters.model_validate(more))
    with pytest.raises(ModelError, match="it would change nothing; ask for a larger share"):
        Prune().transform(network, stage, survey.torch_context(tmp_path / "again"))
    early, late = Prune().stages(PruneParameters.model_validate({**more, "sparsity": {"from": 0.3, "to": 0.7, "steps": 2}}))
    report = Prune().transform(network, early, survey.torch_context(tmp_path / "early"))
    assert "stage 1 of 2 takes nothing" in report.notes[-1]
    assert not any("takes nothing" in note for note in Prune().transform(network, late, survey.torch_context(tmp_path / "late")).notes)


def test_two_of_four_twice_is_an_error(survey: Net, tmp_path: Path) -> None:
    network, _ = pruned(survey, tmp_path / "first", unit="2:4")
    (stage,) = Prune().stages(PruneParameters(unit="2:4"))
    with pytest.raises(ModelError, match="it would change nothing"):
        Prune().transform(network, stage, survey.torch_context(tmp_path / "again"))


def test_a_share_of_all_channels_that_leaves_less_than_one_per_layer(digits: Net, tmp_path: Path) -> None:
    """Six layers of one channel each are more than 3 % of 36 channels, and cannot lose any."""
    torch.manual_seed(0)
    hidden = [torch.nn.Linear(6, 6) for _ in range(6)]
    for layer in hidden:
        layer.weight.data[0] *= 1000
    network = network_of(torch.nn.Sequential(*hidden, torch.nn.Linear(6, 3)), 6)
    schedule = {"from": 30 / 36, "to": 0.97, "steps": 2}
    for stage in Prune().stages(PruneParameters.model_validate({"unit": "channel", "scope": "global", "sparsity": schedule})):
        report = Prune().transform(network, stage, digits.torch_context(tmp_path))
        assert [network.module[place].out_features for place in range(6)] == [1] * 6
    assert "stage 2 of 2 takes nothing" in report.notes[0]
