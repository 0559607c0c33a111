"""Saying where a csv file is wrong: a slow second reading, done only after the fast one failed or met something odd."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.data.compressed import open_bytes
from harness.data.naming import SHOWN, other_delimiter
from harness.errors import DataError


def find_fault(source: Path, delimiter: str, encoding: str) -> str | None:
    """One sentence on the first thing that is wrong with the file, None when nothing is found."""
    return _wrong_encoding(source, encoding) or _ragged(source, delimiter, encoding)


def check_quoting(source: Path, delimiter: str, encoding: str) -> None:
    """`DataError` when a quotation mark is never closed, or is followed by more of the field."""
    for _ in _rows(source, delimiter, encoding):
        pass


def _wrong_encoding(source: Path, encoding: str) -> str | None:
    with open_bytes(source) as stream:
        if not encoding.startswith("utf-8"):
            return _undecodable(stream.read(), encoding)
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return (
                    f"line {number} is not utf-8 text (byte 0x{line[error.start]:02x} at position {error.start + 1} of the line); "
                    "say which encoding it has, for instance encoding: latin-1"
                )
    return None


def _undecodable(content: bytes, encoding: str) -> str | None:
    try:
        content.decode(encoding)
    except UnicodeError as error:
        return f"is not {encoding} text ({error}); say which encoding it has"
    return None


def _ragged(source: Path, delimiter: str, encoding: str) -> str | None:
    rows = _rows(source, delimiter, encoding)
    try:
        _, header = next(rows, (0, []))
        if not header:
            return "is empty"
        wrong = [(number, line, len(fields)) for number, (line, fields) in enumerate(rows, start=1) if len(fields) != len(header)]
    except DataError as error:
        return str(error)
    if not wrong:
        return None
    shown = "; ".join(f"row {number} (line {line}) has {count}" for number, line, count in wrong[:SHOWN])
    if len(header) == 1 and (other := other_delimiter(header[0])):
        return f"the header has 1 field, but {shown}: {other}"
    more = f"; and {len(wrong) - SHOWN:,} more rows" if len(wrong) > SHOWN else ""
    return f"the header has {len(header)} fields, but {shown}{more}; quote fields that hold the delimiter {delimiter!r}"


def _rows(source: Path, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Line on which each non-empty record ends, and its fields."""
    csv.field_size_limit(sys.maxsize)
    codec = "utf-8-sig" if encoding.startswith("utf-8") else encoding
    with open_bytes(source) as stream, io.TextIOWrapper(stream, encoding=codec, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        started = 1
        try:
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
                started = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"the quotation marks of the row that starts on line {started} do not close properly ({error}); "
                'write a quotation mark inside a quoted field twice: ""'
            ) from error
