"""Sources that are no files: scikit-learn, python functions, the datasets library, third parties."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.catalogue import Kind, Parameters
from harness.core.models import Task
from harness.data.opener import DataOpener
from harness.data.parameters import HfParameters, PythonParameters, SklearnParameters
from harness.data.python import PythonSource
from harness.errors import DataError, MissingDependencyError, UsageError
from tests.data.helpers import opener, output, rows, sources, spec


@pytest.mark.parametrize(
    ("name", "count", "features"),
    [("digits", 1797, 64), ("iris", 150, 4), ("wine", 178, 13), ("breast_cancer", 569, 30), ("diabetes", 442, 10)],
)
def test_sklearn(tmp_path: Path, name: Any, count: int, features: int) -> None:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    dataset = opener(tmp_path).open(spec(SklearnParameters(name=name), "sklearn", target="target"), tmp_path)
    assert len(dataset) == count
    assert dataset.ids().to_pylist() == [str(number) for number in range(count)]
    matrix = dataset.column("features").combine_chunks().to_numpy_ndarray()
    assert matrix.shape == (count, features)
    np.testing.assert_array_equal(matrix, bunch.data.astype(np.float32))
    for position, column in enumerate(bunch.feature_names):
        np.testing.assert_array_equal(dataset.column(str(column)).to_numpy(), bunch.data[:, position])
    if name == "diabetes":
        np.testing.assert_array_equal(dataset.targets(output(Task.REGRESSION)).values, bunch.target)
    else:
        names = tuple(str(each) for each in bunch.target_names)
        targets = dataset.targets(output(Task.MULTICLASS, labels=names))
        np.testing.assert_array_equal(targets.values, bunch.target)


def test_digits_as_images(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    dataset = opener(tmp_path).open(spec(SklearnParameters(name="digits"), "sklearn", target="target"), tmp_path)
    images = dataset.column("image")
    assert images.type == pa.fixed_shape_tensor(pa.float32(), (8, 8))
    np.testing.assert_array_equal(images.combine_chunks().to_numpy_ndarray(), load_digits().images.astype(np.float32))
    assert dataset.targets(output(Task.MULTICLASS)).labels == tuple("0123456789")


MODULE = """
import numpy as np
import helper

def columns():
    print("chatter")
    return {"id": ["a", "b"], "x": np.array([1.5, 2.5]), "image": np.zeros((2, 3, 3), np.float32), "who": [helper.NAME] * 2}

def table():
    import pyarrow as pa
    return pa.table({"id": ["a", "b"], "x": [1.5, 2.5]})

def pandas():
    import pandas
    return pandas.DataFrame({"id": ["a", "b"], "x": [1.5, 2.5]}, index=[7, 8])

def polars():
    import polars
    return polars.DataFrame({"id": ["a", "b"], "x": [1.5, 2.5]})

def dicts():
    yield {"id": "a", "x": 1.5}
    yield {"id": "b", "x": 2.5}

def listed():
    return [{"id": "a", "x": 1.5}, {"id": "b", "x": 2.5}]

def nothing():
    return None

def lengths():
    return {"id": ["a", "b"], "x": [1]}

def objects():
    return {"id": [object()]}

def raises():
    raise ValueError("no such month")

def dies():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

def leaves():
    import sys
    sys.exit("enough")

def no_dicts():
    yield [1]

def no_rows():
    return []
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "makers.py").write_text(MODULE)
    (tmp_path / "helper.py").write_text("NAME = 'first'\n")
    return tmp_path


def open_python(root: Path, function: str, **settings: Any) -> Any:
    return opener(root).open(spec(PythonParameters(function=f"makers:{function}", **settings), "python"), root)


@pytest.mark.parametrize("function", ["columns", "table", "pandas", "polars", "dicts", "listed"])
def test_python_functions_may_return(suite: Path, function: str, capfd: pytest.CaptureFixture[str]) -> None:
    dataset = open_python(suite, function)
    assert rows(dataset, ["id", "x"]) == [{"id": "a", "x": 1.5}, {"id": "b", "x": 2.5}]
    assert "makers" not in sys.modules
    assert str(suite) not in sys.path
    assert capfd.readouterr().out == ""


def test_python_tensors(suite: Path) -> None:
    assert open_python(suite, "columns").column("image").type == pa.fixed_shape_tensor(pa.float32(), (3, 3))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nothing", "returned NoneType; expected a dict of columns"),
        ("lengths", "the columns differ in length: id 2, x 1"),
        ("objects", "column 'id' cannot be stored"),
        ("raises", r"raised ValueError: no such month at .*makers.py:\d+"),
        ("dies", "its process was killed by SIGKILL"),
        ("leaves", "its process ended with status 1: enough"),
        ("no_dicts", "row 1 is list, not a dict"),
        ("no_rows", "there are no rows"),
        ("missing", "has no 'missing'"),
    ],
)
def test_python_faults(suite: Path, function: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)data 'test' .python: makers:{function}.: python source makers:{function}: .*{said}"):
        open_python(suite, function)


def test_python_rows_are_made_again_when_a_source_changes(suite: Path) -> None:
    first = open_python(suite, "columns")
    (suite / "unrelated.py").write_text("X = 1\n")
    again = open_python(suite, "columns")
    assert rows(first, ["who"]) == rows(again, ["who"])
    (suite / "helper.py").write_text("NAME = 'second'\n")
    changed = open_python(suite, "columns")
    assert rows(changed, ["who"])[0] == {"who": "second"}
    assert first.fingerprint == again.fingerprint != changed.fingerprint


def test_python_rows_are_made_once(suite: Path) -> None:
    (suite / "makers.py").write_text(
        "from pathlib import Path\ndef count():\n    with Path('calls').open('a') as f: f.write('x')\n    return {'id': ['a']}\n"
    )
    for _ in range(3):
        open_python(suite, "count")
        opener(suite).index(spec(PythonParameters(function="makers:count"), "python"), suite)
    assert (suite / "calls").read_text() == "x"


def test_python_rows_are_made_again_when_a_declared_file_changes(suite: Path) -> None:
    (suite / "makers.py").write_text("from pathlib import Path\ndef read():\n    return {'id': Path('list.txt').read_text().split()}\n")
    (suite / "list.txt").write_text("a b")
    assert len(open_python(suite, "read", files=("list.txt",))) == 2
    (suite / "list.txt").write_text("a b c")
    assert len(open_python(suite, "read")) == 3
    (suite / "list.txt").write_text("a b c d")
    assert len(open_python(suite, "read", files=("list.txt",))) == 4
    with pytest.raises(DataError, match=r"cannot read .*gone\.txt"):
        open_python(suite, "read", files=("gone.txt",))


def test_hf_from_a_folder_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="the datasets library is not installed")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "test.jsonl").write_text("\n".join(json.dumps({"id": f"{n}", "n": n}) for n in range(5)))
    dataset = opener(tmp_path).open(spec(HfParameters(name="local", split="test"), "hf"), tmp_path)
    assert rows(dataset) == [{"id": f"{n}", "n": n} for n in range(5)]
    with pytest.raises(DataError, match=r"hf: local \(split 'nope'\) cannot be loaded"):
        opener(tmp_path).open(spec(HfParameters(name="local", split="nope"), "hf"), tmp_path)


def test_hf_saved_to_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the datasets library is not installed")
    saved = datasets.Dataset.from_dict(
        {"id": ["a", "b"], "label": [1, 0]},
        features=datasets.Features({"id": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}),
    )
    saved.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"test": saved}).save_to_disk(str(tmp_path / "many"))
    for name in ("one", "many"):
        dataset = opener(tmp_path).open(spec(HfParameters(name=name), "hf"), tmp_path)
        assert rows(dataset) == [{"id": "a", "label": 1}, {"id": "b", "label": 0}]


def test_hf_offline_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="the datasets library is not installed")

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the Hub\nand a long trace")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(
        DataError, match="cannot be loaded: ConnectionError: Couldn't reach the Hub; it needs the network once, or a folder"
    ) as caught:
        opener(tmp_path).open(spec(HfParameters(name="someone/something"), "hf"), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "parameters", "library"),
    [("hf", HfParameters(name="x"), "datasets"), ("sklearn", SklearnParameters(name="iris"), "scikit-learn")],
)
def test_a_library_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, parameters: Parameters, library: str
) -> None:
    import importlib.metadata

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(MissingDependencyError, match=f"needs {library}, which is not installed"):
        opener(tmp_path).open(spec(parameters, kind), tmp_path)


class Count(Parameters):
    to: int


class Counting:
    """What a third party writes."""

    def modules(self, parameters: Count) -> tuple[str, ...]:
        return ()

    def identity(self, parameters: Count, root: Path) -> Mapping[str, str]:
        return {"pid": str(os.getpid())}

    def materialise(self, parameters: Count, root: Path, path: Path) -> None:
        pq.write_table(pa.table({"id": list(range(parameters.to))}), path)


def test_a_third_partys_kind(tmp_path: Path) -> None:
    kinds = sources()
    kinds.register(Kind("count", Count, Counting()))
    made = DataOpener(kinds, tmp_path / "cache")
    assert len(made.open(spec(Count(to=3), "count"), tmp_path)) == 3
    assert len(made.open(spec(Count(to=4), "count"), tmp_path)) == 4


def test_a_kind_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown data source 'fiel'; did you mean 'file'"):
        opener(tmp_path).open(spec("a.csv", "fiel"), tmp_path)


def test_the_versions_of_imported_packages_are_part_of_a_python_source(tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text("import csv\nimport numpy as np\nfrom sklearn import datasets\nimport neighbour\n")
    (tmp_path / "neighbour.py").write_text("import babel.core\n")
    found = PythonSource().identity(PythonParameters(function="rows:make"), tmp_path)
    expected = {name: version(name) for name in ("babel", "numpy", "scikit-learn")}
    assert {name.lower(): number for name, number in found.items()} == expected
