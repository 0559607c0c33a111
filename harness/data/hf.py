"""The source kind `hf`: data sets of the `datasets` library, from the hub or from a folder.

`datasets` is imported late: it is an extra, and slow to import.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.data.parameters import HfParameters
from harness.data.writer import check_names, write_batches
from harness.errors import DataError, MissingDependencyError

_BATCH = 10_000


class HfSource:
    """Rows of one split, values as stored: a class label is its number."""

    def modules(self, parameters: HfParameters) -> tuple[str, ...]:
        """None of the suite's."""
        return ()

    def identity(self, parameters: HfParameters, root: Path) -> Mapping[str, str]:
        """The version of `datasets`, and for a folder the names, sizes and times of its files."""
        try:
            found = {"datasets": importlib.metadata.version("datasets")}
        except importlib.metadata.PackageNotFoundError:
            raise MissingDependencyError("datasets", "llm", f"the data source hf: {parameters.name}") from None
        folder = root / parameters.name
        if folder.is_dir():
            states = [(str(path.relative_to(folder)), path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
            lines = [f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states]
            found["files"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return found

    def materialise(self, parameters: HfParameters, root: Path, path: Path) -> None:
        """Fetch the split, unless the library has it already, and write it to `path`."""
        folder = root / parameters.name
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            rows = _load(parameters, folder if folder.is_dir() else None, scratch)
            schema = rows.features.arrow_schema.remove_metadata()
            check_names(schema.names)
            write_batches(path, schema, _batches(rows, schema))


def _load(parameters: HfParameters, folder: Path | None, scratch: str) -> Any:
    import datasets  # noqa: PLC0415

    try:
        if folder is not None and ((folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()):
            saved = datasets.load_from_disk(str(folder))
            return saved[parameters.split] if isinstance(saved, datasets.DatasetDict) else saved
        return datasets.load_dataset(
            str(folder) if folder is not None else parameters.name,
            parameters.config,
            split=parameters.split,
            revision=parameters.revision,
            cache_dir=scratch if folder is not None else None,
        )
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"hf: {parameters.name} (split {parameters.split!r}) cannot be loaded: {type(error).__name__}: {reason}; "
            "it needs the network once, or a folder of that name beside the suite"
        ) from error


def _batches(rows: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for table in rows.with_format("arrow").iter(batch_size=_BATCH):
        yield from table.replace_schema_metadata(None).cast(schema).to_batches()
