"""Whole suites through the door: what a user writes, and the Suite that comes out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.catalogue.refs import MetricRef
from harness.core.models import Expectation, InputSpec, OutputSpec, OutputType, Step, Task
from harness.core.segment import ByBins, ByColumn, ByPredicate, ByProduct, SegmentationSpec
from harness.core.units import Change
from harness.errors import SuiteError
from harness.spec import load_suite
from tests.spec.fakes import REGISTERS, SMALL, Cast, File, Nothing, Onnx, Outputs, Quantize, Torch, faults, load, spots

FULL = """\
# yaml-language-server: $schema=../harness/spec/suite.schema.json
schema: 1
suite: languages
about: Byte-level language identification, fp32 against its compressed versions.

original:
  torch: {factory: nets:build, weights: languages.safetensors}
  input: {tokens: {column: text, with: {python: prep:encode}}}
  output: {name: logits, type: logits, task: multiclass, labels: labels.txt}

data:
  test:
    source: phrases/test.parquet
    id: id
    target: language
    segments:
      language: language
      length: {column: text, by: characters, edges: [0, 20, 80]}
      rare: {where: "speakers < 1000000"}
      both: [language, length]
  train: {source: phrases/train.parquet, id: id, target: language, role: train}

candidates:
  int8: {onnx: languages.int8.onnx}
  pruned-int8:
    compress:
      - cast: {dtype: float16}
      - quantize: {mode: static, bits: 8}
  int4:
    compress: [{quantize: {mode: weights, bits: 4}}]
    expect: {accuracy: {outcome: FAIL, reason: per-tensor rounding loses rare scripts}}

checks:
  accuracy:
    metric: accuracy
    max_drop: 2pp
    segments: {length: {}, both: {}, language: {critical: [bn, mr]}, rare: {max_drop: 1pp, critical: true}}
  agreement: {max_flip_rate: 3%, max_kl: 0.05}
  footprint: {min_size_reduction: 70%rel, max_peak_memory: 500MB}
"""

RECORDED = """\
schema: 1
suite: recorded
original: {outputs: runs.csv.gz, prediction: fp32}
data:
  test: {source: runs.csv.gz, id: id, target: language, segments: {language: language, content: content, both: [language, content]}}
candidates:
  int6: {outputs: runs.csv.gz, prediction: int6}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: [language, content, both]}
"""


def test_the_full_suite(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("bn\nmr\nde\n", encoding="utf-8")
    suite = load(tmp_path, FULL)
    assert (suite.name, suite.root, suite.report_examples, suite.requires) == ("languages", tmp_path, "ids", ())
    assert suite.about.startswith("Byte-level")
    assert suite.original.kind == "torch"
    assert suite.original.parameters == Torch(factory="nets:build", weights="languages.safetensors")
    assert suite.original.inputs == (InputSpec("tokens", ("text",), step="prep:encode"),)
    assert suite.original.output == OutputSpec(OutputType.LOGITS, Task.MULTICLASS, "logits", ("bn", "mr", "de"))
    assert suite.data["test"].parameters == File(path="phrases/test.parquet")
    assert (suite.data["test"].id, suite.data["test"].target, suite.data["train"].role) == ("id", "language", "train")
    assert suite.data["test"].segments == (
        SegmentationSpec("language", ByColumn("language")),
        SegmentationSpec("length", ByBins("text", edges=(0.0, 20.0, 80.0), by="characters")),
        SegmentationSpec("rare", ByPredicate("speakers < 1000000")),
        SegmentationSpec("both", ByProduct(("language", "length"))),
    )


def test_the_candidates_of_the_full_suite(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("bn\nmr\nde\n", encoding="utf-8")
    suite = load(tmp_path, FULL)
    int8, pruned, int4 = suite.candidates
    assert (int8.name, int8.kind, int8.parameters) == ("int8", "onnx", Onnx(path=Path("languages.int8.onnx")))
    assert (pruned.name, pruned.kind, pruned.parameters, pruned.source) == ("pruned-int8", "compress", None, "original")
    assert pruned.steps == (Step("cast", Cast(dtype="float16")), Step("quantize", Quantize(mode="static", bits=8)))
    assert int4.expect == {"accuracy": Expectation("FAIL", "per-tensor rounding loses rare scripts")}
    for candidate in suite.candidates:
        assert candidate.inputs == suite.original.inputs
        assert candidate.output == suite.original.output


def test_the_checks_of_the_full_suite(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("bn\nmr\nde\n", encoding="utf-8")
    suite = load(tmp_path, FULL)
    accuracy, agreement, footprint = suite.checks
    assert (accuracy.name, accuracy.kind, accuracy.data) == ("accuracy", "quality", "test")
    assert accuracy.parameters.metric == MetricRef("accuracy", Nothing())
    assert accuracy.parameters.max_drop == Change(0.02, "pp")
    assert list(accuracy.parameters.segments) == ["length", "both", "language", "rare"]
    assert accuracy.parameters.segments["language"].critical == ("bn", "mr")
    assert accuracy.parameters.segments["rare"].critical is True
    assert accuracy.parameters.segments["rare"].max_drop == Change(0.01, "pp")
    assert (agreement.kind, agreement.parameters.max_flip_rate, agreement.parameters.max_kl) == ("agreement", 0.03, 0.05)
    assert footprint.parameters.max_peak_memory == 500_000_000


def test_the_recorded_suite(tmp_path: Path) -> None:
    suite = load(tmp_path, RECORDED)
    assert suite.original.parameters == Outputs(path="runs.csv.gz", prediction="fp32")
    assert suite.original.output is None
    assert suite.original.inputs == ()
    assert suite.candidates[0].parameters == Outputs(path="runs.csv.gz", prediction="int6")
    assert list(suite.checks[0].parameters.segments) == ["language", "content", "both"]


@pytest.mark.parametrize("part", ["schema", "suite", "original", "data", "candidates", "checks"])
def test_what_a_suite_cannot_do_without(tmp_path: Path, part: str) -> None:
    lines = SMALL.splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if line.startswith(f"{part}:"))
    end = next((index for index in range(start + 1, len(lines)) if not lines[index].startswith(" ")), len(lines))
    found = spots(tmp_path, "".join(lines[:start] + lines[end:]))
    assert f"1:1: the suite needs the key '{part}'" in found


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("schema: 2", "1:9: schema: expected 1, not 2"),
        ("schema: '1'", "1:9: schema: expected 1, not '1'"),
        ("schema:", "1:1: schema: expected 1, not nothing"),
    ],
)
def test_the_version_of_the_language(tmp_path: Path, line: str, fault: str) -> None:
    assert spots(tmp_path, SMALL.replace("schema: 1", line)) == [fault]


@pytest.mark.parametrize("name", ["my suite", "a/b", "a.b", "''"])
def test_what_cannot_name_a_suite(tmp_path: Path, name: str) -> None:
    (fault,) = spots(tmp_path, SMALL.replace("suite: small", f"suite: {name}"))
    assert fault.startswith("2:8: suite: expected a name of letters, digits, - and _")


def test_a_name_that_looks_like_a_number_is_a_text(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL.replace("suite: small", "suite: 007")).name == "007"


def test_report_and_requires(tmp_path: Path) -> None:
    suite = load(tmp_path, SMALL + "report: {examples: text}\nrequires: [torch, network, gpu, env:HF_TOKEN]\n")
    assert suite.report_examples == "text"
    assert suite.requires == ("torch", "network", "gpu", "env:HF_TOKEN")
    assert spots(tmp_path, SMALL + "report: {examples: all}\nrequires: [a b, gpu]\n") == [
        "10:20: examples: expected 'ids' or 'text', not 'all'",
        "11:12: requires, item 1: expected network, gpu, env:NAME or the name of a Python module, not 'a b'",
    ]


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("suite: small", "suite: a b").replace("prediction: int8", "predicton: int8").replace("2pp", "2%") + "abuot: x\n"
    found = faults(tmp_path, text)
    assert [(fault.line, fault.column) for fault in found] == [(2, 8), (7, 29), (9, 42), (10, 1)]
    assert all(fault.path == str(tmp_path / "s.yaml") for fault in found)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(SuiteError) as caught:
            load_suite(path, REGISTERS, {})
        assert len(caught.value.faults) == 1
        assert "cannot read" in str(caught.value)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(SMALL.encode() + b"about: caf\xe9\n")
    with pytest.raises(SuiteError) as caught:
        load_suite(tmp_path / "s.yaml", REGISTERS, {})
    (fault,) = caught.value.faults
    assert (fault.line, fault.column) == (10, 11)
    assert "UTF-8" in fault.message


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load_suite(tmp_path / "s.yaml", REGISTERS, {}).name == "small"


def test_a_file_too_large_to_be_a_suite(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, SMALL + "#" * 1_000_001)
    assert "larger than" in fault.message


def test_importing_the_language_loads_nothing_heavy() -> None:
    code = "import sys, harness.spec; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert loaded.isdisjoint({"numpy", "pyarrow", "torch", "onnx", "onnxruntime", "scipy", "sklearn", "polars", "pytest", "jsonschema"})
