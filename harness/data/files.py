"""The source kind `file`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import get_args

from harness.core.files import below, is_readable, meant
from harness.data.arrays import write_npz
from harness.data.compressed import open_bytes
from harness.data.delimited import write_delimited
from harness.data.objects import write_json, write_jsonl
from harness.data.parameters import FileParameters, Format
from harness.errors import DataError


class FileSource:
    """csv, tsv, jsonl, json, npz and gzipped files get a Parquet copy in the cache; a Parquet file is read where it lies."""

    def modules(self, parameters: FileParameters) -> tuple[str, ...]:
        """None: a file runs no code."""
        return ()

    def identity(self, parameters: FileParameters, root: Path) -> Mapping[str, str]:
        """The hash of the file's bytes."""
        with self.path(parameters, root).open("rb") as stream:
            return {"content": hashlib.file_digest(stream, "sha256").hexdigest()}

    def stamp(self, parameters: FileParameters, root: Path) -> Mapping[str, str]:
        """What tells without reading it whether the file is still the same: its place, size and time of change."""
        path = self.path(parameters, root)
        state = path.stat()
        return {"path": str(path.resolve()), "size": str(state.st_size), "changed": str(state.st_mtime_ns)}

    def materialise(self, parameters: FileParameters, root: Path, path: Path) -> None:
        """Write its rows to `path` as Parquet."""
        source, form = self.path(parameters, root), file_format(parameters)
        match form:
            case "csv" | "tsv":
                write_delimited(source, path, parameters.delimiter or ("," if form == "csv" else "\t"), parameters.encoding)
            case "jsonl":
                write_jsonl(source, path, parameters.encoding)
            case "json":
                write_json(source, path, parameters.encoding)
            case "npz":
                write_npz(source, path)
            case "parquet":
                with open_bytes(source) as stream, path.open("wb") as target:
                    shutil.copyfileobj(stream, target)

    def readable_in_place(self, parameters: FileParameters, root: Path) -> bool:
        """Whether the file is Parquet as it lies there."""
        if file_format(parameters) != "parquet":
            return False
        with self.path(parameters, root).open("rb") as stream:
            return stream.read(2) != b"\x1f\x8b"

    def path(self, parameters: FileParameters, root: Path) -> Path:
        """The file; `DataError` when there is none, or it may not be read."""
        path = below(root, parameters.path)
        if is_readable(path, DataError):
            return path
        if path.is_dir():
            raise DataError(f"{path} is a folder; name the file in it")
        raise DataError(f"there is no file {path}; {meant(path)}")


def file_format(parameters: FileParameters) -> Format:
    """The format given, or else the one the suffix stands for; `DataError` for neither."""
    if parameters.format:
        return parameters.format
    suffixes = [suffix.lower().lstrip(".") for suffix in PurePath(parameters.path).suffixes]
    if suffixes and suffixes[-1] == "gz":
        suffixes.pop()
    last = {"ndjson": "jsonl", "pq": "parquet"}.get(suffixes[-1], suffixes[-1]) if suffixes else ""
    for form in get_args(Format):
        if form == last:
            return form  # type: ignore[no-any-return]  # get_args gives the literals of Format
    raise DataError(f"the suffix of {parameters.path!r} does not tell its format; add format: with one of {', '.join(get_args(Format))}")
