"""Archives of exported programs that would run code when they are loaded. Each is first shown to do so where nobody looks."""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ModelError
from harness.models.parameters import TorchParameters
from harness.models.torch_model import TorchAdapter

torch = pytest.importorskip("torch")

Members = list[tuple[str, bytes]]


class _Writes:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class _Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.register_buffer("kept", torch.ones(3))
        self.constant = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, x: torch.Tensor, *, extra: dict[str, torch.Tensor]) -> torch.Tensor:
        if x.shape[0] > 3 and x.shape[0] % 2 == 0:  # a guard
            x = x.reshape(x.shape[0] // 2, 2, 2).reshape(-1, 2)
        return self.linear(x)[: max(x.shape[0] - 1, 1)] * self.kept + self.constant + extra["a key"].sum()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Members:
    """The members of an ordinary program with weights, constants, computed sizes and guards."""
    path = tmp_path_factory.mktemp("program") / "net.pt2"
    dynamic = {"x": {0: torch.export.Dim.AUTO}, "extra": {"a key": {0: torch.export.Dim.AUTO}}}
    exported = torch.export.export(_Net().eval(), (torch.randn(8, 2),), {"extra": {"a key": torch.ones(5)}}, dynamic_shapes=dynamic)
    torch.export.save(exported, path)
    assert len(_load(path).inputs()) == 2
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _changed(members: Members, name: str, change: Callable[[Any], None]) -> Members:
    """The members with one JSON document changed in place."""
    document = json.loads(dict(members)[f"net/{name}"])
    change(document)
    return [(member, json.dumps(document).encode() if member == f"net/{name}" else content) for member, content in members]


def _pickled(kind: str, path_name: str) -> Callable[[Members, bytes, str], Members]:
    def spoil(members: Members, evil: bytes, code: str) -> Members:
        def change(document: Any) -> None:
            first = next(iter(document["config"].values()))
            first |= {"use_pickle": True, "path_name": path_name}

        return [*_changed(members, f"data/{kind}/model_{kind}_config.json", change), (f"net/data/{kind}/{path_name}", evil)]

    return spoil


def _legacy_weights(members: Members, evil: bytes, code: str) -> Members:
    return [*members, ("net/data/weights/model.pt", evil)]


def _shape(members: Members, evil: bytes, code: str) -> Members:
    def change(document: Any) -> None:
        waiting = [document]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict) and "expr_str" in value:
                value["expr_str"] = code
                return
            waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []

    return _changed(members, "models/model.json", change)


def _guard(members: Members, evil: bytes, code: str) -> Members:
    return _changed(members, "models/model.json", lambda document: document["guards_code"].append(f"{code} is None"))


def _argument(members: Members, evil: bytes, code: str) -> Members:
    def change(document: Any) -> None:
        document["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = ["x", f"extra={code}"]

    return _changed(members, "models/model.json", change)


def _twice(members: Members, evil: bytes, code: str) -> Members:
    """The loader takes another one of the two than Python's zipfile does."""
    harmless = ("net/DATA/weights/model_weights_config.json", dict(members)["net/data/weights/model_weights_config.json"])
    return [harmless, *_pickled("weights", "weight_9")(members, evil, code)]


ATTACKS = {
    "weights": _pickled("weights", "weight_9"),
    "weights that look like a custom object": _pickled("weights", "weight_custom_obj_0"),
    "a constant that looks like a custom object": _pickled("constants", "tensor_custom_obj_0"),
    "weights of the older form": _legacy_weights,
    "a shape": _shape,
    "a guard": _guard,
    "the name of an argument": _argument,
    "two members of one name": _twice,
}

MENDED = ("the name of an argument", "two members of one name")
"""What this version of PyTorch happens to stumble over by itself."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_archive_that_would_run_code_is_refused(tmp_path: Path, good: Members, attack: str) -> None:
    written = tmp_path / "written"
    evil = pickle.dumps(_Writes(written))
    if attack == "weights of the older form":
        evil = _zipped(_Writes(written), tmp_path)
    path = tmp_path / "net.pt2"
    _write(path, ATTACKS[attack](good, evil, f"__import__('pathlib').Path({str(written)!r}).touch()"))
    _run_unlooked(path)
    assert written.exists() or attack in MENDED, "the attack itself does not work"
    written.unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"net\.pt2 holds .*export the program again"):
        _load(path)
    assert not written.exists()


def test_the_archive_that_is_looked_at_is_the_one_that_is_loaded(tmp_path: Path, good: Members) -> None:
    """Two tables of contents: Python's zipfile finds the one before the end, the loader the one at the place that is named there."""
    written, path = tmp_path / "written", tmp_path / "net.pt2"
    _write(path, _pickled("weights", "weight_9")(good, pickle.dumps(_Writes(written)), ""))
    hostile = path.read_bytes()
    at = hostile.rindex(b"PK\x05\x06")
    size, start = struct.unpack_from("<II", hostile, at + 12)
    # The same table again, in front of the end: what stands before it shifts every place Python reads by as much.
    path.write_bytes(hostile[:at] + hostile[start : start + size] + hostile[at:])
    _run_unlooked(path)
    assert written.exists()
    written.unlink()
    with pytest.raises(ModelError):
        _load(path)
    assert not written.exists()


def _load(path: Path) -> Any:
    return TorchAdapter().load(TorchParameters.model_validate({"program": path.name}), path.parent)


def _run_unlooked(path: Path) -> None:
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.load(path).module()(torch.ones(8, 2), extra={"a key": torch.ones(5)})


def _write(path: Path, members: Members) -> None:
    """Later members replace earlier ones of exactly the same name."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in dict(members).items():
            archive.writestr(name, content)


def _zipped(value: object, folder: Path) -> bytes:
    torch.save(value, folder / "value.pt")
    return (folder / "value.pt").read_bytes()
