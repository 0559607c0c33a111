"""jsonl and json: one object per row, its values in the types JSON gives them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from harness.data.compressed import open_bytes
from harness.data.delimited import check_encoding
from harness.data.records import write_records
from harness.errors import DataError


def write_jsonl(source: Path, path: Path, encoding: str) -> None:
    """Write a file of one JSON object per line to `path` as Parquet; a `DataError` names the line at fault."""
    write_records(path, _lines(source, check_encoding(encoding)))


def write_json(source: Path, path: Path, encoding: str) -> None:
    """Write a JSON list of objects to `path` as Parquet; the whole file is read into memory."""
    with open_bytes(source) as stream:
        content = stream.read()
    try:
        rows = json.loads(content.decode(_codec(check_encoding(encoding))), parse_constant=_no_number)
    except UnicodeError as error:
        raise DataError(f"is not {encoding} text ({error}); say which encoding it has") from error
    except ValueError as error:
        raise DataError(f"is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise DataError(f"must be a list of objects, one per row, and is {_sort(rows)}")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"row {number} must be an object and is {_sort(row)}")
    write_records(path, rows)


def _lines(source: Path, encoding: str) -> Iterator[dict[str, Any]]:
    number = 0
    with open_bytes(source) as stream, io.TextIOWrapper(stream, encoding=_codec(encoding), newline="\n") as text:
        try:
            for number, line in enumerate(text, start=1):
                if not line.strip():
                    continue
                row = json.loads(line.rstrip(), parse_constant=_no_number)
                if not isinstance(row, dict):
                    raise DataError(f"line {number} must be an object and is {_sort(row)}")
                yield row
        except UnicodeError as error:
            raise DataError(
                f"line {number + 1} or one soon after it is not {encoding} text ({error}); say which encoding it has"
            ) from error
        except json.JSONDecodeError as error:
            raise DataError(f"line {number} is not JSON: {error.msg} at character {error.colno}") from error
        except ValueError as error:
            raise DataError(f"line {number} is not JSON: {error}") from error


def _codec(encoding: str) -> str:
    return "utf-8-sig" if encoding.startswith("utf-8") else encoding


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value; write null for a missing one")


def _sort(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return names[type(value)]
