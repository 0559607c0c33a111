from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from harness.compress.runtime import session
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from tests.compress import decoding
from tests.compress.build import export
from tests.compress.conftest import Net


def spec(*tensors: str, output: str | None = None, tokenizer: str | None = None) -> ModelSpec:
    meaning = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name=output)
    inputs = tuple(InputSpec(tensor, ("x",), tokenizer=tokenizer) for tensor in tensors)
    return ModelSpec("original", "torch", None, inputs=inputs, output=meaning)


def rows(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_it_answers_like_torch_for_any_batch_size(net: Net) -> None:
    running = session(net.onnx)
    for size in (1, 2, 7, 100):
        expected = net.module(torch.from_numpy(net.rows[:size])).detach().numpy()
        np.testing.assert_allclose(running.run(["logits"], {net.tensor: net.rows[:size]})[0], expected, atol=2e-4)


def test_weights_keep_their_names_and_the_file_says_nothing_of_this_machine(net: Net) -> None:
    names = {name for name, value in net.module.state_dict().items() if value.ndim > 1}
    assert names <= set(decoding.tensors(net.onnx))
    model = onnx.load(str(net.onnx))
    assert not model.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert not model.graph.value_info
    assert str(Path(__file__).parents[2]).encode() not in net.onnx.read_bytes()
    onnx.checker.check_model(model)


class Sequences(torch.nn.Module):
    """Two linear layers over the last axis of three, whose weights the exporter transposes; two of them are equal."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = torch.nn.Linear(6, 6), torch.nn.Linear(6, 6), torch.nn.Linear(6, 3)
        self.second.load_state_dict(self.first.state_dict())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, length, 6) to (n, 3)."""
        made: torch.Tensor = self.third(torch.relu(self.second(torch.relu(self.first(x))))).mean(1)
        return made


def test_transposed_weights_keep_their_names(tmp_path: Path) -> None:
    module = Sequences().eval()
    export(spec("x"), module, [{"x": rows(4, 5, 6)}], tmp_path / "m.onnx")
    tensors = decoding.tensors(tmp_path / "m.onnx")
    products = {name for node in onnx.load(str(tmp_path / "m.onnx")).graph.node if node.op_type == "MatMul" for name in node.input} & set(
        tensors
    )
    np.testing.assert_array_equal(decoding.floats(tensors["third.weight"]), module.third.weight.detach().numpy().T)
    assert "third.weight" in products
    assert products & {"first.weight", "second.weight"}


class Sum(torch.nn.Module):
    """Two inputs in the order of `forward`, several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"hidden": left - right, "logits": self.linear(left - 2 * right)}


def test_inputs_go_by_name_and_the_named_output_counts(tmp_path: Path) -> None:
    module = Sum().eval()
    batch = {"right": rows(5, 4, seed=1), "left": rows(5, 4)}
    export(spec("right", "left", output="logits"), module, [batch], tmp_path / "m.onnx")
    running = session(tmp_path / "m.onnx")
    assert [entry.name for entry in running.get_outputs()] == ["logits"]
    expected = module(**{name: torch.from_numpy(value) for name, value in batch.items()})["logits"].detach().numpy()
    np.testing.assert_allclose(running.run(None, batch)[0], expected, atol=1e-5)


def test_several_outputs_need_a_name(tmp_path: Path) -> None:
    batch = {"left": rows(5, 4), "right": rows(5, 4)}
    with pytest.raises(ModelError, match="the model returns hidden, logits; say under output: which of them counts"):
        export(spec("left", "right"), Sum().eval(), [batch], tmp_path / "m.onnx")


def test_an_input_that_forward_does_not_take(tmp_path: Path) -> None:
    batch = {"left": rows(5, 4), "wrong": rows(5, 4)}
    with pytest.raises(ModelError, match="forward has no parameter 'wrong'; name the inputs after its parameters: left, right"):
        export(spec("left", "wrong"), Sum().eval(), [batch], tmp_path / "m.onnx")


class Pooled(torch.nn.Module):
    """A text model of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(30, 8)
        self.head = torch.nn.Linear(8, 3)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weight = mask.unsqueeze(-1).float()
        return self.head((self.embed(ids) * weight).sum(1) / weight.sum(1))


@pytest.mark.parametrize("lengths", [(6, 9), (6,)])
def test_a_tokenizer_leaves_the_length_free(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    """Whether or not the rows at hand differ in length."""
    random = np.random.default_rng(0)

    def batch(size: int, length: int) -> dict[str, Any]:
        return {"ids": random.integers(0, 30, (size, length)), "mask": np.ones((size, length), np.int64)}

    module = Pooled().eval()
    given = spec("ids", tokenizer="tokenizer.json")
    notes = export(given, module, [batch(3, length) for length in lengths], tmp_path / "m.onnx")
    assert "free: batch, length" in notes[0]
    for size, length in ((1, 4), (5, 17)):
        tensors = batch(size, length)
        expected = module(**{name: torch.from_numpy(value) for name, value in tensors.items()}).detach().numpy()
        np.testing.assert_allclose(session(tmp_path / "m.onnx").run(None, tensors)[0], expected, atol=1e-5)


class Branching(torch.nn.Module):
    """Its answer depends on data in a way that cannot be traced."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if float(x.sum()) > 0 else x * 3


def test_what_torch_cannot_export_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="original: torch cannot export the model to ONNX: ") as caught:
        export(spec("x"), Branching(), [{"x": rows(4, 2)}], tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)


class Random(torch.nn.Module):
    """Answers differently each time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


def test_an_export_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exported model's answers differ from torch's by up to"):
        export(spec("x"), Random(), [{"x": rows(4, 200)}], tmp_path / "m.onnx")


class Noise(torch.nn.Module):
    """A layer that forgets that it is only for training."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(x, 0.5, training=True)


class Otherwise(torch.nn.Module):
    """A layer that computes something else while it is exported."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 1.1 if torch.compiler.is_exporting() else x


def deep(layer: torch.nn.Module) -> torch.nn.Module:
    features = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), layer, torch.nn.Linear(6, 6), torch.nn.ReLU())
    return torch.nn.Sequential(features, torch.nn.Linear(6, 3)).eval()


@pytest.mark.parametrize("to", ["onnx", "program"])
@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Noise(), r"; the layer '0\.2' \(Noise\) answers differently each time"),
        (Otherwise(), r"; the first layer that differs is '0\.2' \(Otherwise\)$"),
    ],
)
def test_the_first_layer_that_differs_is_named(tmp_path: Path, to: str, layer: torch.nn.Module, said: str) -> None:
    from harness.compress import torch_export, torch_program
    from harness.compress.network import Network

    network = Network(deep(layer), spec("x"), [{"x": rows(50, 4)}], tmp_path)
    write = torch_export.export if to == "onnx" else torch_program.write
    with pytest.raises(ModelError, match=said):
        write(network, tmp_path / "made")
    assert not list(tmp_path.glob("*.watched"))


def test_no_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the data gave no rows to look at the network with"):
        export(spec("x"), Random(), [{"x": rows(0, 4)}], tmp_path / "m.onnx")


def test_one_row_is_enough(tmp_path: Path) -> None:
    module = torch.nn.Linear(4, 2).eval()
    export(spec("x"), module, [{"x": rows(1, 4)}], tmp_path / "m.onnx")
    assert session(tmp_path / "m.onnx").run(None, {"x": rows(9, 4)})[0].shape == (9, 2)


def test_a_program_is_proved_and_loads_in_the_kind_torch(net: Net, tmp_path: Path) -> None:
    from harness.compress.torch_program import write as export_program
    from harness.models.torch_program import load_program

    notes = export_program(net.network(), tmp_path / "m.pt2")
    assert notes[1].startswith("largest difference on 50 rows: ")
    program = load_program(tmp_path / "m.pt2", torch.device("cpu"))
    (name,) = [tensor.name for tensor in program.inputs()]
    (found,) = program.predict({name: net.rows[:7]}).values()
    np.testing.assert_allclose(found, net.module(torch.from_numpy(net.rows[:7])).detach().numpy(), atol=1e-5)


def test_a_program_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    from harness.compress.network import Network
    from harness.compress.torch_program import write as export_program

    with pytest.raises(ModelError, match="exported program's answers differ from torch's by up to"):
        export_program(Network(Random(), spec("x"), [{"x": rows(4, 200)}], tmp_path), tmp_path / "m.pt2")
