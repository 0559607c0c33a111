"""The process in which a `python:` source runs: `python -m harness.data.python_worker MODULE:FUNCTION ROOT TARGET REPORT PARENT`."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.catalogue.entrypoints import load_function
from harness.core.children import be_killed_with_parent
from harness.data.records import write_records
from harness.data.writer import column_of, write_table
from harness.errors import DataError, HarnessError

ACCEPTED = "a dict of columns, a pyarrow Table, a pandas or polars DataFrame, or an iterable of dicts"
"""What a function may return."""


def write_result(result: Any, path: Path) -> None:
    """Write what a function returned to `path` as Parquet; `DataError` when it is nothing that holds rows."""
    table = as_table(result)
    if table is not None:
        write_table(path, table)
    elif isinstance(result, Iterable) and not isinstance(result, (str, bytes, np.ndarray)):
        write_records(path, _checked(result))
    else:
        raise DataError(f"returned {type(result).__name__}; expected {ACCEPTED}")


def as_table(result: Any) -> pa.Table | None:
    """The Arrow table of a table-like result, None when it is none."""
    if isinstance(result, pa.Table):
        return result
    if isinstance(result, Mapping):
        return _from_columns(result)
    origin = type(result).__module__.partition(".")[0]
    if origin == "pandas":
        return pa.Table.from_pandas(result, preserve_index=False).replace_schema_metadata(None)
    if hasattr(result, "__arrow_c_stream__"):
        return pa.table(result)
    return None


def _from_columns(columns: Mapping[Any, Any]) -> pa.Table:
    arrays = {str(name): column_of(str(name), values) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns differ in length: {', '.join(f'{name} {length:,}' for name, length in lengths.items())}")
    return pa.table(arrays)


def _checked(rows: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is {type(row).__name__}, not a dict")
        yield {str(name): value for name, value in row.items()}


def _place(error: BaseException, root: Path) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def main(function: str, root: Path, target: Path, report: Path) -> int:
    """Run the source; 0 when its rows are in `target`, else 1 with one sentence in `report`."""
    try:
        write_result(load_function(function, root)(), target)
    except HarnessError as error:
        sentence = str(error)
    except Exception as error:
        sentence = f"raised {type(error).__name__}: {' '.join(str(error).split())}{_place(error, root)}"
    else:
        return 0
    report.write_text(json.dumps({"error": sentence}), encoding="utf-8")
    return 1


if __name__ == "__main__":
    be_killed_with_parent(int(sys.argv[5]))
    sys.exit(main(sys.argv[1], *map(Path, sys.argv[2:5])))
