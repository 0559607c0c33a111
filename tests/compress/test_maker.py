"""Candidates are made once, whole or not at all, by the hash of everything they depend on."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from harness.catalogue import Kind, Kinds, Parameters
from harness.compress.builtin import TECHNIQUES
from harness.compress.maker import FileMaker
from harness.compress.parameters import CastParameters, QuantizeParameters
from harness.compress.prune_parameters import PruneParameters
from harness.compress.resources import Resources
from harness.compress.technique import OnnxTechnique
from harness.core.models import ModelSpec, Step
from harness.errors import ModelError, StoreError
from harness.ports.compress import Artefact, StepContext, StepReport, Technique
from tests.compress.build import resources
from tests.compress.conftest import SUITES, Net

INT4 = Step("quantize", QuantizeParameters(mode="weights", bits=4))
STATIC = Step("quantize", QuantizeParameters.model_validate({"mode": "static", "calibrate": {"data": "train", "rows": 64}}))
PARAMETERS: dict[str, Any] = {
    "model.onnx": lambda path, *_: ("onnx", str(path)),
    "model.pt2": lambda path, *_: ("torch", str(path)),
}
HALF = Step("cast", CastParameters(to="fp16"))


def kinds(*more: Kind[Technique]) -> Kinds[Technique]:
    made: Kinds[Technique] = Kinds("technique")
    for kind in (*TECHNIQUES, *more):
        made.register(kind)
    return made


def maker(net: Net, cache: Path, **changed: Any) -> FileMaker:
    given: dict[str, Any] = {
        "cache": cache,
        "suite": net.name,
        "root": SUITES,
        "techniques": kinds(),
        "fingerprint": lambda model: "original-1",
        "parameters": PARAMETERS,
    }
    its: dict[str, Any] = {
        "feed": lambda model, data, rows: iter([{net.tensor: net.training[:rows]}]),
        "module": lambda model: copy.deepcopy(net.module),
        "size": lambda model: 1_000_000,
    }
    its |= {name: changed.pop(name) for name in list(changed) if name in Resources.__dataclass_fields__}
    return FileMaker(resources=resources(**its), **(given | changed))


def steps_of(artefact: Artefact) -> list[dict[str, Any]]:
    """What the record tells of the steps that the suite names."""
    found: Any = artefact.record["steps"]
    return [step for step in found if not step["implied"]]


def timeless(files: dict[str, bytes]) -> dict[str, Any]:
    """Files by name, records without the time that making took."""
    return {name: _timeless(json.loads(content)) if name.endswith(".json") else content for name, content in files.items()}


def _timeless(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: _timeless(value) for key, value in record.items() if key != "seconds"}
    return [_timeless(value) for value in record] if isinstance(record, list) else record


def candidate(net: Net, *steps: Step, name: str = "small") -> ModelSpec:
    return replace(net.spec, name=name, steps=steps)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_the_artefact_and_its_record(digits: Net, tmp_path: Path) -> None:
    made = maker(digits, tmp_path).make(candidate(digits, STATIC), digits.spec)
    assert made.model.kind == "onnx"
    assert made.model.steps == ()
    assert made.model.parameters == str(made.folder / "model.onnx")
    assert made.model.inputs == digits.spec.inputs
    assert made.model.output == digits.spec.output
    assert made.folder.parent == tmp_path / "digits" / "small"
    record = json.loads((made.folder / "artifact.json").read_text())
    assert record == json.loads(json.dumps(made.record))
    assert record["files"]["model.onnx"]["bytes"] == (made.folder / "model.onnx").stat().st_size
    assert record["source"]["fingerprint"] == "original-1"
    assert record["source"]["versions"].keys() >= {"numpy", "onnx", "onnxruntime", "torch", "onnxscript"}
    exported, step = record["steps"]
    assert exported["technique"] == "export"
    assert exported["implied"]
    assert step["parameters"]["calibrate"] == {"data": "train", "rows": 64}
    assert step["parameters"]["exclude"] == []
    assert [(learned["data"], learned["purpose"], learned["sha256"]) for learned in step["data"]] == [("train", "calibrate", "train-1")]
    assert step["seed"] == 0
    assert exported["bytes"][0] == record["source_bytes"] == 1_000_000
    assert step["bytes"] == [exported["bytes"][1], record["files"]["model.onnx"]["bytes"]]
    assert record["seconds"] == pytest.approx(exported["seconds"] + step["seconds"], abs=2e-3)
    assert {layer["name"] for layer in step["layers"]} >= {"0.weight", "13.weight"}
    assert np.isfinite(digits.answers(made.folder / "model.onnx")).all()


def test_it_is_made_once_and_then_found(digits: Net, tmp_path: Path) -> None:
    exports: list[str] = []

    def module(model: ModelSpec) -> Any:
        exports.append(model.name)
        return copy.deepcopy(digits.module)

    makes = maker(digits, tmp_path, module=module)
    assert makes.find(candidate(digits, INT4), digits.spec) is None
    first = makes.make(candidate(digits, INT4), digits.spec)
    before = tree(tmp_path)
    assert makes.make(candidate(digits, INT4), digits.spec) == first == makes.find(candidate(digits, INT4), digits.spec)
    assert tree(tmp_path) == before
    makes.make(candidate(digits, HALF, name="half"), digits.spec)
    assert exports == ["original"]


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": lambda model: "original-2"},
        {"data_hash": lambda data: f"{data}-2"},
        {"seed": 1},
    ],
    ids=["original", "calibration data", "seed"],
)
def test_whatever_it_depends_on_makes_another_one(digits: Net, tmp_path: Path, change: dict[str, Any]) -> None:
    small = candidate(digits, STATIC)
    first = maker(digits, tmp_path).make(small, digits.spec)
    changed = maker(digits, tmp_path, **change)
    assert changed.find(small, digits.spec) is None
    assert changed.make(small, digits.spec).folder != first.folder
    other = candidate(digits, Step("quantize", STATIC.parameters.model_copy(update={"per": "tensor"})))  # type: ignore[attr-defined]  # it is a pydantic model
    assert maker(digits, tmp_path).find(other, digits.spec) is None


def test_data_that_no_step_reads_does_not_matter(digits: Net, tmp_path: Path) -> None:
    small = candidate(digits, INT4)
    first = maker(digits, tmp_path).make(small, digits.spec)
    other = maker(digits, tmp_path, data_hash=lambda data: "test-1" if data == "test" else "other")
    assert other.find(small, digits.spec) == first


@pytest.mark.parametrize(
    "change",
    [
        {"target": lambda data: "another"},
        {"metric": lambda: "f1"},
        {"data_hash": lambda data: "held-out-2" if data == "v" else f"{data}-1"},
    ],
    ids=["target column", "metric", "validation rows"],
)
def test_what_a_schedule_is_judged_by_makes_another_one(digits: Net, tmp_path: Path, change: dict[str, Any]) -> None:
    gradual = {"sparsity": 0.5, "validate": "v", "max_total_drop": 0.5}
    small = candidate(digits, Step("prune", PruneParameters.model_validate(gradual)))
    given: dict[str, Any] = {"score": lambda model, answer, data: 1.0}
    first = maker(digits, tmp_path, **given).make(small, digits.spec)
    assert maker(digits, tmp_path, **given).find(small, digits.spec) == first
    assert maker(digits, tmp_path, **given, **change).find(small, digits.spec) is None


def test_the_same_inputs_give_the_same_bytes(survey: Net, tmp_path: Path) -> None:
    for place in ("a", "b"):
        makes = maker(survey, tmp_path / place)
        for name, steps in {"int4": (INT4,), "static": (STATIC,), "half": (HALF,), "both": (HALF, INT4)}.items():
            makes.make(candidate(survey, *steps, name=name), survey.spec)
    assert timeless(tree(tmp_path / "a")) == timeless(tree(tmp_path / "b"))


def test_steps_follow_each_other(survey: Net, tmp_path: Path) -> None:
    made = maker(survey, tmp_path).make(candidate(survey, HALF, INT4), survey.spec)
    assert [step["technique"] for step in steps_of(made)] == ["cast", "quantize"]
    first, second = (step["bytes"] for step in steps_of(made))
    assert first[1] == second[0] > second[1]
    kinds_ = {tensor.data_type for tensor in onnx.load(str(made.folder / "model.onnx")).graph.initializer}
    assert {onnx.TensorProto.INT4, onnx.TensorProto.FLOAT16} <= kinds_


@pytest.mark.parametrize("damage", ["truncate", "delete", "record"])
def test_a_damaged_artefact_is_made_again(digits: Net, tmp_path: Path, damage: str) -> None:
    makes = maker(digits, tmp_path)
    made = makes.make(candidate(digits, INT4), digits.spec)
    before = tree(tmp_path)
    path = made.folder / ("artifact.json" if damage == "record" else "model.onnx")
    if damage == "delete":
        path.unlink()
    else:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 2])
    assert makes.find(candidate(digits, INT4), digits.spec) is None
    again = makes.make(candidate(digits, INT4), digits.spec)
    assert (again.model, again.folder) == (made.model, made.folder)
    assert timeless(tree(tmp_path)) == timeless(before)


class Broken(OnnxTechnique):
    """A technique of a third party that does what `apply` says."""

    def __init__(self, apply: Callable[[Path, Path], None]) -> None:
        self._apply = apply

    def apply(self, source: Path, target: Path, parameters: Any, context: StepContext) -> StepReport:
        self._apply(source, target)
        return StepReport()


class Nothing(Parameters):
    """No parameters."""


def _raise(source: Path, target: Path) -> None:
    raise ValueError("out of luck")


def _rename(source: Path, target: Path) -> None:
    model = onnx.load(str(source))
    model.graph.output[0].name = model.graph.node[-1].output[0] = "scores"
    onnx.save(model, str(target))


@pytest.mark.parametrize(
    ("apply", "sentence"),
    [
        (_raise, "step broken failed with ValueError: out of luck"),
        (lambda source, target: None, "step broken wrote no model"),
        (lambda source, target: target.write_bytes(source.read_bytes()[:-9000]), "step broken made a model that ONNX Runtime refuses"),
        (_rename, r"step broken changed the model's inputs or outputs .*'logits'.* to .*'scores'"),
    ],
    ids=["raises", "writes nothing", "writes half", "renames an output"],
)
def test_a_step_that_goes_wrong_leaves_nothing_behind(
    digits: Net, tmp_path: Path, apply: Callable[[Path, Path], None], sentence: str
) -> None:
    makes = maker(digits, tmp_path, techniques=kinds(Kind("broken", Nothing, Broken(apply))))
    with pytest.raises(ModelError, match=sentence):
        makes.make(candidate(digits, Step("broken", Nothing())), digits.spec)
    assert makes.find(candidate(digits, Step("broken", Nothing())), digits.spec) is None
    assert not list(tmp_path.rglob("*.making"))
    assert not list((tmp_path / "digits" / "small").glob("*/model.onnx"))


def test_a_failed_second_step_keeps_the_first(digits: Net, tmp_path: Path) -> None:
    calls: list[str] = []

    def fail_once(source: Path, target: Path) -> None:
        calls.append("broken")
        if len(calls) == 1:
            raise ValueError("killed")
        target.write_bytes(source.read_bytes())

    makes = maker(digits, tmp_path, techniques=kinds(Kind("broken", Nothing, Broken(fail_once))))
    steps = (INT4, Step("broken", Nothing()))
    with pytest.raises(ModelError, match="killed"):
        makes.make(candidate(digits, *steps), digits.spec)
    before = set(tree(tmp_path))
    assert sum(name.endswith("model.onnx") for name in before) == 2
    made = makes.make(candidate(digits, *steps), digits.spec)
    assert calls == ["broken", "broken"]
    assert before < set(tree(tmp_path))
    assert made.model.steps == ()


def test_an_export_that_goes_wrong_is_a_fault_of_the_model(digits: Net, tmp_path: Path) -> None:
    def module(source: ModelSpec) -> Any:
        return (tmp_path / "weights.safetensors").read_bytes()

    makes = maker(digits, tmp_path / "cache", module=module)
    with pytest.raises(ModelError, match="step export failed with FileNotFoundError"):
        makes.make(candidate(digits, INT4), digits.spec)
    assert not list((tmp_path / "cache").rglob("model.onnx"))


def test_a_place_that_cannot_be_written(digits: Net, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        maker(digits, tmp_path / "file").make(candidate(digits, INT4), digits.spec)


def _slowly(folder: Path, source: Path, target: Path) -> None:
    with (folder / "calls").open("a") as stream:
        stream.write("made\n")
    time.sleep(1.5)
    target.write_bytes(source.read_bytes())


def _make_in_process(onnx_path: Path, cache: Path, calls: Path) -> None:
    """Runs in a child: makes a candidate of an ONNX original by a slow technique."""
    technique = Broken(lambda source, target: _slowly(calls, source, target))
    made = FileMaker(
        cache=cache,
        suite="s",
        root=cache,
        techniques=kinds(Kind("slow", Nothing, technique)),
        resources=resources(onnx_path=lambda model: onnx_path),
        fingerprint=lambda model: "1",
        parameters=PARAMETERS,
    )
    original = ModelSpec("original", "onnx", None)
    made.make(replace(original, name="slow", steps=(Step("slow", Nothing()),)), original)


def _start(*arguments: Path) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=_make_in_process, args=arguments)
    process.start()
    return process


def test_two_at_once_make_it_once(digits: Net, tmp_path: Path) -> None:
    processes = [_start(digits.onnx, tmp_path / "cache", tmp_path) for _ in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert (tmp_path / "calls").read_text() == "made\n"
    assert len(list((tmp_path / "cache" / "s" / "slow").glob("*/model.onnx"))) == 1


def test_killed_in_the_middle_it_starts_clean(digits: Net, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = _start(digits.onnx, cache, tmp_path)
    while not (tmp_path / "calls").exists():
        assert process.exitcode is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert not list((cache / "s" / "slow").glob("*/model.onnx"))
    exported = [path for path in (cache / "s" / ".steps").glob("*/model.onnx") if not path.parent.name.endswith(".making")]
    assert len(exported) == 1
    _make_in_process(digits.onnx, cache, tmp_path)
    assert (tmp_path / "calls").read_text() == "made\nmade\n"
    assert len(list((cache / "s" / "slow").glob("*/model.onnx"))) == 1
    assert not list(cache.rglob("*.making"))


def test_models_that_are_onnx_already_are_compressed_with_their_external_data(net: Net, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    onnx.save(onnx.load(str(net.onnx)), str(outside / "m.onnx"), save_as_external_data=True, location="w.bin", size_threshold=16)
    assert (outside / "w.bin").stat().st_size > 1000
    keep = Kind("keep", Nothing, Broken(lambda source, target: target.write_bytes(source.read_bytes()) and None))
    makes = maker(net, tmp_path / "cache", onnx_path=lambda model: outside / "m.onnx", techniques=kinds(keep))
    original = ModelSpec("original", "onnx", None)
    made = makes.make(replace(original, name="same", steps=(Step("keep", Nothing()),)), original)
    np.testing.assert_array_equal(net.answers(made.folder / "model.onnx"), net.answers(net.onnx))


def test_other_kinds_cannot_be_compressed(digits: Net, tmp_path: Path) -> None:
    original = ModelSpec("original", "outputs", None)
    with pytest.raises(ModelError, match="original: a model of kind outputs cannot be compressed; compress works on onnx and torch"):
        maker(digits, tmp_path).make(replace(original, name="small", steps=(INT4,)), original)


def test_rows_that_are_tested_on_too_are_refused(digits: Net, tmp_path: Path) -> None:
    makes = maker(digits, tmp_path, overlap=lambda model, data, rows: 17 if data == "train" else 0)
    with pytest.raises(ModelError, match="17 of the calibration rows of 'train' also stand in the test data"):
        makes.make(candidate(digits, STATIC), digits.spec)
    assert makes.make(candidate(digits, INT4), digits.spec).folder.is_dir()


def test_a_pipeline_goes_from_the_network_to_a_graph(digits: Net, tmp_path: Path) -> None:
    """Half of the channels, then 8 bits: what comes out has both, and nothing of it is done again."""
    narrow = Step("prune", PruneParameters(unit="channel", sparsity=0.5))
    makes = maker(digits, tmp_path, lessons=lambda model, data, rows: digits.lessons(data, rows))
    made = makes.make(candidate(digits, narrow, STATIC), digits.spec)
    steps: Any = made.record["steps"]
    assert [(step["technique"], step["implied"]) for step in steps] == [("prune", False), ("export", True), ("quantize", False)]
    stored = {tuple(tensor.dims): tensor.data_type for tensor in onnx.load(str(made.folder / "model.onnx")).graph.initializer}
    assert stored[32, 16, 3, 3] == onnx.TensorProto.INT8
    assert digits.answers(made.folder / "model.onnx").shape == (1191, 10)
    before = tree(tmp_path)
    makes.make(candidate(digits, narrow, INT4, name="other"), digits.spec)
    assert before.keys() < tree(tmp_path).keys()
    assert sum(name.endswith("network.safetensors") for name in tree(tmp_path)) == 1
