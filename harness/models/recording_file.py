"""Files of recorded outputs: csv, tsv, jsonl, json and parquet, also gzipped.

Polars is imported when a recording is read, not before.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ModelError
from harness.models.columns import nearest

if TYPE_CHECKING:
    import polars as pl

_KINDS = ("csv", "tsv", "jsonl", "json", "parquet")

Source = Path | io.BytesIO


def read_columns(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a recording. In csv and tsv all are text, and only an empty field is missing; text is UTF-8.

    `ModelError` when the file cannot be read, has no such column (the nearest is named) or no rows.
    """
    import polars as pl  # noqa: PLC0415

    kind = _kind(path)
    try:
        table = _scan(kind, _opened(path))
        known = table.collect_schema().names()
        absent = [name for name in columns if name not in known]
        if absent:
            raise ModelError(f"{path} has no column {absent[0]!r}; {nearest(absent[0], known)}")
        frame = table.select(list(dict.fromkeys(columns))).collect()
    except pl.exceptions.NoDataError:
        raise ModelError(f"{path} is empty; expected recorded outputs") from None
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"{path} cannot be read as {kind}: {detail}") from error
    if frame.height == 0:
        raise ModelError(f"{path} holds no rows; expected recorded outputs")
    return frame


def _kind(path: Path) -> str:
    names = [name for name in path.name.lower().split(".")[1:] if name != "gz"]
    kind = {"ndjson": "jsonl", "pq": "parquet"}.get(names[-1], names[-1]) if names else ""
    if kind not in _KINDS:
        raise ModelError(
            f"{path}: recorded outputs are csv, tsv, jsonl, json or parquet, also with .gz; not {kind or 'a file without ending'!r}"
        )
    return kind


def _opened(path: Path) -> Source:
    """The file itself, or its content where it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return io.BytesIO(gzip.decompress(path.read_bytes())) if packed else path


def _scan(kind: str, source: Source) -> pl.LazyFrame:
    import polars as pl  # noqa: PLC0415

    match kind:
        case "parquet":
            return pl.scan_parquet(source)
        case "jsonl":
            return pl.scan_ndjson(source, infer_schema_length=None)
        case "json":
            return pl.read_json(source, infer_schema_length=None).lazy()
    text = pl.scan_csv(source, separator="\t" if kind == "tsv" else ",", infer_schema=False)
    # A quoted empty field is as empty as a bare one.
    return text.with_columns(pl.when(pl.all() == "").then(None).otherwise(pl.all()).name.keep())
