"""Mixed precision on an ONNX graph: sensitivities, and the search for the layers that have to stay."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import graph
from harness.compress.choice import refuse_nothing_done
from harness.compress.divergence import divergence, measure_of
from harness.compress.graph import ModelProto
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantizer import Made, Quantizer, quantizer
from harness.compress.runtime import answers
from harness.compress.weights_only import with_facts
from harness.errors import ModelError
from harness.ports.compress import Batch, Layer, StepContext, StepReport

OTHERS = "operators without weights"
"""Stands among the layers for the additions, activations and so on that static mode quantizes too."""


@dataclass(frozen=True)
class Wish:
    """What to make. `rows`: how many to measure the change of the answers on; None to measure by the metric."""

    quantize: QuantizeParameters
    fallback: QuantizeParameters | None
    validate_on: str
    max_drop: float
    rows: int | None


@dataclass(frozen=True)
class Sensitivity:
    """What quantizing one layer alone did. `change` is None where an answer was not finite any more."""

    name: str
    weights: int
    change: float | None


class Judge:
    """The metric of models on validation rows, and how often it was asked for."""

    def __init__(self, wish: Wish, context: StepContext, source: Path) -> None:
        self._wish = wish
        self._context = context
        self.evaluations = 0
        self._start = self._score(source)

    def drop(self, model: ModelProto) -> float:
        """The loss since the original, in the unit of the metric."""
        return self._start - self._score(_file(model, self._context))

    def holds(self, drop: float) -> bool:
        """Whether a loss is tolerated."""
        return drop <= self._wish.max_drop + 1e-12

    def _score(self, path: Path) -> float:
        self.evaluations += 1
        return self._context.score(answers(path), self._wish.validate_on)


class Mixture:
    """The layers of one model, and the models with some of them left out."""

    def __init__(self, ready: Quantizer, wish: Wish, context: StepContext) -> None:
        self._ready = ready
        self._wish = wish
        self._context = context
        self._never = graph.excluded_nodes(ready.model, wish.quantize.exclude)
        self.full = ready.quantize(self._never)
        refuse_nothing_done(self.full.layers, "mixed", "quantized")
        done = {layer.name for layer in self.full.layers if layer.done and len(layer.shape) > 1}
        self._users = {weight.name: {use.node for use in weight.uses} for weight in graph.weights(ready.model) if weight.name in done}
        self._nodes = frozenset(node.name for node in ready.model.graph.node)
        rest = self._nodes - self._never - frozenset(name for users in self._users.values() for name in users)
        if wish.quantize.mode == "static" and rest:
            self._users[OTHERS] = set(rest)
        self.sizes = {layer.name: math.prod(layer.shape) for layer in self.full.layers if layer.name in self._users}

    @property
    def model(self) -> ModelProto:
        """With nothing quantized."""
        return self._ready.model

    @property
    def falls_back(self) -> bool:
        """Whether layers that are kept get fewer bits too."""
        return self._wish.fallback is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The layers that can be quantized."""
        return tuple(self._users)

    def alone(self, name: str) -> ModelProto:
        """With nothing quantized but one layer."""
        return self._ready.quantize(self._nodes - self._users[name] | self._never).model

    def without(self, kept: Sequence[str]) -> Made:
        """With all layers quantized but those kept, which get the fallback if there is one."""
        made = self._ready.quantize(self._never | frozenset(node for name in kept for node in self._users[name]))
        made = replace(made, layers=[_kept(layer, kept) for layer in made.layers])
        return made if self._wish.fallback is None else self._with_fallback(made, kept, self._wish.fallback)

    def _with_fallback(self, made: Made, kept: Sequence[str], fallback: QuantizeParameters) -> Made:
        second = quantizer(graph.tidy(made.model), fallback, self._context)
        sensitive = {node for name in kept for node in self._users[name]}
        result = second.quantize(frozenset(node.name for node in second.model.graph.node) - sensitive)
        found = {layer.name: layer for layer in result.layers if layer.done}
        return Made(result.model, [found.get(layer.name, layer) for layer in made.layers], (*made.notes, *result.notes))

    def reported(self, made: Made, kept: Sequence[str]) -> list[Layer]:
        """The layers with facts found in the model."""
        fallback = self._wish.fallback
        layers = self._ready.measure([layer for layer in made.layers if layer.name not in kept], made.model)
        rest = [layer for layer in made.layers if layer.name in kept]
        if fallback is not None:
            rest = with_facts(rest, self._ready.model, made.model, fallback.width)
        found = {layer.name: layer for layer in (*layers, *rest)}
        return [found[layer.name] for layer in made.layers]


def mix(source: Path, target: Path, wish: Wish, context: StepContext) -> StepReport:
    """Write the model in which the fewest of the most sensitive layers are left out of the quantization."""
    model = graph.tidy(graph.read(source))
    graph.refuse_not_finite(model, "mixed")
    graph.excluded_nodes(model, wish.quantize.exclude)
    mixture = Mixture(quantizer(model, wish.quantize, context), wish, context)
    judge = Judge(wish, context, source)
    whole = judge.drop(mixture.full.model)
    count = len(mixture.names)
    table: tuple[dict[str, object], ...] = ()
    if judge.holds(whole):
        made, kept = mixture.full, list[str]()
        said = (
            f"all {count} layers quantized lose {whole:.4g}, within {wish.max_drop:.4g}: none had to stay, and no sensitivity was measured"
        )
        cost = _cost(judge, 0, wish)
    else:
        order, runs = _sensitivities(mixture, judge, wish, context)
        kept, made, drop = _fewest(mixture, judge, [entry.name for entry in order], whole)
        table = tuple(_row(entry, entry.name in kept, wish, context) for entry in order)
        what = f"with the {len(kept)} most sensitive {'in the fallback' if wish.fallback else 'left as they were'} it loses {drop:.4g}"
        said = f"all {count} layers quantized lose {whole:.4g}, more than {wish.max_drop:.4g}; {what}"
        cost = _cost(judge, runs, wish)
    graph.write(made.model, target)
    return StepReport(tuple(mixture.reported(made, kept)), (*made.notes, said, cost), table)


def _sensitivities(mixture: Mixture, judge: Judge, wish: Wish, context: StepContext) -> tuple[list[Sensitivity], int]:
    """The layers, most sensitive first, and how many models were run on `rows` rows for that."""
    if wish.rows is None:
        change: Callable[[ModelProto], float | None] = judge.drop
        runs = 0
    else:
        change, runs = _change_of_answers(mixture, wish.rows, wish, context), 1 + len(mixture.names)
    found = [Sensitivity(name, mixture.sizes.get(name, 0), change(mixture.alone(name))) for name in mixture.names]
    return sorted(found, key=lambda entry: (-math.inf if entry.change is None else -entry.change, entry.name)), runs


def _change_of_answers(mixture: Mixture, rows: int, wish: Wish, context: StepContext) -> Callable[[ModelProto], float | None]:
    batches: list[Batch] = list(context.feed(wish.validate_on, rows))
    if not sum(len(next(iter(batch.values()))) for batch in batches if batch):
        raise ModelError(f"mixed: data set {wish.validate_on!r} gave no rows to measure sensitivities on")
    name = (context.output.name if context.output else None) or ""

    def answer(model: ModelProto) -> NDArray[Any]:
        run = answers(_file(model, context))
        parts = [run(batch) for batch in batches]
        return _joined([part[name] if name in part else next(iter(part.values())) for part in parts])

    original = answer(mixture.model)

    return lambda model: divergence(original, answer(model), context.output)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """All answers in one array; where batches differ in length, one answer after the other along the last axis."""
    if len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])


def _fewest(mixture: Mixture, judge: Judge, names: Sequence[str], whole: float) -> tuple[list[str], Made, float]:
    """(which of the most sensitive layers are kept, the model, its loss), by bisection."""
    last = max(place for place, name in enumerate(names) if name != OTHERS)
    low, high = 0, last + 1  # with as many kept, no weight would be quantized
    found: tuple[list[str], Made, float] | None = None
    nearest = whole
    while high - low > 1:
        middle = (low + high) // 2
        made = mixture.without(names[:middle])
        drop = judge.drop(made.model)
        if judge.holds(drop):
            high, found = middle, (list(names[:middle]), made, drop)
        else:
            low, nearest = middle, drop
    if found is None and mixture.falls_back:
        made = mixture.without(names[: last + 1])
        nearest = judge.drop(made.model)
        found = (list(names[: last + 1]), made, nearest) if judge.holds(nearest) else None
    if found is None:
        left = "every layer in the fallback" if mixture.falls_back else f"nothing but {names[last]!r}, the least sensitive layer, quantized"
        raise ModelError(f"mixed: with {left}, the model still loses {nearest:.4g}, more than max_drop allows")
    return found


def _kept(layer: Layer, kept: Sequence[str]) -> Layer:
    return replace(layer, reason="kept: among the most sensitive") if layer.name in kept and not layer.done else layer


def _row(entry: Sensitivity, kept: bool, wish: Wish, context: StepContext) -> dict[str, object]:
    measure = "drop" if wish.rows is None else measure_of(context.output)
    return {"layer": entry.name, "weights": entry.weights, "sensitivity": entry.change, "measure": measure, "kept": kept}


def _cost(judge: Judge, runs: int, wish: Wish) -> str:
    more = f", and {runs} models on {wish.rows} rows of it for the sensitivities" if runs else ""
    return f"the metric was evaluated {judge.evaluations} times on {wish.validate_on!r}{more}"


def _file(model: ModelProto, context: StepContext) -> Path:
    path = context.scratch / "mixed.onnx"
    graph.write(model, path)
    return path
