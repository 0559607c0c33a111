"""The check `drift`: tonight's candidate against what was accepted, on the same ids.

The budget is spent against the pinned golden baseline, never against a sum of nightly steps: fourteen accepted steps of
0.3 points would otherwise pass one by one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from harness.catalogue.parameters import ChangeField
from harness.checks.check import Needs, PowerNote
from harness.checks.examples import worst_reader
from harness.checks.judging import judge, loss_sentence
from harness.checks.material import Material
from harness.checks.parameters import CommonParameters, DriftDefaults
from harness.checks.quality import QualityCheck
from harness.checks.table import Groups
from harness.checks.trust import error_everywhere, with_failures
from harness.core.outcome import Outcome
from harness.core.segment import SegmentRule
from harness.core.verdict import Verdict
from harness.errors import MeasurementError

GONE = "the golden outcomes of {check} are not there: the baseline's .parquet file is absent, or they were too large to keep"
ANEW = "accept with --golden to measure drift from here on"


class DriftParameters(CommonParameters):
    """How far a candidate may drift from what was accepted."""

    check: str = Field(description="the quality check whose accepted outcomes are compared with tonight's")
    max_drop: ChangeField = Field(description="the budget against the golden baseline")
    on_inconclusive: DriftDefaults = Field(default_factory=DriftDefaults, description="fail or warn; drift warns by default")
    decide: Literal["evidence", "observed"] = "evidence"


class DriftCheck:
    """Compares a candidate with its own accepted outcomes by the metric of a quality check."""

    def __init__(self, name: str, parameters: DriftParameters, quality: QualityCheck) -> None:
        self.name = name
        self.parameters = parameters
        self.quality = QualityCheck(quality.name, quality.parameters.model_copy(update=self._update()), quality.metric)

    def _update(self) -> dict[str, object]:
        names = ("segments", "on_inconclusive", "max_unproven", "max_drop", "decide")
        return {name: getattr(self.parameters, name) for name in names}

    def needs(self) -> Needs:
        """See `Check.needs`."""
        return Needs(clean=True, targets=True, baseline=True)

    def segmentations(self) -> dict[str, SegmentRule]:
        """See `Check.segmentations`."""
        return self.parameters.rules()

    def power(self, n: int, segment_margin: object | None, flip_rate: float | None) -> PowerNote | None:
        """See `Check.power`."""
        return self.quality.power(n, segment_margin, flip_rate)

    def hopeless(self, n: int, segment_margin: object | None) -> bool:
        """See `Check.hopeless`."""
        return self.quality.hopeless(n, segment_margin)

    def judge(self, material: Material) -> tuple[Verdict, ...]:
        """See `Check.judge`. Without a baseline there is nothing to drift from: SKIPPED, and said; an ERROR when its outcomes are gone."""
        rules = replace(self.quality.rules(material), check=self.name)
        if material.outputs is None or material.examples.targets is None:
            return error_everywhere(rules, material, "there is no evidence to judge; run the suite first")
        if material.baseline is None:
            return (self._skipped(material, f"no baseline was accepted yet; run: harness baseline accept {material.suite}"),)
        try:
            golden = self.quality.recalled(material, "golden")
            accepted = self.quality.recalled(material, "accepted")
        except MeasurementError as error:
            return error_everywhere(rules, material, str(error))
        if golden is None and self.quality.name not in material.baseline.measures:
            return (self._skipped(material, f"the baseline was accepted before there was {self.quality.name}; accept a new one"),)
        if golden is None:
            return error_everywhere(rules, material, f"{GONE.format(check=self.quality.name)}; restore that file, or {ANEW}")
        try:
            evaluator = self.quality.evaluator(golden, material.outputs, material)
        except MeasurementError as error:
            return error_everywhere(rules, material, str(error))
        segmentations = {name: material.examples.segmentations[name] for name in rules.segments}
        verdicts = judge(
            evaluator,
            len(material.examples),
            rules,
            segmentations,
            worst_reader(material),
            frozenset(material.baseline.segments.get(self.name, ())),
            dict(material.minimum_sizes),
        )
        notes = [
            f"against the golden baseline of {material.baseline.golden.when}; "
            f"models judged since the last accept: {material.baseline.attempts}"
        ]
        if accepted is not None:
            last = self.quality.evaluator(accepted, material.outputs, material).table(
                Groups.everything(len(material.examples)), np.array([rules.limit.amount])
            )
            notes.append(f"against the last accepted one of {material.baseline.accepted.when}: {loss_sentence(last, 0, rules)}")
        verdicts = (replace(verdicts[0], reason="; ".join((verdicts[0].reason, *notes))), *verdicts[1:])
        return with_failures(verdicts, material)

    def _skipped(self, material: Material, reason: str) -> Verdict:
        return Verdict(material.suite, material.candidate, self.name, None, Outcome.SKIPPED, reason, blocks=False)
