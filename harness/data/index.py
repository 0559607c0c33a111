"""What collection needs to know of a data set, remembered on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.arrays.segmentation import Segmentation
from harness.core.files import below
from harness.core.segment import ByBins, Segment, SegmentationSpec
from harness.core.suite import DataSpec
from harness.ports.data import DataIndex, SegmentSizes

_LAYOUT = "2"
"""Changes when the same declarations give other segments."""


def index_key(spec: DataSpec, root: Path, edges: Mapping[str, tuple[float, ...]], stamp: object) -> str:
    """A hash of everything the index of `spec` depends on; `stamp` tells whether the source is still the same."""
    declared = [
        [segmentation.name, type(segmentation.rule).__name__, asdict(segmentation), _tokenizer(segmentation, root)]
        for segmentation in spec.segments
    ]
    columns = [spec.id, spec.target, spec.cluster_by]
    text = json.dumps([_LAYOUT, stamp, columns, declared, sorted(edges.items())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _tokenizer(segmentation: SegmentationSpec, root: Path) -> list[int]:
    if not isinstance(segmentation.rule, ByBins) or segmentation.rule.tokenizer is None:
        return []
    try:
        state = below(root, segmentation.rule.tokenizer).stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]


class IndexFolder:
    """`<cache>/index/<key>.json`. Only ever a shortcut: what cannot be read or written is worked out again."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "index"

    def get(self, key: str) -> DataIndex | None:
        """The index of that key, None when it is not there."""
        path = self._folder / f"{key}.json"
        try:
            stored = json.loads(path.read_bytes())
            clusters = None if stored["clusters"] is None else int(stored["clusters"])
            index = DataIndex(int(stored["rows"]), tuple(_from_json(item) for item in stored["segmentations"]), clusters)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # clean goes by the last use; a read-only cache serves as well
        return index

    def put(self, key: str, rows: int, segmentations: Sequence[Segmentation], clusters: int | None) -> DataIndex:
        """Remember and return the index."""
        index = DataIndex(rows, tuple(_sizes(segmentation) for segmentation in segmentations), clusters)
        scratch = self._folder / f"{key}.{os.getpid()}.making"
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            stored = {"rows": rows, "segmentations": [_to_json(item) for item in index.segmentations], "clusters": clusters}
            scratch.write_text(json.dumps(stored), encoding="utf-8")
            os.replace(scratch, self._folder / f"{key}.json")
        return index


def _sizes(found: Segmentation) -> SegmentSizes:
    return SegmentSizes(found.name, found.segments, tuple(found.sizes().tolist()), found.edges)


def _to_json(item: SegmentSizes) -> dict[str, Any]:
    return {"name": item.name, "segments": [segment.values for segment in item.segments], "sizes": item.sizes, "edges": item.edges}


def _from_json(item: dict[str, Any]) -> SegmentSizes:
    segments = tuple(Segment(item["name"], tuple((name, value) for name, value in values)) for values in item["segments"])
    edges = None if item["edges"] is None else tuple(item["edges"])
    return SegmentSizes(item["name"], segments, tuple(item["sizes"]), edges)
