"""The source kind `sklearn`: the small data sets that come with scikit-learn.

scikit-learn is imported late: it takes a second, and only this adapter needs it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.data.parameters import SklearnParameters
from harness.data.writer import column_of, write_table
from harness.errors import MissingDependencyError


class SklearnSource:
    """Columns: `id` (0, 1, …), every feature by its name, `features` with all of them (float32), `target`.

    `target` is the name of the class, and a number for diabetes; digits has `image` (8, 8) float32 besides, values 0 to 16.
    """

    def modules(self, parameters: SklearnParameters) -> tuple[str, ...]:
        """None of the suite's."""
        return ()

    def identity(self, parameters: SklearnParameters, root: Path) -> Mapping[str, str]:
        """The version of scikit-learn."""
        return {"scikit-learn": _version()}

    def materialise(self, parameters: SklearnParameters, root: Path, path: Path) -> None:
        """Write the data set to `path`."""
        from sklearn import datasets  # noqa: PLC0415

        bunch = getattr(datasets, f"load_{parameters.name}")()
        features = np.asarray(bunch.data)
        columns: dict[str, pa.Array] = {"id": pa.array(np.arange(len(features)))}
        for position, name in enumerate(bunch.feature_names):
            columns[str(name)] = column_of(str(name), np.ascontiguousarray(features[:, position]))
        columns["features"] = column_of("features", features.astype(np.float32))
        if parameters.name == "digits":
            columns["image"] = column_of("image", bunch.images.astype(np.float32))
        columns["target"] = _target(bunch)
        write_table(path, pa.table(columns))


def _target(bunch: Any) -> pa.Array:
    if "target_names" not in bunch:
        return pa.array(np.asarray(bunch.target, dtype=np.float64))
    names = [str(name) for name in bunch.target_names]
    return pa.array([names[index] for index in bunch.target])


def _version() -> str:
    try:
        return importlib.metadata.version("scikit-learn")
    except importlib.metadata.PackageNotFoundError:
        raise MissingDependencyError("scikit-learn", "all", "a data source sklearn:") from None
