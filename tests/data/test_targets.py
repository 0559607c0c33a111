"""Targets by task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.core.models import Task
from harness.data.targets import read_targets
from harness.errors import DataError
from tests.data.helpers import open_file, output, table


def read(root: Path, values: Any, task: Task, more: dict[str, Any] | None = None, **settings: Any) -> Any:
    return read_targets(table(root, {"y": values, **(more or {})}), "y", output(task, **settings))


def test_multiclass_labels_from_the_output_keep_their_order(tmp_path: Path) -> None:
    found = read(tmp_path, ["b", "a", "b", "c"], Task.MULTICLASS, labels=("c", "b", "a", "unused"))
    assert found.labels == ("c", "b", "a", "unused")
    np.testing.assert_array_equal(found.values, [1, 2, 1, 0])
    assert found.values.dtype == np.int32


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["b", "a", "B"], ("B", "a", "b")),
        (["10", "9", "2"], ("2", "9", "10")),
        ([10, 9, 2], ("2", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["01", "1"], ("01", "1")),
        ([True, False], ("false", "true")),
        ([2.0, 1.0], ("1", "2")),
    ],
)
def test_multiclass_labels_from_the_data_are_sorted(tmp_path: Path, values: list[Any], labels: tuple[str, ...]) -> None:
    found = read(tmp_path, values, Task.MULTICLASS)
    assert found.labels == labels
    assert len({found.labels[index] for index in found.values}) == len(values)


def test_a_target_that_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'y' holds 'x', 'z' in rows 2, 3, 5, not among the 2 labels of the output: 'a', 'b'$"):
        read(tmp_path, ["a", "x", "z", "b", "x"], Task.MULTICLASS, labels=("a", "b"))


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.BINARY, Task.REGRESSION, Task.RANKING])
@pytest.mark.parametrize("values", [["1", None, "0", ""], [1.0, None, 0.0, float("nan")]])
def test_missing_targets_are_named(tmp_path: Path, task: Task, values: list[Any]) -> None:
    with pytest.raises(DataError, match=r"the target column 'y' is empty in rows 2, 4; fill it"):
        read(tmp_path, values, task, {"q": ["a"] * 4}, positive="1", group="q")


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        (("no", "yes"), ["yes", "no", "no"]),
        (("yes", "no"), ["yes", "no", "no"]),
        ((), ["yes", "no", "no"]),
        (("no", "yes"), ["yes"]),
        ((), ["no", "yes"]),
    ],
)
def test_binary_labels_are_negative_then_positive(tmp_path: Path, labels: tuple[str, ...], values: list[str]) -> None:
    found = read(tmp_path, values, Task.BINARY, labels=labels, positive="yes")
    assert found.labels == ("no", "yes")
    np.testing.assert_array_equal(found.values, [value == "yes" for value in values])


@pytest.mark.parametrize(
    ("values", "labels", "positive", "said"),
    [
        (["a", "b", "c"], (), "a", "two labels, but column 'y' has 3: 'a', 'b', 'c' .row 3."),
        (["a", "b"], (), "yes", "positive label 'yes' does not occur in column 'y', which holds 'a', 'b'"),
        (["a", "a"], (), "a", "holds only the positive label 'a'; say what the other is called"),
        (["a", "c"], ("a", "b"), "a", "holds 'c' in row 2, not among the 2 labels"),
        (["a", "b"], (), None, "needs positive:"),
    ],
)
def test_binary_faults(tmp_path: Path, values: list[str], labels: tuple[str, ...], positive: str | None, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, values, Task.BINARY, labels=labels, positive=positive)


@pytest.mark.parametrize("values", [["red|blue", None, "blue", "red"], [["red", "blue"], [], ["blue"], ["red"]]])
@pytest.mark.parametrize(("labels", "order"), [((), ("blue", "red")), (("red", "green", "blue"), ("red", "green", "blue"))])
def test_multilabel(tmp_path: Path, values: list[Any], labels: tuple[str, ...], order: tuple[str, ...]) -> None:
    found = read(tmp_path, values, Task.MULTILABEL, labels=labels)
    assert found.labels == order
    sets = [{"red", "blue"}, set(), {"blue"}, {"red"}]
    np.testing.assert_array_equal(found.values, [[label in row for label in order] for row in sets])


def test_multilabel_flags_in_a_tensor_column(tmp_path: Path) -> None:
    flags = np.array([[1, 0], [0, 0], [1, 1]], dtype=np.int64)
    storage = pa.FixedSizeListArray.from_arrays(pa.array(flags.ravel()), 2)
    column = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int64(), (2,)), storage)
    np.testing.assert_array_equal(read(tmp_path, column, Task.MULTILABEL, labels=("a", "b")).values, flags == 1)
    with pytest.raises(DataError, match="2 flags in each row, and there are 3 labels"):
        read(tmp_path, column, Task.MULTILABEL, labels=("a", "b", "c"))


def test_multilabel_faults(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'c' in rows 2, 4, not among"):
        read(tmp_path, ["a|b", "c|a", "", "c"], Task.MULTILABEL, labels=("a", "b"))
    with pytest.raises(DataError, match="empty in row 2"):
        read(tmp_path, [["a"], None, ["a"]], Task.MULTILABEL)
    with pytest.raises(DataError, match="empty in rows 1, 3"):
        read(tmp_path, [["a", None], ["a"], [""], ["a"]], Task.MULTILABEL)


@pytest.mark.parametrize("values", [["1", "-2.5", " 3e2 ", "+4"], [1.0, -2.5, 300.0, 4.0]])
def test_regression(tmp_path: Path, values: list[Any]) -> None:
    np.testing.assert_array_equal(read(tmp_path, values, Task.REGRESSION).values, [1.0, -2.5, 300.0, 4.0])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1", "two", "3", "four"], "column 'y' must hold numbers, but rows 2, 4 are not: 'two'"),
        (["1", "nan"], "row 2 is not: 'nan'"),
        (["1", "inf"], "row 2 is not: 'inf'"),
        (["1", "0x10"], "row 2 is not: '0x10'"),
        (["1", "1_000"], "row 2 is not"),
        ([1.0, float("inf")], "row 2 is not"),
        ([[1.0], [2.0]], "holds list"),
    ],
)
def test_targets_that_are_no_numbers(tmp_path: Path, values: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, values, Task.REGRESSION)


def test_ranking(tmp_path: Path) -> None:
    found = read(tmp_path, ["2", "0", "1"], Task.RANKING, {"q": ["b", "a", "b"]}, group="q")
    np.testing.assert_array_equal(found.values, [2.0, 0.0, 1.0])
    assert found.groups[0] == found.groups[2] != found.groups[1]
    with pytest.raises(DataError, match="group column 'q' is empty in row 2"):
        read(tmp_path, ["2", "0"], Task.RANKING, {"q": ["b", None]}, group="q")
    with pytest.raises(DataError, match="needs group:"):
        read(tmp_path, ["2"], Task.RANKING)
    with pytest.raises(DataError, match="there is no column 'qq'"):
        read(tmp_path, ["2"], Task.RANKING, {"q": ["b"]}, group="qq")


@pytest.mark.parametrize("values", [[[5, 6], [], [7], [8, 9, 10]], ["5 6", "  ", "7", "8  9 10"]])
def test_tokens(tmp_path: Path, values: list[Any]) -> None:
    found = read(tmp_path, values, Task.TOKENS, ignore_index=-100)
    np.testing.assert_array_equal(found.values, [5, 6, 7, 8, 9, 10])
    np.testing.assert_array_equal(found.offsets, [0, 2, 2, 3, 6])
    assert (found.values.dtype, found.ignore_index) == (np.int32, -100)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[5], None, [6]], "empty in row 2"),
        (["5", None, "6"], "empty in row 2"),
        ([[5], [None]], "without gaps"),
        ([[1.5]], "whole numbers"),
        ([[2**40]], "beyond 32 bits"),
        (["5", "5 x"], "must hold whole numbers between blanks, but row 2 hold.*: '5 x'"),
        ([5, 6], "a tokens task needs a list of token ids"),
    ],
)
def test_token_faults(tmp_path: Path, values: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, values, Task.TOKENS)


def test_a_data_set_without_a_target_says_so(tmp_path: Path) -> None:
    dataset = open_file(tmp_path, "a.csv", "id,y\n1,a\n")
    with pytest.raises(DataError, match=r"data 'test' \(a.csv\): declares no target"):
        dataset.targets(output(Task.MULTICLASS))
