"""csv and tsv: every value is text, and only an empty field is missing.

`NA`, `nan`, `null`, `no` and `007` stay what they are. A quoted empty field is empty. Empty lines are no rows.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from harness.data.compressed import open_bytes
from harness.data.delimited_faults import check_quoting, find_fault
from harness.data.writer import check_names, write_batches
from harness.errors import DataError

_BLOCK = 4 * 2**20
_LARGEST_BLOCK = 2**30


def write_delimited(source: Path, path: Path, delimiter: str, encoding: str) -> None:
    """Write the rows of the csv file `source` to `path` as Parquet; a `DataError` names the rows and lines at fault."""
    encoding = check_encoding(encoding)
    block = _BLOCK
    while True:
        try:
            multiline = _convert(source, path, delimiter, encoding, block)
            break
        except pa.ArrowInvalid as error:
            if "straddling" in str(error) and block < _LARGEST_BLOCK:
                block *= 16
                continue
            raise DataError(find_fault(source, delimiter, encoding) or f"cannot be read as csv: {error}") from error
        except UnicodeError as error:
            raise DataError(find_fault(source, delimiter, encoding) or f"is not {encoding} text: {error}") from error
    if multiline:
        check_quoting(source, delimiter, encoding)


def check_encoding(name: str) -> str:
    """The encoding as Python calls it; `DataError` when there is none of that name."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise DataError(f"there is no encoding {name!r}; write for instance utf-8, latin-1 or cp1252") from None


def _convert(source: Path, path: Path, delimiter: str, encoding: str, block: int) -> bool:
    names = _header(source, delimiter, encoding, block)
    check_names(names)
    with open_bytes(source) as stream:
        reader = _reader(stream, delimiter, encoding, block, names)
        watch = _Multiline()
        write_batches(path, reader.schema, watch.over(reader))
    return watch.seen


def _header(source: Path, delimiter: str, encoding: str, block: int) -> list[str]:
    with open_bytes(source) as stream:
        names: list[str] = _reader(stream, delimiter, encoding, block, []).schema.names
        return names


def _reader(stream: IO[bytes], delimiter: str, encoding: str, block: int, names: list[str]) -> pcsv.CSVStreamingReader:
    return pcsv.open_csv(
        stream,
        read_options=pcsv.ReadOptions(block_size=block, encoding=encoding),
        parse_options=pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pcsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


class _Multiline:
    """Notices values that hold a line break: a quotation mark that is never closed makes one out of many rows."""

    def __init__(self) -> None:
        self.seen = False

    def over(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.seen = self.seen or any(_has_line_break(column) for column in batch.columns)
            yield batch


def _has_line_break(column: pa.Array) -> bool:
    """Looks at the bytes of all texts at once: an expression per value takes longer than reading the file."""
    characters = column.buffers()[-1]
    if characters is None:
        return False
    seen = np.frombuffer(characters, dtype=np.uint8)
    return bool(((seen == ord("\n")) | (seen == ord("\r"))).any())
