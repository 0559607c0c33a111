"""`original:` and `candidates:`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.models import Expectation, InputSpec, OutputType, Step
from tests.spec.fakes import MARK, Cast, Function, Nothing, Onnx, Outputs, Quantize, Torch, load, marked, spots

HEAD = """\
schema: 1
suite: models
data:
  test: {source: runs.csv, id: id, target: language}
  train: {source: train.csv, role: train}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
  agreement: {max_kl: 0.1}
"""
ORIGINAL = """\
original:
  onnx: fp32.onnx
  input: {x: pixels}
  output: {type: label, task: multiclass}
  timeout: 10s
  batch_size: 16
"""


def suite_of(candidate: str, original: str = ORIGINAL) -> str:
    return f"{HEAD}{original}candidates:\n  c: {candidate}\n"


LINE = HEAD.count("\n") + ORIGINAL.count("\n") + 2
"""The line on which `c:` stands."""


@pytest.mark.parametrize(
    ("written", "kind", "parameters"),
    [
        ("{onnx: a.onnx}", "onnx", Onnx(path=Path("a.onnx"))),
        ("{onnx: {path: a.onnx}}", "onnx", Onnx(path=Path("a.onnx"))),
        ("{onnx: {path: a.onnx, threads: 2, providers: [A, B]}}", "onnx", Onnx(path=Path("a.onnx"), threads=2, providers=("A", "B"))),
        ("{onnx: a.onnx, threads: 2}", "onnx", Onnx(path=Path("a.onnx"), threads=2)),
        ("{onnx: {path: a.onnx}, threads: 2}", "onnx", Onnx(path=Path("a.onnx"), threads=2)),
        ("{threads: 2, onnx: 007}", "onnx", Onnx(path=Path("007"), threads=2)),
        ("{python: nets:predict}", "python", Function(function="nets:predict")),
        ("{torch: {factory: n:b, weights: w}}", "torch", Torch(factory="n:b", weights="w")),
        ("{torch: , factory: n:b, weights: w}", "torch", Torch(factory="n:b", weights="w")),
        (
            "{torch: {factory: n:b, weights: w, kwargs: {a: 1, b: no}}}",
            "torch",
            Torch(factory="n:b", weights="w", kwargs={"a": 1, "b": "no"}),
        ),
        ("{outputs: r.csv, scores: {0: p0, 1: p1}}", "outputs", Outputs(path="r.csv", scores={"0": "p0", "1": "p1"})),
        ("{outputs: r.csv, prediction: 8}", "outputs", Outputs(path="r.csv", prediction="8")),
    ],
)
def test_ways_to_write_a_model(tmp_path: Path, written: str, kind: str, parameters: object) -> None:
    (candidate,) = load(tmp_path, suite_of(written)).candidates
    assert (candidate.name, candidate.kind, candidate.parameters, candidate.steps) == ("c", kind, parameters, ())


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("‸a.onnx", "candidate 'c' is a mapping of keys, not 'a.onnx'"),
        ("‸[a.onnx]", "candidate 'c' is a mapping of keys, not a list"),
        ("{}", "candidate 'c' names no model; give it one of: onnx, torch, outputs, python, compress"),
        ("", "candidate 'c' names no model; give it one of: onnx, torch, outputs, python, compress"),
        ("{‸onx: a.onnx}", "unknown key 'onx' in candidate 'c'; did you mean 'onnx'?"),
        ("{onnx: a.onnx, ‸python: b:c}", "candidate 'c' is both onnx and python; a model is one of them"),
        ("{onnx: a.onnx, ‸compress: [fold]}", "candidate 'c' is both onnx and compress; a model is one of them"),
        ("{onnx: a.onnx, ‸thread: 2}", "unknown key 'thread' in candidate 'c'; did you mean 'threads'?"),
        ("{onnx: {path: a.onnx, ‸input: 2}}", "key 'input' belongs one level up, beside the other keys of candidate 'c'"),
        ("{onnx: {path: a.onnx, threads: 2}, ‸threads: 3}", "'threads' is given twice: here, and by 'onnx' on line"),
        ("{‸onnx: {threads: 2}}", "candidate 'c' needs the key 'path'"),
        ("{onnx: ‸[a, b]}", "path: expected text, not a list"),
        ("{torch: ‸a.pt}", "candidate 'c' takes a mapping of parameters (factory, weights, kwargs), not 'a.pt'"),
        ("{onnx: a.onnx, threads: ‸many}", "threads: expected a whole number, not 'many'"),
        ("{onnx: a.onnx, threads: ‸'2'}", "threads: expected a whole number, not '2'"),
        ("{onnx: a.onnx, threads: ‸2.5}", "threads: expected a whole number, not 2.5"),
        ("{onnx: a.onnx, threads: ‸true}", "threads: expected a whole number, not true"),
        ("{onnx: a.onnx, threads: ‸0}", "threads: expected a number of at least 1, not 0"),
        ("{onnx: a.onnx, ‸threads: }", "threads: expected a whole number, not nothing"),
        ("{‸outputs: r.csv}", "say in which column the answers are, with one of prediction, score or scores"),
        ("{onnx: a.onnx, timeout: ‸60}", "'60' is not a duration; write for instance 300ms or 2min"),
        ("{onnx: a.onnx, timeout: ‸60.0}", "'60.0' is not a duration; write for instance 300ms or 2min"),
        ("{onnx: a.onnx, timeout: ‸0s}", "timeout: expected more than no time at all"),
        ("{onnx: a.onnx, batch_size: ‸0}", "batch_size: expected a number of at least 1, not 0"),
        ("{onnx: a.onnx, ‸from: original}", "from: says what compress: starts from; this candidate is given, not made"),
        ("{onnx: a.onnx, ‸judge: each_step}", "judge: says whether each step of compress: is judged; this candidate is given, not made"),
        (
            "{compress: [fold], judge: ‸every_step}",
            "judge: is each_step (the model after every step is judged too) or end (what comes out alone, as without it), not 'every_step'",
        ),
        (
            "{compress: [fold], judge: ‸[each_step]}",
            "judge: is each_step (the model after every step is judged too) or end (what comes out alone, as without it), not a list",
        ),
        ("{‸compress: fold}", "compress is a list of steps, such as [{quantize: {bits: 8}}], not 'fold'"),
        ("{‸compress: []}", "compress is a list of steps, such as [{quantize: {bits: 8}}], not an empty list"),
        ("{compress: [‸foldd]}", "unknown technique 'foldd'; did you mean 'fold'?"),
        ("{compress: [‸quantize]}", "step 'quantize' needs the key 'mode'"),
        ("{compress: [{quantize: {mode: static, bits: ‸5}}]}", "bits: expected 4 or 8, not 5"),
        (
            "{compress: [{quantize: {mode: ‸statik}}]}",
            "mode: expected 'dynamic', 'static' or 'weights', not 'statik'; did you mean 'static'?",
        ),
        ("{compress: [{cast: float16, ‸fold: }]}", "a step names one technique; 'cast' and 'fold' are two"),
        ("{compress: [‸[fold]]}", "a step is a technique with its parameters"),
        ("{compress: [fold], ‸threads: 2}", "unknown key 'threads' in candidate 'c'; "),
        ("{compress: [fold], from: ‸cc}", "there is no candidate 'cc' to compress; did you mean 'c'?"),
        ("{compress: [fold], from: ‸c}", "from: goes round in a circle: c → c"),
        ("{compress: [fold], ‸from: [c]}", "from: names a candidate, or original"),
    ],
)
def test_faults_of_a_model(tmp_path: Path, written: str, message: str) -> None:
    text, spot = marked(suite_of(written) if MARK in written else suite_of(written).replace("  c:", f"  {MARK}c:"))
    (fault,) = spots(tmp_path, text)
    assert fault.startswith(f"{spot}: {message}")


@pytest.mark.parametrize(
    ("original", "spot", "message"),
    [
        ("original: {compress: [fold]}\n", "9:12", "the original is given, not made; compress: belongs to a candidate"),
        ("original: {onnx: a, expect: {accuracy: {outcome: FAIL, reason: r}}}\n", "9:21", "expect: belongs to a candidate"),
        ("original: {onnx: a, from: c}\n", "9:21", "unknown key 'from' in the original"),
        ("original: {onnx: a, input: {x: y}}\n", "9:1", "the original has input: but no output:"),
        ("original: {onx: a}\n", "9:12", "unknown key 'onx' in the original; did you mean 'onnx'?"),
        ("original: a.onnx\n", "9:11", "the original is a mapping of keys, not 'a.onnx'"),
    ],
)
def test_faults_of_an_original(tmp_path: Path, original: str, spot: str, message: str) -> None:
    (fault,) = spots(tmp_path, suite_of("{onnx: b.onnx}", original))
    assert fault.startswith(f"{spot}: {message}")


def test_candidates_inherit_what_they_do_not_say(tmp_path: Path) -> None:
    (same,) = load(tmp_path, suite_of("{onnx: a.onnx}")).candidates
    assert (same.inputs, same.timeout, same.batch_size) == ((InputSpec("x", ("pixels",)),), 10.0, 16)
    assert same.output.type is OutputType.LABEL
    own = "{onnx: a.onnx, input: {y: z}, output: {type: logits, task: multiclass, labels: [a, b]}, timeout: 1min, batch_size: 1}"
    (other,) = load(tmp_path, suite_of(own)).candidates
    assert (other.inputs, other.timeout, other.batch_size) == ((InputSpec("y", ("z",)),), 60.0, 1)
    assert other.output.type is OutputType.LOGITS


def test_what_nobody_says_has_a_default(tmp_path: Path) -> None:
    suite = load(tmp_path, suite_of("{onnx: b}", "original: {onnx: a}\n"))
    assert (suite.original.timeout, suite.original.batch_size, suite.original.output) == (60.0, 64, None)
    assert (suite.candidates[0].timeout, suite.candidates[0].batch_size) == (60.0, 64)


def test_pipelines(tmp_path: Path) -> None:
    text = suite_of("{compress: [fold, {cast: float16}, {quantize: {mode: static}}, {quantize: weights}]}")
    (candidate,) = load(tmp_path, text).candidates
    assert (candidate.kind, candidate.parameters, candidate.source) == ("compress", None, "original")
    assert candidate.steps == (
        Step("fold", Nothing()),
        Step("cast", Cast(dtype="float16")),
        Step("quantize", Quantize(mode="static")),
        Step("quantize", Quantize(mode="weights")),
    )


def test_a_pipeline_may_start_from_a_candidate_and_inherits_from_it(tmp_path: Path) -> None:
    text = suite_of("{compress: [fold], from: d}") + "  d: {onnx: d.onnx, timeout: 3s}\n  e: {compress: [fold], from: original}\n"
    c, d, e = load(tmp_path, text).candidates
    assert (c.source, c.timeout, c.batch_size) == ("d", 3.0, 16)
    assert (d.name, d.timeout) == ("d", 3.0)
    assert (e.source, e.timeout) == ("original", 10.0)


def test_pipelines_that_start_from_each_other(tmp_path: Path) -> None:
    text, spot = marked(suite_of("{compress: [fold], from: ‸d}") + "  d: {compress: [fold], from: c}\n")
    assert spots(tmp_path, text) == [
        f"{spot}: from: goes round in a circle: c → d → c",
        f"{LINE + 1}:{spot.split(':')[1]}: from: goes round in a circle: d → c → d",
    ]


def test_expectations(tmp_path: Path) -> None:
    written = "{onnx: a, expect: {accuracy: {outcome: FAIL, reason: known}, agreement: {outcome: INCONCLUSIVE, reason: 007}}}"
    (candidate,) = load(tmp_path, suite_of(written)).candidates
    assert candidate.expect == {"accuracy": Expectation("FAIL", "known"), "agreement": Expectation("INCONCLUSIVE", "007")}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{‸acuracy: {outcome: FAIL, reason: r}}", "there is no check 'acuracy' to expect anything of; did you mean 'accuracy'?"),
        (
            "{accuracy: {outcome: ‸fail, reason: r}}",
            "outcome: expected 'PASS', 'FAIL', 'INCONCLUSIVE', 'INVALID', 'SKIPPED' or 'ERROR', not 'fail'",
        ),
        ("{‸accuracy: {outcome: FAIL}}", "the expectation of 'accuracy' needs the key 'reason'"),
        ("{accuracy: {outcome: FAIL, reason: ‸''}}", "reason: expected text, not ''"),
        ("{‸accuracy: {outcome: FAIL, reason: ' '}}", "the expectation of 'accuracy' needs a reason"),
        ("{accuracy: ‸FAIL}", "the expectation of 'accuracy' is a mapping of keys, not 'FAIL'"),
        ("‸accuracy", "expect (check: {outcome, reason}) is a mapping of keys, not 'accuracy'"),
    ],
)
def test_faults_of_an_expectation(tmp_path: Path, written: str, message: str) -> None:
    text, spot = marked(suite_of(f"{{onnx: a, expect: {written}}}"))
    (fault,) = spots(tmp_path, text)
    assert fault.startswith(f"{spot}: {message}")


def test_names_of_candidates(tmp_path: Path) -> None:
    text = suite_of("{onnx: a}") + "  original: {onnx: b}\n  'a b': {onnx: c}\n  ../x: {onnx: c}\n  int8.v2: {onnx: d}\n  c: {onnx: e}\n"
    assert spots(tmp_path, text) == [
        f"{LINE + 1}:3: a candidate cannot be called 'original'; that is the name of the original",
        f"{LINE + 2}:3: 'a b' cannot name a candidate: use letters, digits, _, and - or . inside",
        f"{LINE + 3}:3: '../x' cannot name a candidate: use letters, digits, _, and - or . inside",
        f"{LINE + 5}:3: key 'c' is written twice; it stands first on line {LINE}",
    ]


def test_a_suite_without_candidates(tmp_path: Path) -> None:
    (fault,) = spots(tmp_path, HEAD + ORIGINAL + "candidates: {}\n")
    assert fault.startswith(f"{LINE - 1}:1: there is no candidate")
