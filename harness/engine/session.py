"""One suite in one run: what there is to judge, and the verdicts, each made when it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from harness.arrays.baseline import Baseline
from harness.arrays.footprint import Footprint
from harness.arrays.outputs import Outputs
from harness.arrays.timing import Timings
from harness.checks.check import Check
from harness.checks.material import Examples, Material
from harness.checks.quality import QualityCheck
from harness.core.models import ModelSpec
from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord, quiet_warnings
from harness.core.segment import Segment
from harness.core.steps import StepVerdicts
from harness.core.suite import CheckSpec, DataSpec, Suite
from harness.core.timing import InputSize
from harness.core.verdict import Verdict
from harness.engine import expect
from harness.engine.each_step import EachStep
from harness.engine.frozen_edges import recut, usable_edges
from harness.engine.gather import Gatherer
from harness.engine.items import Item, items_of
from harness.engine.timing import Clock
from harness.engine.tools import Edges, Options, Tools
from harness.errors import HarnessError, MeasurementError, ModelError, StoreError, UsageError, system_sentence
from harness.ports.compress import Artefact, Intermediate
from harness.ports.data import DataIndex, Dataset


class Session:
    """Judges one suite. Data sets, artefacts and evidence are opened once and shared by all verdicts."""

    def __init__(self, suite: Suite, tools: Tools, options: Options) -> None:
        self.suite = suite
        self.tools = tools
        self.options = options
        self.gatherer = Gatherer(suite.name, suite.root, tools, options)
        self.artefacts: dict[str, Artefact] = {}
        self._datasets: dict[str, Dataset] = {}
        self._examples: dict[str, Examples] = {}
        self._outputs: dict[tuple[str, str], Outputs | HarnessError] = {}
        self._verdicts: dict[tuple[str, str], tuple[Verdict, ...]] = {}
        self._each_step = EachStep(self._between, lambda *asked: self._judge_material(self.material(*asked), asked[1]))
        self._baselines: dict[str, Baseline | None] = {}
        self._indexes: dict[str, DataIndex] = {}
        self._started = time.monotonic()

    @cached_property
    def checks(self) -> Mapping[str, Check]:
        """The suite's checks by name; `UsageError` when one makes no sense."""
        return {spec.name: self.tools.make_check(spec, self.suite) for spec in self.suite.checks}

    def candidates(self, names: tuple[str, ...] = ()) -> tuple[ModelSpec, ...]:
        """The candidates, or those of the given names; `UsageError` for an unknown name."""
        known = {model.name: model for model in self.suite.candidates}
        for name in names:
            if name not in known:
                raise UsageError(f"suite {self.suite.name} has no candidate {name!r}; it has {', '.join(known)}")
        return tuple(model for model in self.suite.candidates if not names or model.name in names)

    def items(self, names: tuple[str, ...] = ()) -> tuple[Item, ...]:
        """Everything there is to judge, from segment columns alone."""
        return tuple(item for model in self.candidates(names) for spec in self.suite.checks for item in self._items(model, spec))

    def index(self, check: str) -> DataIndex:
        """Segment sizes of the data a check reads."""
        return self._index(self._spec(check).data)

    def verdicts(self, candidate: str, check: str) -> tuple[Verdict, ...]:
        """The verdicts of one candidate and check, the whole's first; gathers what is missing."""
        if (candidate, check) not in self._verdicts:
            found, model = self._judge(candidate, check), self.suite.model(candidate)
            if self._looks_at_steps(candidate, check):
                found = self._each_step.explained(model, found)
            announced = model.expect.get(check)
            self._verdicts[candidate, check] = expect.apply(found, announced) if announced is not None else found
        return self._verdicts[candidate, check]

    def steps(self, candidate: str, check: str) -> tuple[StepVerdicts, ...]:
        """What a quality check found after each step of a candidate with `judge: each_step`, whose own verdicts are the last; else none."""
        if self._looks_at_steps(candidate, check):
            self.verdicts(candidate, check)
        return self._each_step.steps(candidate, check)

    def verdict(self, item: Item) -> Verdict:
        """The verdict of one item."""
        verdicts = self.verdicts(item.candidate, item.check)
        for verdict in verdicts:
            if verdict.segment == item.segment:
                return verdict
        whole = verdicts[0]
        if whole.outcome in (Outcome.ERROR, Outcome.INVALID, Outcome.SKIPPED):
            return replace(whole, segment=item.segment)
        reason = f"the segment {item.segment.label if item.segment else ''} was collected and is not among the judged ones; run again"
        return replace(whole, segment=item.segment, outcome=Outcome.ERROR, reason=reason, blocks=True, comparison=None, figures=())

    def record(self, *, partial: bool = False) -> SuiteRecord:
        """What was judged so far."""
        judged = tuple(v for key in sorted(self._verdicts, key=self._order) for v in self._verdicts[key])
        fingerprints = {f"model:{name}": value for name, value in self.gatherer.fingerprints.items()}
        fingerprints |= {f"data:{name}": dataset.fingerprint for name, dataset in self._datasets.items()}
        return SuiteRecord(
            suite=self.suite.name,
            about=self.suite.about,
            path=str(self.suite.path),
            verdicts=judged,
            fingerprints=fingerprints,
            warnings=quiet_warnings(judged),
            seconds=time.monotonic() - self._started,
            model_calls=self.gatherer.model_calls,
            partial=partial,
        )

    def baseline(self, candidate: str) -> Baseline | None:
        """The accepted baseline of a candidate."""
        if candidate not in self._baselines:
            found = self.tools.baselines.load(self.suite.name, candidate)
            if found is not None:
                found = replace(found, attempts=self.tools.attempts(self.suite.name, candidate, found.accepted.when))
            self._baselines[candidate] = found
        return self._baselines[candidate]

    def examples(self, data: str) -> Examples:
        """The examples of a data set, without targets (they depend on the output of the model)."""
        if data not in self._examples:
            dataset = self.dataset(data)
            self._examples[data] = Examples(
                name=data,
                fingerprint=dataset.fingerprint,
                ids=dataset.ids(),
                targets=None,
                segmentations={segmentation.name: segmentation for segmentation in dataset.segmentations()},
                clusters=dataset.clusters(),
                target_column=dataset.target_column,
            )
        return self._examples[data]

    def dataset(self, data: str) -> Dataset:
        """An opened data set."""
        if data not in self._datasets:
            self._datasets[data] = self.tools.data.open(self.suite.data[data], self.suite.root, edges=self._edges(data))
        return self._datasets[data]

    def resolve(self, model: ModelSpec, *, make: bool = True) -> ModelSpec:
        """The model itself, or the artefact that its `compress:` steps make of the model they start from.

        `make` False, or a session that gathers nothing, only looks it up: `StoreError` when it was not made yet.
        """
        if not model.steps:
            return model
        if model.name not in self.artefacts:
            maker, source = self.tools.maker(self.suite), self.resolve(self.suite.model(model.source), make=make)
            found = maker.make(model, source) if make and self.options.gather else maker.find(model, source)
            if found is None:
                raise StoreError(f"the candidate {model.name} was not made yet; run: harness run")
            self.artefacts[model.name] = found
        return self.artefacts[model.name].model

    def made(self, model: ModelSpec) -> Artefact | None:
        """The artefact of a candidate with `compress:` steps, when it is there. Makes nothing."""
        if model.steps:
            with suppress(HarnessError, OSError):
                self.resolve(model, make=False)
        return self.artefacts.get(model.name)

    def outputs(self, model: ModelSpec, data: str) -> Outputs:
        """A model's answers to a data set; a failure is remembered and raised again."""
        key = (model.name, data)
        if key not in self._outputs:
            try:
                self._outputs[key] = self.gatherer.outputs(self.resolve(model), self.dataset(data))
            except HarnessError as error:
                self._outputs[key] = error
        found = self._outputs[key]
        if isinstance(found, HarnessError):
            raise found
        return found

    def stored(self, model: ModelSpec, data: str) -> Outputs:
        """A model's answers from this session or the store; `StoreError` when they are in neither. Runs nothing."""
        found = self._outputs.get((model.name, data))
        return found if isinstance(found, Outputs) else self._resting.outputs(self.resolve(model, make=False), self.dataset(data))

    def stored_footprint(self, model: ModelSpec, data: str) -> Footprint:
        """A model's weight from the store; `StoreError` when it was not measured. Runs nothing."""
        return self._resting.footprint(self.resolve(model, make=False), self.dataset(data))

    def stored_noise(self, check: str) -> list[tuple[InputSize, Timings | None]]:
        """Per input size of a check of speed the original against itself; None where that is not stored. Runs nothing."""
        plan, data, original = self.checks[check].needs().timing, self._spec(check).data, self.suite.original
        if plan is None or self.tools.timer.is_recorded(original):
            return []
        clock = Clock(self._resting, self.dataset(data), plan, check)
        return [(size, clock.noise(original, size)) for size in plan.sizes]

    @cached_property
    def _resting(self) -> Gatherer:
        """Reads what is stored and gathers nothing."""
        return Gatherer(self.suite.name, self.suite.root, self.tools, replace(self.options, gather=False, fresh_since=None))

    def material(self, candidate: str, check: str, standing_in: ModelSpec | None = None) -> Material:
        """Everything the check needs to judge the candidate, or a model in its place; errors of data and models are raised."""
        spec, needs = self._spec(check), self.checks[check].needs()
        model, original = standing_in or self.suite.model(candidate), self.suite.original
        examples = self.examples(spec.data)
        without = self.options.without_original
        before = after = noise = footprints = latency = None
        if needs.clean:
            if not without:
                before = self._of_original(lambda: self.outputs(original, spec.data))
            after = self.outputs(model, spec.data)
        if needs.noise and not without:
            noise = self._of_original(lambda: self.gatherer.noise(original, self.dataset(spec.data)))
        if needs.footprint:
            dataset = self.dataset(spec.data)
            heavy = self.gatherer.footprint(original, dataset) if not without else None
            light = self.gatherer.footprint(self.resolve(model), dataset)
            footprints = (heavy or Footprint(), light)
        if needs.timing is not None:
            clock = Clock(self.gatherer, self.dataset(spec.data), needs.timing, check)
            latency = clock.latency(original, self.resolve(model), without_original=without)
        if needs.targets and after is not None:
            examples = replace(examples, targets=self.dataset(spec.data).targets(after.spec))
        if self.suite.report_examples == "text":
            examples = replace(examples, texts=self._texts(spec.data))
        return Material(
            suite=self.suite.name,
            candidate=candidate,
            examples=examples,
            original=before,
            outputs=after,
            noise=noise,
            footprints=footprints,
            latency=latency,
            baseline=self.baseline(candidate),
            originals=self._originals_outcomes(candidate) if without else None,
            without_original=without,
            minimum_sizes={s.name: s.min_examples for s in self.suite.data[spec.data].segments},
        )

    def _originals_outcomes(self, candidate: str) -> Baseline | None:
        """The candidate's baseline, or that of another when it has none: a new candidate is judged against the same original."""
        own = self.baseline(candidate)
        others = (self.baseline(model.name) for model in self.suite.candidates if own is None)
        return own or next((found for found in others if found is not None and found.outcomes is not None), None)

    def _judge(self, candidate: str, check: str) -> tuple[Verdict, ...]:
        """Verdicts, with every error on the way turned into one."""
        try:
            return self._judge_material(self.material(candidate, check), check)
        except MeasurementError as error:
            return self._everywhere(candidate, check, Outcome.INVALID, str(error))
        except HarnessError as error:
            return self._everywhere(candidate, check, Outcome.ERROR, str(error))
        except OSError as error:
            return self._everywhere(candidate, check, Outcome.ERROR, system_sentence(error))

    def _judge_material(self, material: Material, check: str) -> tuple[Verdict, ...]:
        if material.baseline is None:
            return self.checks[check].judge(material)
        judged = self.checks[check].segmentations()
        today = (segment for name in judged for segment in material.examples.segmentations[name].segments)
        found = recut(self.data_spec(check), material.baseline, check, judged, today)
        return found.told(self.checks[check].judge(replace(material, baseline=found.forgotten(material.baseline, check))))

    def _looks_at_steps(self, candidate: str, check: str) -> bool:
        return self.suite.model(candidate).judge == "each_step" and isinstance(self.checks[check], QualityCheck)

    def _between(self, candidate: ModelSpec) -> tuple[Intermediate, ...]:
        """The models between the steps of a candidate; of one that could not be made only those that are there."""
        maker, source = self.tools.maker(self.suite), self.resolve(self.suite.model(candidate.source), make=False)
        made = self.options.gather and candidate.name in self.artefacts
        return maker.make_steps(candidate, source) if made else maker.find_steps(candidate, source)

    def _everywhere(self, candidate: str, check: str, outcome: Outcome, reason: str) -> tuple[Verdict, ...]:
        segments: list[Segment | None] = [None]
        with suppress(HarnessError, OSError):  # When the data cannot even be indexed, the whole's verdict alone carries the reason.
            items = self._items(self.suite.model(candidate), self._spec(check))
            segments += [item.segment for item in items if item.segment]
        return tuple(Verdict(self.suite.name, candidate, check, segment, outcome, reason, blocks=True) for segment in segments)

    @staticmethod
    def _of_original(observe: Callable[[], Outputs]) -> Outputs:
        try:
            return observe()
        except ModelError as error:
            raise MeasurementError(f"the original cannot be measured: {error}") from error

    def _items(self, model: ModelSpec, spec: CheckSpec) -> list[Item]:
        return items_of(self.suite, model, spec, self.checks[spec.name], self._index(spec.data), self.baseline(model.name))

    def _texts(self, data: str) -> Callable[[Sequence[int]], list[str]]:
        dataset = self.dataset(data)
        # A model that names no columns (a recording, a function of whole rows) is about all of them.
        columns = [column for spec in self.suite.original.inputs for column in spec.columns] or list(dataset.columns)

        def texts(rows: Sequence[int]) -> list[str]:
            return [" | ".join(str(row[c]) for c in columns) for row in dataset.take(rows, columns)]

        return texts

    def _index(self, data: str) -> DataIndex:
        if data not in self._indexes:
            self._indexes[data] = self.tools.data.index(self.suite.data[data], self.suite.root, edges=self._edges(data))
        return self._indexes[data]

    def _edges(self, data: str) -> Edges:
        baselines = (self.baseline(model.name) for model in self.suite.candidates)
        return usable_edges(self.suite.data[data], (baseline for baseline in baselines if baseline is not None))

    def _spec(self, check: str) -> CheckSpec:
        return next(spec for spec in self.suite.checks if spec.name == check)

    def _order(self, key: tuple[str, str]) -> tuple[int, int]:
        candidates = [model.name for model in self.suite.candidates]
        checks = [spec.name for spec in self.suite.checks]
        return candidates.index(key[0]), checks.index(key[1])

    def data_spec(self, check: str) -> DataSpec:
        """The data set a check reads, as declared."""
        return self.suite.data[self._spec(check).data]
