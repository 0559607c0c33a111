"""`result.json`: everything a suite's run found, for machines. Its JSON Schema stands beside this file.

Missing is null. A number that is not finite is missing too: JSON has no word for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.core.comparison import Comparison
from harness.core.estimate import Estimate, Figure
from harness.core.numbers import known, unit_of
from harness.core.run import RunRecord, SuiteRecord
from harness.core.verdict import Verdict
from harness.report.extras import ReportExtras

SCHEMA_VERSION = 1


def result_text(run: RunRecord, record: SuiteRecord, extras: ReportExtras) -> str:
    """The file's text: valid JSON, one verdict per line, so that two runs can be compared by `diff`."""
    document = result_document(run, record, extras)
    verdicts = document.pop("verdicts")
    head = ",\n".join(f"{_dump(key)}: {_dump(value)}" for key, value in document.items())
    lines = ",\n".join(_dump(verdict) for verdict in verdicts)
    return f'{{{head},\n"verdicts": [\n{lines}\n]}}\n'


def result_document(run: RunRecord, record: SuiteRecord, extras: ReportExtras) -> dict[str, Any]:
    """The same as nested dicts and lists of JSON values."""
    return {
        "schema": SCHEMA_VERSION,
        "suite": record.suite,
        "about": record.about,
        "path": record.path,
        "run": {"id": run.id, "started": run.started},
        "environment": dict(run.environment),
        "fingerprints": dict(record.fingerprints),
        "warnings": list(record.warnings),
        "seconds": known(record.seconds),
        "model_calls": record.model_calls,
        "partial": record.partial,
        "extras": _finite(asdict(extras)),
        "verdicts": [verdict_row(verdict) for verdict in record.verdicts],
    }


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """One verdict, flat."""
    segment = verdict.segment
    return {
        "item": verdict.item_name,
        "candidate": verdict.candidate,
        "check": verdict.check,
        **_comparison_fields(verdict.comparison),
        "segment": segment.as_mapping() if segment else None,
        "segmentation": segment.segmentation if segment else None,
        "outcome": str(verdict.outcome),
        "suspect": verdict.suspect,
        "blocks": verdict.blocks,
        "critical": verdict.critical,
        "expected": verdict.expected,
        "reason": verdict.reason,
        "needs_more": verdict.needs_more,
        "figures": [_figure(figure) for figure in verdict.figures],
        "worst_examples": [{**vars(example), "loss": known(example.loss)} for example in verdict.worst_examples],
        "warnings": list(verdict.warnings),
    }


_NO_COMPARISON = (
    "metric", "n", "original_value", "original_low", "original_high", "original_level",
    "candidate_value", "candidate_low", "candidate_high", "candidate_level", "drop", "low", "high", "level", "unit", "share",
    "margin", "margin_text", "gained", "lost", "p_harm", "mcnemar_exact", "mcnemar_mid", "smallest_detectable", "method", "notes",
)  # fmt: skip


def _comparison_fields(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return dict.fromkeys(_NO_COMPARISON)
    drop = comparison.drop
    return {
        "metric": comparison.metric,
        "n": comparison.n,
        **_estimate_fields("original", comparison.original),
        **_estimate_fields("candidate", comparison.candidate),
        "drop": known(drop.value),
        "low": known(drop.low),
        "high": known(drop.high),
        "level": drop.level,
        "unit": str(unit_of(comparison)),
        "share": comparison.share,
        "margin": known(comparison.margin),
        "margin_text": comparison.margin_text,
        "gained": comparison.gained,
        "lost": comparison.lost,
        "p_harm": known(comparison.p_harm),
        "mcnemar_exact": known(comparison.mcnemar_exact),
        "mcnemar_mid": known(comparison.mcnemar_mid),
        "smallest_detectable": known(comparison.smallest_detectable),
        "method": comparison.method,
        "notes": list(comparison.notes),
    }


def _estimate_fields(name: str, estimate: Estimate) -> dict[str, Any]:
    return {
        f"{name}_value": known(estimate.value),
        f"{name}_low": known(estimate.low),
        f"{name}_high": known(estimate.high),
        f"{name}_level": estimate.level,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {**vars(figure), **{name: known(getattr(figure, name)) for name in ("original", "candidate", "low", "high")}}


def _finite(value: Any) -> Any:
    """`value` with every number that is not finite replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
