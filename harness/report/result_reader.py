"""Reading `result.json` back, to render a report again or to compare runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.arrays.footprint import Footprint, Weights
from harness.core.comparison import Comparison
from harness.core.estimate import Estimate, Figure
from harness.core.outcome import Outcome
from harness.core.run import RunRecord, SuiteRecord
from harness.core.segment import Segment
from harness.core.verdict import Verdict, WorstExample
from harness.errors import StoreError
from harness.report.each_step import StepCell, StepColumn, StepRow, StepTable
from harness.report.extras import Confusion, FlipTable, ReportExtras
from harness.report.made import Made, MadeLayer, MadeStage, MadeStep
from harness.report.result_json import SCHEMA_VERSION


@dataclass(frozen=True)
class StoredReport:
    """What one `result.json` holds: the run with this one suite, and the extras of the suite."""

    run: RunRecord
    extras: ReportExtras

    @property
    def record(self) -> SuiteRecord:
        """The suite's record."""
        return self.run.suites[0]


def read_result(path: Path) -> SuiteRecord:
    """The suite's record in `path`; `StoreError` as for `read_report`."""
    return read_report(path).record


def read_report(path: Path) -> StoredReport:
    """Everything in `path`, a `result.json`.

    A value of an estimate that was missing comes back as NaN. Raises `StoreError` when the file is missing, is not a
    result, or was written under another schema version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist; a run of the suite writes it") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a result: {error}; run the suite again") from error
    version = document.get("schema") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} follows result schema {version!r}, this version of the harness reads {SCHEMA_VERSION}; run the suite again"
        )
    try:
        return _report(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} does not follow its schema ({type(error).__name__}: {error}); run the suite again") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def _report(document: Mapping[str, Any]) -> StoredReport:
    name = document["suite"]
    record = SuiteRecord(
        suite=name,
        about=document["about"],
        path=document["path"],
        verdicts=tuple(verdict_of(name, row) for row in document["verdicts"]),
        fingerprints=dict(document["fingerprints"]),
        warnings=tuple(document["warnings"]),
        seconds=_number(document["seconds"]),
        model_calls=document["model_calls"],
        partial=document["partial"],
    )
    run = RunRecord(document["run"]["id"], document["run"]["started"], (record,), dict(document["environment"]))
    return StoredReport(run, _extras(document["extras"]))


def verdict_of(suite: str, row: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdict_row` made a row of."""
    values = row["segment"]
    return Verdict(
        suite=suite,
        candidate=row["candidate"],
        check=row["check"],
        segment=None if values is None else Segment(row["segmentation"], tuple(values.items())),
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        blocks=row["blocks"],
        comparison=None if row["metric"] is None else _comparison(row),
        figures=tuple(Figure(**figure) for figure in row["figures"]),
        suspect=row["suspect"],
        critical=row["critical"],
        needs_more=row["needs_more"],
        expected=row["expected"],
        worst_examples=tuple(WorstExample(**{**example, "loss": _number(example["loss"])}) for example in row["worst_examples"]),
        warnings=tuple(row["warnings"]),
    )


def _comparison(row: Mapping[str, Any]) -> Comparison:
    same = ("metric", "n", "method", "margin", "margin_text", "share", "gained", "lost", "p_harm", "mcnemar_exact", "mcnemar_mid")
    return Comparison(
        **{name: row[name] for name in (*same, "smallest_detectable")},
        original=_estimate(row, "original"),
        candidate=_estimate(row, "candidate"),
        drop=Estimate(_number(row["drop"]), row["low"], row["high"], row["level"]),
        notes=tuple(row["notes"]),
    )


def _estimate(row: Mapping[str, Any], name: str) -> Estimate:
    return Estimate(_number(row[f"{name}_value"]), row[f"{name}_low"], row[f"{name}_high"], row[f"{name}_level"])


def _extras(stored: Mapping[str, Any]) -> ReportExtras:
    return ReportExtras(
        flips=tuple(_flips(table) for table in stored["flips"]),
        footprints={model: _footprint(footprint) for model, footprint in stored["footprints"].items()},
        original=stored["original"],
        made=tuple(_made(made) for made in stored.get("made", ())),
        quality=stored.get("quality", ""),
        each_step=tuple(_step_table(table) for table in stored.get("each_step", ())),
    )


def _step_table(stored: Mapping[str, Any]) -> StepTable:
    columns = tuple(StepColumn(**column) for column in stored["columns"])
    rows = tuple(StepRow(**{**row, "cells": tuple(cell and StepCell(**cell) for cell in row["cells"])}) for row in stored["rows"])
    return StepTable(**{**stored, "columns": columns, "rows": rows})


def _flips(table: Mapping[str, Any]) -> FlipTable:
    return FlipTable(**{**table, "confusions": tuple(Confusion(**confusion) for confusion in table["confusions"])})


def _footprint(stored: Mapping[str, Any]) -> Footprint:
    weights = stored["weights"]
    return Footprint(**{**stored, "weights": None if weights is None else Weights(**{**weights, "bits": _number(weights["bits"])})})


def _made(stored: Mapping[str, Any]) -> Made:
    return Made(**{**stored, "steps": tuple(_step(step) for step in stored["steps"])})


def _step(stored: Mapping[str, Any]) -> MadeStep:
    layers = tuple(MadeLayer(**{**layer, "shape": tuple(layer["shape"])}) for layer in stored["layers"])
    trace = tuple(MadeStage(**stage) for stage in stored["trace"])
    return MadeStep(**{**stored, "layers": layers, "notes": tuple(stored["notes"]), "table": tuple(stored["table"]), "trace": trace})


def _number(value: float | None) -> float:
    return math.nan if value is None else value
