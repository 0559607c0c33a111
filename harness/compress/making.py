"""One candidate in the making: step after step, each stage of a schedule kept, the last one that held comes out."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.compress import graph
from harness.compress.energy import EnergyMeter, spent
from harness.compress.folder import Record, link_or_copy, made_folder, model_files
from harness.compress.pipeline import Planned
from harness.compress.recipe import Recipe, stage_key
from harness.compress.resources import Resources
from harness.compress.runtime import answers, refusal
from harness.core.models import ModelSpec
from harness.errors import HarnessError, ModelError
from harness.ports.compress import StepContext, StepReport, StopRule

MODEL = "model.onnx"
PROGRAM = "model.pt2"
NETWORK = "network"
"""Folder with the network that the next stage of a schedule goes on from, beside the graph that was made of it."""
VERIFIED_ROWS = 64
"""Rows of real input on which a network is traced and an export must answer like its original."""


@dataclass(frozen=True)
class Making:
    """Runs the steps of one recipe.

    `steps` is the folder in which every step's result is kept under its hash. `factories` are the references that the recipe
    itself names: no other is called, whatever a kept structure says.
    """

    steps: Path
    root: Path
    resources: Resources
    model: ModelSpec
    source: ModelSpec
    seed: int
    factories: frozenset[str] = frozenset()

    def run(self, recipe: Recipe) -> tuple[Path, list[Record]]:
        """The folder of the last step's result, and what is to be told of each step."""
        origin = state = self._origin(recipe)
        records = []
        for step, plan, key in zip(recipe.steps, recipe.plans, recipe.keys[1:], strict=True):
            state, record = self.step(step, plan, key, state, origin)
            records.append(record)
        assert state is not None
        return state, records

    def _origin(self, recipe: Recipe) -> Path | None:
        """The folder of an original that is ONNX already; None for a torch network, which its factory makes."""
        path = self.resources.onnx_path(self.source)
        if path is None and self.source.kind == "torch":
            return None
        if path is None:
            raise ModelError(
                f"{self.source.name}: a model of kind {self.source.kind} cannot be compressed; compress works on onnx and torch models"
            )
        folder = self.folder(recipe.keys[0])

        def build(target: Path) -> Record:
            graph.write(graph.read(path), target / MODEL)
            return {"notes": [f"copied from {path.name}"], "seconds": 0.0}

        made_folder(folder, build)
        return folder

    def folder(self, key: str) -> Path:
        """Where the result with this hash is kept."""
        return self.steps / key[:20]

    def step(self, step: Planned, plan: Mapping[str, object], key: str, before: Path | None, origin: Path | None) -> tuple[Path, Record]:
        """The folder of one step's result, made if it is not there, and its record.

        `before` is what it is done to (None: the network as its factory makes it), `origin` what the whole candidate began with.
        """
        stages = step.technique.stages(step.parameters)
        rule = step.technique.stop_rule(step.parameters)
        folder = self.folder(key)
        if len(stages) == 1 and rule is None:
            return folder, made_folder(folder, partial(self._stage, step, stages[0], plan, before, key))

        def build(target: Path) -> Record:
            reached, trace = self._schedule(step, stages, rule, key, before, origin)
            for path in reached.iterdir():
                if path.is_file() and path.name != "artifact.json":
                    link_or_copy(path, target / path.name)
            kept = next(entry for entry in reversed(trace) if entry["kept"])
            return {**plan, **kept["report"], "trace": [_without_report(entry) for entry in trace], **spent(trace)}

        return folder, made_folder(folder, build)

    def _schedule(
        self, step: Planned, stages: tuple[Any, ...], rule: StopRule | None, key: str, before: Path | None, origin: Path | None
    ) -> tuple[Path, list[dict[str, Any]]]:
        """The folder of the last stage that held, and one entry per stage that was tried."""
        state, trace = before, list[dict[str, Any]]()
        score = self._score(state, rule.data) if rule else None
        # What is lost in all counts from the original, whatever steps came before and whether they were found or made.
        first = score if rule is None or before == origin else self._score(origin, rule.data)
        for number, stage in enumerate(stages, start=1):
            own_key = stage_key(key, number)
            folder = self.folder(own_key)
            record = made_folder(folder, partial(self._stage, step, stage, {}, state, own_key))
            entry: dict[str, Any] = {"stage": number, "parameters": _told(stage), "seconds": record["seconds"], "kept": True}
            entry |= {"energy": record["energy"]} if "energy" in record else {}
            entry["report"] = {name: record[name] for name in ("layers", "notes", "table", "bytes")}
            trace.append(entry)
            if rule and score is not None and first is not None:
                now = self._score(folder, rule.data)
                entry |= {"score": now, "drop": score - now, "total_drop": first - now}
                if why := _too_far(entry, rule):
                    entry |= {"kept": False, "stopped": why}
                    break
                score = now
            state = folder
        if state is None or not any(entry["kept"] for entry in trace):
            raise ModelError(
                f"step {step.name}: the first stage of the schedule already loses too much ({trace[0]['stopped']}); begin lower"
            )
        return state, trace

    def _stage(self, step: Planned, parameters: Any, plan: Mapping[str, object], before: Path | None, key: str, target: Path) -> Record:
        """Carry out one stage into `target`."""
        began = time.monotonic()
        checkpoint = self.steps / f"{key[:20]}.checkpoint"
        with EnergyMeter() as meter, tempfile.TemporaryDirectory(prefix="harness-step-") as scratch:
            context = self._context(Path(scratch), checkpoint)
            report = _guarded(step.name, partial(self._carry_out, step, parameters, before, target, context))
        shutil.rmtree(checkpoint, ignore_errors=True)
        return {
            **plan,
            "layers": [asdict(layer) for layer in report.layers],
            "notes": list(report.notes),
            "table": list(report.table),
            "bytes": [self._size(before), self._size(target)],
            "seconds": round(time.monotonic() - began, 3),
            **({"energy": meter.found} if meter.found else {}),
        }

    def _carry_out(self, step: Planned, parameters: Any, before: Path | None, target: Path, context: StepContext) -> StepReport:
        if step.form == "onnx":
            assert before is not None
            report = step.technique.apply(before / MODEL, target / MODEL, parameters, context)
            _refuse_broken(step.name, before / MODEL, target / MODEL)
            return report
        network = self._network(before)
        if step.form == "torch":
            report = step.technique.transform(network, parameters, context)
            network.save(target)
            return report
        path = target / (MODEL if step.form == "torch to onnx" else PROGRAM)
        report = step.technique.lower(network, path, parameters, context)
        if not path.is_file():
            raise ModelError(f"step {step.name} wrote no model")
        if len(step.technique.stages(step.parameters)) > 1:
            (target / NETWORK).mkdir()
            network.save(target / NETWORK)
        return report

    def _network(self, before: Path | None) -> Any:
        import torch  # noqa: PLC0415

        from harness.compress.network import Network  # noqa: PLC0415  # imports torch

        # As many threads as the model runs on: sums of another order would give other bytes.
        torch.set_num_threads(int(getattr(self.source.parameters, "threads", 1)))
        rows = list(self.resources.feed(self.source, self.resources.verify_on, VERIFIED_ROWS))
        network = Network(self.resources.module(self.source).cpu().eval(), self.source, rows, self.root)
        if before is not None:
            network.load(before / NETWORK if (before / NETWORK).is_dir() else before, self.factories)
        return network

    def _context(self, scratch: Path, checkpoint: Path) -> StepContext:
        return StepContext(
            root=self.root,
            scratch=scratch,
            seed=self.seed,
            feed=partial(self.resources.feed, self.model),
            lessons=partial(self.resources.lessons, self.model),
            output=self.source.output,
            checkpoint=checkpoint,
            score=partial(self.resources.score, self.model),
        )

    def _score(self, state: Path | None, data: str) -> float:
        """The suite's metric of a state on validation rows."""
        in_onnx = state is not None and (state / MODEL).is_file()
        answer = answers(state / MODEL) if state is not None and in_onnx else self._network(state).answers
        return self.resources.score(self.model, answer, data)

    def _size(self, folder: Path | None) -> int:
        if folder is None:
            return self.resources.size(self.source)
        return sum(path.stat().st_size for path in model_files(folder))


def _guarded(name: str, work: Callable[[], StepReport]) -> StepReport:
    """What `work` reports; whatever it raises becomes a sentence about the step."""
    try:
        return work()
    except HarnessError:
        raise
    except Exception as error:
        raise ModelError(f"step {name} failed with {type(error).__name__}: {error}") from error


def _refuse_broken(name: str, source: Path, target: Path) -> None:
    """`ModelError` when a step wrote nothing, nothing that runs, or a model with other inputs and outputs."""
    if not target.is_file():
        raise ModelError(f"step {name} wrote no model")
    why = refusal(target)
    if why:
        raise ModelError(f"step {name} made a model that ONNX Runtime refuses: {why}")
    before, after = _tensors(source), _tensors(target)
    if before != after:
        raise ModelError(f"step {name} changed the model's inputs or outputs from {before} to {after}; a candidate must keep them")


def _tensors(path: Path) -> tuple[list[str], list[str]]:
    model = graph.read_structure(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    return [entry.name for entry in model.graph.input if entry.name not in weights], [entry.name for entry in model.graph.output]


def _too_far(entry: Mapping[str, Any], rule: StopRule) -> str:
    """Why a stage is undone, "" when it holds."""
    # Written so that a score which is no number never holds.
    if rule.per_stage is not None and not entry["drop"] <= rule.per_stage + 1e-12:
        return f"lost {entry['drop']:.4g} since the stage before, more than {rule.per_stage:.4g}"
    if rule.in_total is not None and not entry["total_drop"] <= rule.in_total + 1e-12:
        return f"lost {entry['total_drop']:.4g} since the start, more than {rule.in_total:.4g}"
    return ""


def _told(stage: Any) -> object:
    return stage.model_dump(mode="json") if hasattr(stage, "model_dump") else stage


def _without_report(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "report"}
