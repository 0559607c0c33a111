"""Accepted baselines under `baselines/<suite>/`: `<candidate>.json` for people, `<candidate>.parquet` for paired comparisons.

The Parquet file holds one row per example and one column per (side, check), in the row order of the data set whose
fingerprint the JSON file names; right-or-wrong outcomes take one bit each before compression. Where the last accepted
outcomes are the golden ones, only these are written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.arrays.baseline import Acceptance, Baseline, Outcomes, Side
from harness.errors import BaselineError

FORMAT = 1
LARGEST_OUTCOMES = 20 * 10**6
"""Bytes of per-example outcomes that are kept beside a baseline; larger ones belong into a store of their own."""


class FileBaselines:
    """Baselines as files in a folder that is committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, suite: str, candidate: str) -> Baseline | None:
        """See `Baselines.load`."""
        path = self._path(suite, candidate)
        try:
            if not path.is_file():
                return None
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["format"] != FORMAT:
                raise BaselineError(f"{path} has format {document['format']}, this version reads {FORMAT}; accept it again")
            return _baseline(document, _read_outcomes(path.with_suffix(".parquet")))
        except BaselineError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BaselineError(
                f"{path} cannot be read as a baseline ({error}); restore it from version control or accept it again"
            ) from error

    def save(self, baseline: Baseline) -> list[Path]:
        """See `Baselines.save`; outcomes above the size limit are left out, which `accept` says."""
        path = self._path(baseline.suite, baseline.candidate)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            written = [path]
            if baseline.outcomes:
                _write_outcomes(path.with_suffix(".parquet"), baseline.outcomes)
                written.append(path.with_suffix(".parquet"))
            else:
                path.with_suffix(".parquet").unlink(missing_ok=True)
            _replace(path, (json.dumps(_document(baseline), indent=1, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise BaselineError(
                f"the baseline {path} cannot be written: {error.strerror or error}; free the disk or the permissions"
            ) from error
        return written

    def candidates(self, suite: str) -> tuple[str, ...]:
        """Candidates of a suite that have a baseline."""
        return tuple(sorted(path.stem for path in (self.folder / suite).glob("*.json")))

    def _path(self, suite: str, candidate: str) -> Path:
        return self.folder / suite / f"{candidate}.json"


def outcomes_size(outcomes: Mapping[tuple[Side, str], Outcomes]) -> int:
    """Bytes the outcomes will take on disk, counted on the compressed table."""
    sink = pa.BufferOutputStream()
    _write_table(sink, outcomes)
    return int(sink.getvalue().size)


def _document(baseline: Baseline) -> dict[str, Any]:
    document = {name: value for name, value in asdict(_without_outcomes(baseline)).items() if name != "outcomes"}
    return {"format": FORMAT, **document}


def _without_outcomes(baseline: Baseline) -> Baseline:
    return Baseline(**{**baseline.__dict__, "outcomes": None})


def _baseline(document: Mapping[str, Any], outcomes: Mapping[tuple[Side, str], Outcomes] | None) -> Baseline:
    return Baseline(
        suite=document["suite"],
        candidate=document["candidate"],
        original_model=document["original_model"],
        data=document["data"],
        segments={check: tuple(labels) for check, labels in document["segments"].items()},
        measures=document["measures"],
        edges={data: {name: tuple(edges) for name, edges in by_name.items()} for data, by_name in document["edges"].items()},
        edge_rules=document.get("edge_rules", {}),  # older baselines lack them, and their edges are not used
        golden=Acceptance(**document["golden"]),
        accepted=Acceptance(**document["accepted"]),
        history=tuple(Acceptance(**entry) for entry in document["history"]),
        attempts=document["attempts"],
        outcomes=outcomes,
    )


def _read_outcomes(path: Path) -> Mapping[tuple[Side, str], Outcomes] | None:
    if not path.is_file():
        return None
    table = pq.read_table(path)
    found: dict[tuple[Side, str], Outcomes] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        side, check, form = field.name.split("/", 2)
        about = json.loads((table.schema.metadata or {})[b"columns"])[field.name]
        found[cast(Side, side), check] = Outcomes(cast(Any, form), _to_numpy(column)[: about["rows"]], tuple(about["labels"]))
    accepted = {("accepted", check): outcomes for (side, check), outcomes in found.items() if side == "golden"}
    return {**accepted, **found}  # type: ignore[dict-item]  # mypy widens the literal "accepted" to str


def _to_numpy(column: pa.ChunkedArray) -> NDArray[np.generic]:
    array = column.combine_chunks()
    if pa.types.is_fixed_size_list(array.type):
        return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), array.type.list_size)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _write_outcomes(path: Path, outcomes: Mapping[tuple[Side, str], Outcomes]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    _write_table(temporary, outcomes)
    os.replace(temporary, path)


def _write_table(where: Any, outcomes: Mapping[tuple[Side, str], Outcomes]) -> None:
    """Checks may read data sets of different length: shorter columns are padded, and their length kept in the metadata."""
    longest = max(len(found.values) for found in outcomes.values())
    columns, names, about = [], [], {}
    for (side, check), found in sorted(outcomes.items()):
        if side == "accepted" and _same(found, outcomes.get(("golden", check))):
            continue
        name = f"{side}/{check}/{found.form}"
        names.append(name)
        about[name] = {"rows": len(found.values), "labels": found.labels}
        columns.append(_to_arrow(_padded(found.values, longest)))
    table = pa.table(dict(zip(names, columns, strict=True))).replace_schema_metadata({"columns": json.dumps(about)})
    pq.write_table(table, where, compression="zstd", compression_level=19)


def _same(one: Outcomes, other: Outcomes | None) -> bool:
    return (
        other is not None
        and (one.form, one.labels) == (other.form, other.labels)
        and np.array_equal(one.values, other.values, equal_nan=one.values.dtype.kind == "f")
    )


def _padded(values: NDArray[np.generic], rows: int) -> NDArray[np.generic]:
    missing = rows - len(values)
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), dtype=values.dtype)]) if missing else values


def _to_arrow(values: NDArray[np.generic]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), int(np.prod(values.shape[1:])))


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)
