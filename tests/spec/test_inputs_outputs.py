"""`input:`, `output:` and `labels:`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.models import InputSpec, OutputSpec, OutputType, Task
from tests.spec.fakes import MARK, load, marked, spots

TEXT = """\
schema: 1
suite: io
data: {{test: {{source: a.csv}}}}
checks: {{agreement: 3%}}
candidates: {{c: {{onnx: b}}}}
original:
  onnx: a
  input: {input}
  output: {output}
"""
FINE_INPUT, FINE_OUTPUT = "{x: y}", "{type: label, task: multiclass}"


@pytest.mark.parametrize(
    ("written", "inputs"),
    [
        ("{tokens: text}", (InputSpec("tokens", ("text",)),)),
        ("{x: 7}", (InputSpec("x", ("7",)),)),
        ("{tokens: {column: text, with: {python: prep:encode}}}", (InputSpec("tokens", ("text",), step="prep:encode"),)),
        (
            "{tokens: {column: text, tokenizer: tokenizer.json, max_length: 128}}",
            (InputSpec("tokens", ("text",), tokenizer="tokenizer.json", max_length=128),),
        ),
        ("{x: {columns: [age, income], dtype: float32}}", (InputSpec("x", ("age", "income"), dtype="float32"),)),
        ("{x: {column: pixels, dtype: float32, shape: [1, 8, 8]}}", (InputSpec("x", ("pixels",), dtype="float32", shape=(1, 8, 8)),)),
        ("{a: b, c: {column: d}}", (InputSpec("a", ("b",)), InputSpec("c", ("d",)))),
    ],
)
def test_inputs(tmp_path: Path, written: str, inputs: tuple[InputSpec, ...]) -> None:
    assert load(tmp_path, TEXT.format(input=written, output=FINE_OUTPUT)).original.inputs == inputs


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("‸text", "input (tensor name: column, or how it is made) is a mapping of keys, not 'text'"),
        ("{}", "input names no tensor"),
        ("{x: ‸[a, b]}", "input 'x' is a mapping of keys, not a list"),
        ("{‸x: }", "input 'x' needs column: or columns:"),
        ("{x: {column: a, ‸columns: [b]}}", "input 'x' has both column and columns; keep one"),
        ("{x: {columns: ‸[]}}", "columns: expected at least 1 entry, not 0"),
        ("{x: {‸colum: a}}", "unknown key 'colum' in input 'x'; did you mean 'column'?"),
        ("{x: {column: a, with: {python: ‸prep}}}", "python: expected module:function, not 'prep'"),
        ("{x: {column: a, with: ‸prep:encode}}", "with: expected a mapping, not 'prep:encode'"),
        ("{x: {column: a, with: {python: p:e}, ‸tokenizer: t}}", "input 'x' has both with and tokenizer; keep one"),
        ("{x: {columns: [a, b], ‸tokenizer: t}}", "a tokenizer reads one column"),
        ("{x: {column: a, ‸max_length: 3}}", "max_length belongs to a tokenizer"),
        ("{x: {column: a, dtype: ‸float33}}", "dtype: expected 'float16', 'float32'"),
        ("{x: {column: a, shape: [1, ‸-8]}}", "shape, item 2: expected a number of at least 1, not -8"),
        ("{x: {column: a, shape: [1, ‸b]}}", "shape, item 2: expected a whole number, not 'b'"),
    ],
)
def test_faults_of_an_input(tmp_path: Path, written: str, message: str) -> None:
    text = TEXT.format(input=written, output=FINE_OUTPUT)
    text, spot = marked(text if MARK in text else text.replace("  input:", f"  {MARK}input:"))
    (fault,) = spots(tmp_path, text)
    assert fault.startswith(f"{spot}: {message}")


@pytest.mark.parametrize(
    ("written", "output"),
    [
        ("{type: label, task: multiclass}", OutputSpec(OutputType.LABEL, Task.MULTICLASS)),
        (
            "{name: logits, type: logits, task: multiclass, labels: [bn, no, 007, 1.50, true]}",
            OutputSpec(OutputType.LOGITS, Task.MULTICLASS, "logits", ("bn", "no", "007", "1.50", "true")),
        ),
        ("{type: score, task: binary, positive: 1}", OutputSpec(OutputType.SCORE, Task.BINARY, positive="1")),
        (
            "{type: score, task: binary, positive: yes, threshold: -2}",
            OutputSpec(OutputType.SCORE, Task.BINARY, positive="yes", threshold=-2.0),
        ),
        (
            "{type: probabilities, task: binary, labels: [1, 0], positive: 1}",
            OutputSpec(OutputType.PROBABILITIES, Task.BINARY, labels=("1", "0"), positive="1"),
        ),
        (
            "{type: probabilities, task: multilabel, labels: [a, b, c]}",
            OutputSpec(OutputType.PROBABILITIES, Task.MULTILABEL, labels=("a", "b", "c"), threshold=0.5),
        ),
        (
            "{type: logits, task: multilabel, labels: [a, b], threshold: 0.3}",
            OutputSpec(OutputType.LOGITS, Task.MULTILABEL, labels=("a", "b"), threshold=0.3),
        ),
        ("{type: values, task: regression}", OutputSpec(OutputType.VALUES, Task.REGRESSION)),
        ("{type: vector, task: regression}", OutputSpec(OutputType.VECTOR, Task.REGRESSION)),
        ("{type: score, task: ranking, group: query}", OutputSpec(OutputType.SCORE, Task.RANKING, group="query")),
        ("{type: logits, task: tokens, ignore_index: -100}", OutputSpec(OutputType.LOGITS, Task.TOKENS, ignore_index=-100)),
    ],
)
def test_outputs(tmp_path: Path, written: str, output: OutputSpec) -> None:
    assert load(tmp_path, TEXT.format(input=FINE_INPUT, output=written)).original.output == output


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("‸logits", "output is a mapping of keys, not 'logits'"),
        ("{type: label}", "output needs the key 'task'"),
        (
            "{type: ‸logit, task: multiclass}",
            "type: expected 'label', 'probabilities', 'logits', 'score', 'values' or 'vector', not 'logit'",
        ),
        ("{type: ‸score, task: multiclass}", "a multiclass model does not answer with score; task multiclass takes type label,"),
        ("{type: ‸logits, task: regression}", "a regression model does not answer with logits"),
        ("{type: ‸values, task: ranking, group: q}", "a ranking model does not answer with values; task ranking takes type score"),
        ("{type: ‸label, task: multilabel}", "a multilabel model does not answer with label"),
        ("{type: score, task: ranking}", "task ranking needs group:"),
        ("{type: score, task: binary}", "task binary needs positive:"),
        ("{type: label, task: multiclass, positive: ‸a}", "positive has no meaning for task multiclass; it belongs to task binary"),
        (
            "{type: label, task: multiclass, threshold: ‸0.5}",
            "threshold has no meaning for task multiclass; it belongs to task binary or multilabel",
        ),
        ("{type: values, task: regression, labels: ‸[a, b]}", "labels has no meaning for task regression"),
        ("{type: label, task: multiclass, group: ‸q}", "group has no meaning for task multiclass; it belongs to task ranking"),
        ("{type: label, task: multiclass, ignore_index: ‸0}", "ignore_index has no meaning for task multiclass; it belongs to task tokens"),
        ("{type: logits, task: multiclass}", "type logits needs labels"),
        ("{type: label, task: binary, positive: ‸c, labels: [a, b]}", "positive 'c' is not among the labels 'a' and 'b'"),
        ("{type: label, task: binary, positive: a, labels: ‸[a, b, c]}", "task binary has two labels, not 3; or is it task multiclass?"),
        ("{type: label, task: multiclass, labels: ‸[a]}", "labels: expected at least 2 entries, not 1"),
        ("{type: label, task: multiclass, labels: [a, b, ‸a]}", "label 'a' is there twice"),
        ("{type: label, task: multiclass, labels: [1, ‸'1']}", "label '1' is there twice"),
        ("{type: label, task: multiclass, labels: [a, ‸[b]]}", "labels, item 2: expected text, not a list"),
        ("{type: logits, task: multilabel, labels: [a, b], threshold: ‸50%}", "threshold: expected a number, not '50%'"),
        ("{type: logits, task: multilabel, labels: [a, b], threshold: ‸1.5}", "threshold 1.5 is not a probability"),
    ],
)
def test_faults_of_an_output(tmp_path: Path, written: str, message: str) -> None:
    text = TEXT.format(input=FINE_INPUT, output=written)
    text, spot = marked(text if MARK in text else text.replace("  output:", f"  {MARK}output:"))
    (fault,) = spots(tmp_path, text)
    assert fault.startswith(f"{spot}: {message}")


def test_recorded_answers_need_no_labels_beforehand(tmp_path: Path) -> None:
    text = TEXT.format(input=FINE_INPUT, output="{type: logits, task: multiclass}").replace("  input: {x: y}\n", "")
    assert load(tmp_path, text).original.output == OutputSpec(OutputType.LOGITS, Task.MULTICLASS)


OF_FILE = TEXT.format(input=FINE_INPUT, output="{type: logits, task: multiclass, labels: labels.txt}")


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"bn\nmr\nde\n", ("bn", "mr", "de")),
        (b"bn\nmr\nde", ("bn", "mr", "de")),
        (b"\xef\xbb\xbfbn\r\nmr\r\n", ("bn", "mr")),
        (b"0\n007\nno\n", ("0", "007", "no")),
        ("Zürich\nNew York \n\u2028\n".encode(), ("Zürich", "New York ", "\u2028")),
    ],
)
def test_a_file_of_labels_line_i_is_index_i(tmp_path: Path, content: bytes, labels: tuple[str, ...]) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    assert load(tmp_path, OF_FILE).original.output.labels == labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read labels from"),
        (b"", "holds fewer than two labels"),
        (b"one\n", "holds fewer than two labels"),
        (b"a\n\nb\n", "line 2 of"),
        (b"a\nb\n\n", "line 3 of"),
        (b"a\nb\na\n", "label 'a' is there twice"),
        (b"a\n\xff\xfe\n", "is not UTF-8 text"),
    ],
)
def test_faults_of_a_file_of_labels(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    (fault,) = spots(tmp_path, OF_FILE)
    assert fault.startswith("9:52: ")
    assert message in fault
    assert "labels.txt" in fault
