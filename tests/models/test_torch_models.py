"""Torch models: factories with weights, and exported programs."""

from __future__ import annotations

import pickle
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.core.models import InputSpec, OutputSpec, OutputType, Task
from harness.errors import HarnessError, ModelError
from harness.models.parameters import TorchParameters
from harness.models.torch_model import TorchAdapter
from tests.models.fakes import BIAS, WEIGHTS, MemoryDataset, expected_linear, gathered, module, observer, torch_spec

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

X = (InputSpec("x", ("u", "v")),)
NET = """
    import torch

    class Net(torch.nn.Module):
        def __init__(self, classes=3, kind="tensor"):
            super().__init__()
            self.linear = torch.nn.Linear(2, classes)
            self.dropout = torch.nn.Dropout(0.9)
            self.kind = kind

        def forward(self, x):
            logits = self.dropout(self.linear(x))
            return {"tensor": logits, "dict": {"logits": logits, "other": x}, "tuple": (x, logits)}[self.kind]

    def build(**kwargs):
        return Net(**kwargs)

    def nothing():
        return {}

    class Two(torch.nn.Module):
        def forward(self, first, second):
            return torch.stack([first, second, first - second], dim=1)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    module(tmp_path, "net", NET)
    safetensors.save_file(state(), tmp_path / "net.safetensors")
    return tmp_path


def state() -> dict[str, torch.Tensor]:
    return {"linear.weight": torch.tensor(WEIGHTS.T).contiguous(), "linear.bias": torch.tensor(BIAS)}


@pytest.fixture
def numbers() -> MemoryDataset:
    u, v = np.random.default_rng(1).normal(size=(2, 70))
    return MemoryDataset({"id": [f"e{row}" for row in range(70)], "u": u, "v": v, "y": ["a"] * 70})


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loading in this process, which forgets the suite's modules afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in ("net", "absent"):
            del sys.modules[name]


def load(root: Path, **parameters: object) -> object:
    return TorchAdapter().load(TorchParameters.model_validate(parameters), root)


def matrix(dataset: MemoryDataset) -> np.ndarray:
    return np.stack([dataset.table[name].to_numpy() for name in ("u", "v")], axis=1)


def test_a_factory_with_safetensors(root: Path, numbers: MemoryDataset) -> None:
    outputs = gathered(torch_spec(X, factory="net:build", weights="net.safetensors"), root, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)


def test_a_factory_with_a_state_dict(root: Path, numbers: MemoryDataset) -> None:
    torch.save(state(), root / "net.pt")
    outputs = gathered(torch_spec(X, factory="net:build", weights="net.pt"), root, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("here")
def test_weights_may_lie_in_several_files(root: Path, numbers: MemoryDataset) -> None:
    whole = state()
    assert len(whole) == 2
    for place, (key, value) in enumerate(whole.items()):
        safetensors.save_file({key: value}, root / f"part-{place}.safetensors")
    parts = ["part-0.safetensors", "part-1.safetensors"]
    outputs = gathered(torch_spec(X, factory="net:build", weights=parts), root, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)
    assert [
        path.name for path in TorchAdapter().files(TorchParameters(factory="net:build", weights=tuple(map(Path, parts))), root)
    ] == parts
    with pytest.raises(ModelError, match=r"it lacks 'linear\.\w+'$"):
        load(root, factory="net:build", weights=parts[:1])
    with pytest.raises(ModelError, match=r"part-0.safetensors holds 'linear\.\w+', which another file of the weights holds too"):
        load(root, factory="net:build", weights=[*parts, "part-0.safetensors"])


def test_inputs_go_to_the_parameters_of_forward_by_name(root: Path, numbers: MemoryDataset) -> None:
    safetensors.save_file({}, root / "empty.safetensors")
    inputs = (InputSpec("second", ("v",)), InputSpec("first", ("u",)))
    outputs = gathered(torch_spec(inputs, factory="net:Two", weights="empty.safetensors"), root, numbers)
    u, v = matrix(numbers).T
    np.testing.assert_allclose(outputs.values, np.stack([u, v, u - v], axis=1), rtol=1e-6)
    with pytest.raises(ModelError, match="forward has no parameter 'third'; name the inputs after its parameters: 'first', 'second'"):
        gathered(torch_spec((*inputs, InputSpec("third", ("u",))), factory="net:Two", weights="empty.safetensors"), root, numbers)


@pytest.mark.parametrize(("kind", "name"), [("dict", "logits"), ("tuple", "output_1")])
def test_outputs_are_found_by_name(root: Path, numbers: MemoryDataset, kind: str, name: str) -> None:
    output = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name=name, labels=("a", "b", "c"))
    spec = torch_spec(X, output, factory="net:build", weights="net.safetensors", kwargs={"kind": kind})
    np.testing.assert_allclose(gathered(spec, root, numbers).values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"linear.bias": None}, r"does not fit the factory's model: it lacks 'linear\.bias'$"),
        ({"extra": torch.zeros(1)}, r"does not fit the factory's model: it has 'extra', which the model does not"),
        ({"linear.weight": torch.zeros(3, 5)}, r"does not fit the factory's model: size mismatch for linear\.weight"),
    ],
)
@pytest.mark.usefixtures("here")
def test_weights_that_do_not_fit_name_the_keys(root: Path, keys: dict[str, torch.Tensor | None], message: str) -> None:
    changed = {key: value for key, value in {**state(), **keys}.items() if value is not None}
    safetensors.save_file(changed, root / "net.safetensors")
    with pytest.raises(ModelError, match=message):
        load(root, factory="net:build", weights="net.safetensors")


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (open, ("evil-was-here", "w"))


def _spoil(kind: str, path: Path) -> None:
    content = path.read_bytes()
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "pickle":
            path.with_suffix(".pt").write_bytes(pickle.dumps(_Evil()))
        case "whole model":
            torch.save({"model": _Evil()}, path.with_suffix(".pt"))
        case "list":
            torch.save([1, 2], path.with_suffix(".pt"))


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("empty", "net.safetensors", "is empty"),
        ("truncated", "net.safetensors", "cannot be read as safetensors"),
        ("pickle", "net.pt", "cannot be read as a plain state dict"),
        ("whole model", "net.pt", "cannot be read as a plain state dict"),
        ("list", "net.pt", "holds list, not a state dict"),
        ("missing", "other.safetensors", "there is no weights file"),
    ],
)
@pytest.mark.usefixtures("here")
def test_weights_that_cannot_be_read(root: Path, kind: str, name: str, message: str) -> None:
    _spoil(kind, root / "net.safetensors")
    with pytest.raises(ModelError, match=message) as caught:
        load(root, factory="net:build", weights=name)
    assert "\n" not in str(caught.value)
    assert not list(root.glob("evil*"))
    assert not Path("evil-was-here").exists()


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("net:absent", "has no 'absent'"),
        ("absent:build", "there is no module 'absent'"),
        ("net:nothing", "returned dict; it must return a torch.nn.Module"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_factory_that_is_wrong(root: Path, factory: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        load(root, factory=factory, weights="net.safetensors")


def test_a_device_that_is_not_there(root: Path, numbers: MemoryDataset) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ModelError, match="device 'cuda:1' is not available here; write device: cpu, or auto"):
        gathered(torch_spec(X, factory="net:build", weights="net.safetensors", device="cuda:1"), root, numbers)
    spec = torch_spec(X, factory="net:build", weights="net.safetensors", device="auto")
    np.testing.assert_allclose(gathered(spec, root, numbers).values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)


class _Linear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.load_state_dict(state())

    def forward(self, x: torch.Tensor, *, scale: torch.Tensor | None = None) -> torch.Tensor:
        logits = self.linear(x)
        return logits if scale is None else logits * scale[:, None]


def _export(path: Path, *, dynamic: bool, scaled: bool = False) -> None:
    batch = torch.export.Dim.DYNAMIC if dynamic else None
    kwargs = {"scale": torch.ones(4)} if scaled else {}
    shapes = {name: {0: batch} for name in ("x", *kwargs)} if dynamic else None
    torch.export.save(torch.export.export(_Linear().eval(), (torch.randn(4, 2),), kwargs, dynamic_shapes=shapes), path)


@pytest.mark.parametrize("dynamic", [True, False])
def test_an_exported_program(tmp_path: Path, numbers: MemoryDataset, dynamic: bool) -> None:
    _export(tmp_path / "net.pt2", dynamic=dynamic)
    outputs = gathered(torch_spec(X, program="net.pt2"), tmp_path, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)


def test_an_exported_program_with_keyword_inputs(tmp_path: Path, numbers: MemoryDataset) -> None:
    _export(tmp_path / "net.pt2", dynamic=True, scaled=True)
    outputs = gathered(torch_spec((InputSpec("scale", ("u",)), *X), program="net.pt2"), tmp_path, numbers)
    x = matrix(numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(x) * x[:, :1], rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match="the model also takes 'scale'"):
        gathered(torch_spec(X, program="net.pt2"), tmp_path, numbers)


@pytest.mark.parametrize("place", ["data/sample_inputs/model.pt", "data/constants/opaque_obj_0", "data/aotinductor/model/code.so"])
def test_a_program_with_something_to_run_in_it_is_refused(tmp_path: Path, place: str) -> None:
    _export(tmp_path / "good.pt2", dynamic=True)
    with zipfile.ZipFile(tmp_path / "good.pt2") as good, zipfile.ZipFile(tmp_path / "bad.pt2", "w") as bad:
        for name in good.namelist():
            if name != f"good/{place}":
                bad.writestr(name.replace("good/", "bad/", 1), good.read(name))
        bad.writestr(f"bad/{place}", pickle.dumps(_Evil()))
    with pytest.raises(ModelError, match=r"bad\.pt2 holds .*, which is not loaded"):
        load(tmp_path, program="bad.pt2")
    assert not list(tmp_path.glob("evil*"))


@pytest.mark.parametrize("content", [b"not a program at all", b"PK\x03\x04 cut off"])
def test_a_program_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pt2").write_bytes(content)
    with pytest.raises(ModelError, match="is not an exported program"):
        load(tmp_path, program="net.pt2")


def test_text_without_a_step_says_what_to_do(root: Path) -> None:
    dataset = MemoryDataset({"id": ["p"], "t": ["text"], "y": ["a"]})
    with pytest.raises(ModelError, match="give the input a dtype, a step or a tokenizer"):
        gathered(torch_spec((InputSpec("x", ("t",)),), factory="net:build", weights="net.safetensors"), root, dataset)


def test_weights_and_factory_decide_the_identity(root: Path) -> None:
    spec = torch_spec(X, factory="net:build", weights="net.safetensors")
    before = observer().fingerprint(spec, root)
    assert before == observer().fingerprint(spec, root)
    assert before != observer().fingerprint(torch_spec(X, factory="net:build", weights="net.safetensors", threads=2), root)
    module(root, "net", NET + "\n# changed\n")
    changed = observer().fingerprint(spec, root)
    assert changed != before
    safetensors.save_file({key: value + 1 for key, value in state().items()}, root / "net.safetensors")
    assert observer().fingerprint(spec, root) != changed


def test_the_footprint_of_a_torch_model(root: Path, numbers: MemoryDataset) -> None:
    footprint = observer().footprint(torch_spec(X, factory="net:build", weights="net.safetensors"), root, numbers)
    assert footprint.weights is not None
    assert (footprint.weights.parameters, footprint.weights.non_zero, footprint.weights.bits) == (9, 6, 32)
    assert footprint.weights.low_precision == 0
    assert footprint.disk_bytes == (root / "net.safetensors").stat().st_size
    assert footprint.load_seconds is not None
    # The import of torch takes about two seconds; loading nine numbers does not.
    assert 0 < footprint.load_seconds < 1
