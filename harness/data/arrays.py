"""npz: arrays of equal first dimension, each one column."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.data.compressed import open_bytes
from harness.data.writer import column_of, write_table
from harness.errors import DataError


def write_npz(source: Path, path: Path) -> None:
    """Write the arrays of an npz file to `path` as Parquet; arrays of Python objects are refused, never unpickled."""
    columns = _read(source)
    lengths = {name: array.shape[0] if array.ndim else 0 for name, array in columns.items()}
    if not columns:
        raise DataError("holds no arrays")
    if 0 in [array.ndim for array in columns.values()] or len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{name} {array.shape}" for name, array in columns.items())
        raise DataError(f"the arrays must be of equal first dimension, one row each, and are {sizes}")
    write_table(path, pa.table({name: column_of(name, array) for name, array in columns.items()}))


def _read(source: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with open_bytes(source) as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile, EOFError, OSError, AttributeError, TypeError) as error:
        raise DataError(f"is not an npz file of plain arrays: {error}") from error
