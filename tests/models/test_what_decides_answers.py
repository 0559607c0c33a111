"""Whatever can change a model's answers changes its fingerprint: packages around modules, versions, Python, the device."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from harness.catalogue import entrypoints
from harness.core.models import InputSpec
from harness.models import torch_model
from harness.models.automatic_device import automatic_device
from tests.models.fakes import linear_onnx, module, observer, onnx_spec, python_spec, torch_spec

PREP = "def lengths(texts):\n    return [[len(t), 1] for t in texts]\n"


def package(root: Path, name: str, source: str) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text(source)


@pytest.mark.parametrize("changed", ["outer", "outer/inner"])
@pytest.mark.parametrize("importing", ["", "import outer.inner.prep\n", "from outer.inner import prep\n"])
def test_the_packages_around_a_module_are_part_of_the_identity(tmp_path: Path, changed: str, importing: str) -> None:
    for name in ("outer", "outer/inner"):
        package(tmp_path, name, "SCALE = 1\n")
    module(tmp_path / "outer" / "inner", "prep", PREP)
    module(tmp_path, "direct", f"{importing}def lengths(texts):\n    return [[1, 1] for _ in texts]\n")
    linear_onnx(tmp_path / "m.onnx")
    spec = onnx_spec("m.onnx", (InputSpec("x", ("t",), step="direct:lengths" if importing else "outer.inner.prep:lengths"),))
    before = observer().fingerprint(spec, tmp_path)
    package(tmp_path, changed, "SCALE = 2\n")
    assert observer().fingerprint(spec, tmp_path) != before


def test_a_package_comes_before_a_module_of_its_name(tmp_path: Path) -> None:
    """As Python itself chooses."""
    package(tmp_path, "prep", PREP)
    module(tmp_path, "prep", PREP)
    assert entrypoints.local_sources(["prep:lengths"], tmp_path) == (tmp_path / "prep" / "__init__.py",)


@pytest.mark.parametrize("kind", ["step", "python model", "factory"])
def test_versions_of_what_a_module_imports_are_part_of_the_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    module(tmp_path, "prep", f"import pyarrow\n{PREP}")
    linear_onnx(tmp_path / "m.onnx")
    (tmp_path / "weights.pt").write_bytes(b"weights")
    spec = {
        "step": onnx_spec("m.onnx", (InputSpec("x", ("t",), step="prep:lengths"),)),
        "python model": python_spec("prep:lengths", version="1"),
        "factory": torch_spec((InputSpec("x", ("t",)),), factory="prep:lengths", weights="weights.pt"),
    }[kind]
    before = observer().fingerprint(spec, tmp_path)
    monkeypatch.setattr(entrypoints, "version", lambda name: "999" if name == "pyarrow" else "0")
    assert observer().fingerprint(spec, tmp_path) != before


def test_python_is_part_of_the_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linear_onnx(tmp_path / "m.onnx")
    spec = onnx_spec("m.onnx", (InputSpec("x", ("u", "v")),))
    before = observer().fingerprint(spec, tmp_path)
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "99", "0"))
    assert observer().fingerprint(spec, tmp_path) != before


def test_what_auto_stands_for_is_part_of_the_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module(tmp_path, "net", "def build(): ...\n")
    (tmp_path / "weights.pt").write_bytes(b"weights")
    found = {}
    for device in ("auto", "cpu"):
        for there in ("cuda", "cpu"):
            monkeypatch.setattr(torch_model, "automatic_device", lambda there=there: there)
            spec = torch_spec((InputSpec("x", ("t",)),), factory="net:build", weights="weights.pt", device=device)
            found[device, there] = observer().fingerprint(spec, tmp_path)
    assert found["auto", "cuda"] != found["auto", "cpu"]
    assert found["cpu", "cuda"] == found["cpu", "cpu"]


@pytest.mark.parametrize(
    ("files", "visible", "expected"),
    [
        ([], None, "cpu"),
        (["nvidiactl"], None, "cpu"),
        (["nvidia0"], None, "cuda"),
        (["nvidia3"], "3", "cuda"),
        (["nvidia0"], "", "cpu"),
        (["nvidia0"], "-1", "cpu"),
        (["nvidia0"], "-1,0", "cpu"),
        (["nvidia0"], "NoDevFiles", "cpu"),
        (["kfd"], None, "cuda"),
    ],
)
def test_a_gpu_is_there_when_its_driver_is_and_nothing_hides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], visible: str | None, expected: str
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    for name in files:
        (tmp_path / name).touch()
    assert automatic_device(tmp_path) == expected
