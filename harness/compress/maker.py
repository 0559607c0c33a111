"""Makes the candidates that a suite describes by `compress:`, once, and keeps a record of how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.catalogue import Kinds
from harness.compress.between import State, states
from harness.compress.energy import spent
from harness.compress.folder import Record, intact, link_or_copy, made_folder, model_files
from harness.compress.making import MODEL, PROGRAM, Making
from harness.compress.pipeline import Planned, Start, implied_export
from harness.compress.recipe import Recipe, plan_of, recipe, step_key
from harness.compress.resources import Resources
from harness.core.models import ModelSpec
from harness.errors import HarnessError, ModelError
from harness.ports.compress import Artefact, Intermediate, Technique


@dataclass(frozen=True)
class FileMaker:
    """A `Maker` for one suite.

    cache:        folder of all made models; this suite's go to `cache/<suite>/<candidate>/<hash>/`
    root:         folder of the suite file
    resources:    the models and data it works with
    fingerprint:  (model) → content hash of everything that decides its answers
    parameters:   file name (`model.onnx`, `model.pt2`) → (file, original, the last step's parameters) → kind and parameters that run it
    """

    cache: Path
    suite: str
    root: Path
    techniques: Kinds[Technique]
    resources: Resources
    fingerprint: Callable[[ModelSpec], str]
    parameters: Mapping[str, Callable[[Path, ModelSpec, object], tuple[str, object]]]
    seed: int = 0

    def make(self, model: ModelSpec, source: ModelSpec) -> Artefact:
        """See `Maker.make`. Every step is kept under its own hash, so that a killed run goes on where it was.

        `ModelError` when a step fails, does nothing, learns from rows of the test data, or makes a model that the
        runtime refuses.
        """
        found = self._recipe(model, source)

        def build(target: Path) -> Record:
            self._refuse_leaks(model, found)
            made, steps = self._making(model, source, found).run(found)
            for path in model_files(made):
                link_or_copy(path, target / path.name)
            return self._record(model, source, found, steps)

        folder = self._folder(model.name, found.keys[-1])
        return self._artefact(model, source, folder, made_folder(folder, build))

    def find(self, model: ModelSpec, source: ModelSpec) -> Artefact | None:
        """What `make` would return, when it is there and intact; None when it has to be made. Imports no heavy library."""
        folder = self._folder(model.name, self._recipe(model, source).keys[-1])
        record = intact(folder)
        return None if record is None else self._artefact(model, source, folder, record)

    def find_steps(self, model: ModelSpec, source: ModelSpec) -> tuple[Intermediate, ...]:
        """See `Maker.find_steps`."""
        found = self._recipe(model, source)
        making = self._making(model, source, found)
        given = states(found, intact(self._folder(model.name, found.keys[-1])))
        return tuple(self._intermediate(making, state) for state in given)

    def make_steps(self, model: ModelSpec, source: ModelSpec) -> tuple[Intermediate, ...]:
        """See `Maker.make_steps`. A network is exported, to be run where the candidate is.

        `ModelError` when steps that are no longer kept have to be made again and cannot.
        """
        found = self._recipe(model, source)
        making = self._making(model, source, found)
        given = states(found, intact(self._folder(model.name, found.keys[-1])))
        if any(intact(making.folder(state.key)) is None for state in given):
            making.run(found)
        return tuple(self._made_intermediate(making, state) for state in given)

    def _made_intermediate(self, making: Making, state: State) -> Intermediate:
        there = intact(making.folder(state.key)) is not None
        if there and state.in_torch:
            before = making.folder(state.key)
            export, plan, key = self._exported(making.model, state)
            try:
                making.step(export, plan, key, before, None)
            except HarnessError as error:
                return Intermediate(state.reached, None, str(error))
        return self._intermediate(making, state)

    def _intermediate(self, making: Making, state: State) -> Intermediate:
        """A state as a model, if it lies there in a form that can be run."""
        folder = making.folder(self._exported(making.model, state)[-1] if state.in_torch else state.key)
        if intact(folder) is None:
            return Intermediate(state.reached, None, "it is not there; run: harness run")
        kind, parameters = self.parameters[MODEL](folder / MODEL, making.source, None)
        name = state.reached.of(making.model.name)
        return Intermediate(state.reached, replace(making.model, name=name, kind=kind, parameters=parameters, steps=(), judge="end"))

    def _exported(self, model: ModelSpec, state: State) -> tuple[Planned, Mapping[str, object], str]:
        """The export that nobody wrote, put behind a network: what it depends on, and the hash of its result."""
        export = implied_export(self.techniques)
        plan = plan_of(model, export, self.resources, self.seed)
        return export, plan, step_key(state.key, plan)

    def _making(self, model: ModelSpec, source: ModelSpec, found: Recipe) -> Making:
        return Making(self.cache / self.suite / ".steps", self.root, self.resources, model, source, self.seed, found.factories)

    def _recipe(self, model: ModelSpec, source: ModelSpec) -> Recipe:
        start: Start = "torch" if source.kind == "torch" else "onnx"
        return recipe(model, source, start, self.techniques, self.fingerprint, self.resources, self.seed)

    def _artefact(self, model: ModelSpec, source: ModelSpec, folder: Path, record: Record) -> Artefact:
        name = next(name for name in (MODEL, PROGRAM) if name in record["files"])
        kind, parameters = self.parameters[name](folder / name, source, model.steps[-1].parameters)
        return Artefact(replace(model, kind=kind, parameters=parameters, steps=()), folder, record)

    def _refuse_leaks(self, model: ModelSpec, found: Recipe) -> None:
        for rows in dict.fromkeys(found.rows):
            count = self.resources.overlap(model, rows.data, rows.rows)
            if count:
                what = {"calibrate": "calibration", "train": "training", "validate": "validation"}[rows.purpose]
                raise ModelError(
                    f"{count:,} of the {what} rows of {rows.data!r} also stand in the test data, so that the verdict would be about rows "
                    "the candidate has seen; take them out of one of the two, or split the data by the columns the model reads, so that "
                    "equal rows fall on one side"
                )

    def _folder(self, name: str, key: str) -> Path:
        return self.cache / self.suite / name / key[:20]

    def _record(self, model: ModelSpec, source: ModelSpec, found: Recipe, steps: list[Record]) -> Record:
        return {
            "schema": 1,
            "suite": self.suite,
            "candidate": model.name,
            "source": found.origin,
            "source_bytes": self.resources.size(source),
            "steps": [{key: value for key, value in step.items() if key != "files"} for step in steps],
            **spent(steps),
        }
