"""Opening the data sets of a suite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from harness.catalogue import Kinds, Parameters
from harness.catalogue.entrypoints import sources_hash
from harness.core.suite import DataSpec
from harness.data.cache import Copy, CopyFolder
from harness.data.coding import encode
from harness.data.dataset import ParquetDataset, check_columns, naming
from harness.data.files import FileSource
from harness.data.index import IndexFolder, index_key
from harness.data.parameters import FileParameters
from harness.data.segmenting import Segmenter
from harness.data.table import ParquetTable
from harness.errors import UsageError
from harness.ports.data import DataIndex, SourceAdapter

_LAYOUT = "1"
"""Changes when the Parquet copies of one source come out differently."""

_NO_EDGES: Mapping[str, tuple[float, ...]] = MappingProxyType({})


class DataOpener:
    """Opens data sets of the kinds in `sources`; `cache` is the harness's own folder (`.harness`)."""

    def __init__(self, sources: Kinds[SourceAdapter], cache: Path) -> None:
        self._sources = sources
        self._copies = CopyFolder(cache)
        self._indexes = IndexFolder(cache)

    def open(self, spec: DataSpec, root: Path, *, edges: Mapping[str, tuple[float, ...]] | None = None) -> ParquetDataset:
        """The data set, its columns and ids checked; `DataError` with one sentence for anything wrong."""
        source = _source(spec)
        with naming(spec, source):
            copy = self._copy(spec, root)
            table = ParquetTable(copy.path, disposable=copy.disposable)
        return ParquetDataset(spec, table, copy.content, root, source, edges or _NO_EDGES)

    def index(self, spec: DataSpec, root: Path, *, edges: Mapping[str, tuple[float, ...]] | None = None) -> DataIndex:
        """Its size and segments, read from the segment columns alone and remembered until the source changes."""
        frozen = edges or _NO_EDGES
        with naming(spec, _source(spec)):
            key = index_key(spec, root, frozen, self._stamp(spec, root))
            known = self._indexes.get(key)
            if known is None:
                copy = self._copy(spec, root)
                table = ParquetTable(copy.path, disposable=copy.disposable)
                check_columns(spec, table)
                segmentations = Segmenter(table, spec.segments, root, frozen).all()
                known = self._indexes.put(key, len(table), segmentations, _clusters(spec, table))
        return known

    def _copy(self, spec: DataSpec, root: Path) -> Copy:
        adapter, parameters = self._adapter(spec), _parameters(spec)
        identity = adapter.identity(parameters, root)
        settings = parameters.model_dump(mode="json")
        if isinstance(adapter, FileSource) and isinstance(parameters, FileParameters):
            if adapter.readable_in_place(parameters, root):
                return Copy(adapter.path(parameters, root), identity["content"])
            del settings["path"]  # the content tells, wherever it lies
        key = _hash([_LAYOUT, spec.kind, settings, dict(identity), sources_hash(adapter.modules(parameters), root)])
        return self._copies.get(key, lambda path: adapter.materialise(parameters, root, path))

    def _stamp(self, spec: DataSpec, root: Path) -> object:
        """What tells without reading the rows whether the source is still the same."""
        adapter, parameters = self._adapter(spec), _parameters(spec)
        settings = parameters.model_dump(mode="json")
        if isinstance(adapter, FileSource) and isinstance(parameters, FileParameters):
            return [settings, dict(adapter.stamp(parameters, root))]
        return [spec.kind, settings, dict(adapter.identity(parameters, root)), sources_hash(adapter.modules(parameters), root)]

    def _adapter(self, spec: DataSpec) -> SourceAdapter:
        return self._sources.get(spec.kind).implementation


def _parameters(spec: DataSpec) -> Parameters:
    if not isinstance(spec.parameters, Parameters):
        raise UsageError(f"data {spec.name!r}: parameters must be those of source kind {spec.kind!r}, not {type(spec.parameters).__name__}")
    return spec.parameters


def _clusters(spec: DataSpec, table: ParquetTable) -> int | None:
    """How many values the `cluster_by` column has."""
    return None if spec.cluster_by is None else len(encode(spec.cluster_by, table.column(spec.cluster_by)).values)


def _source(spec: DataSpec) -> str:
    """What messages call the source: the path of a file, else `hf: name`."""
    values = _parameters(spec).model_dump()
    first = next((str(value) for value in values.values()), "")
    return first if spec.kind == "file" else f"{spec.kind}: {first}"


def _hash(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
