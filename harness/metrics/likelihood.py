"""How probable the truth was to the model: log loss and Brier score per example, log-likelihood and perplexity of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.core.models import OutputType, Task
from harness.metrics.fit import PROBABILITY_FITS, Fits, require
from harness.metrics.metric import MetricInfo, Reach
from harness.metrics.probabilities import probability_blocks
from harness.metrics.tokens import Tokens, align, countable, log_likelihoods
from harness.metrics.weightings import Weighable, quotient

Floats = NDArray[np.float64]

_TOKEN_FITS: Fits = {Task.TOKENS: tuple(OutputType)}


class NatsParameters(Parameters):
    """How bad a single answer can be."""

    cap: float = Field(default=20.0, gt=0, le=700, description="largest loss of one answer in nats; 20 means a probability of 2e-9")


class LogLoss:
    """−ln of the probability given to the true class, in nats, at most `cap`. Lower is better.

    Multilabel: the mean over labels. A failed row costs `cap`.
    """

    def __init__(self, cap: float = 20.0) -> None:
        self.cap = cap
        self.info = MetricInfo("log_loss", "lower", bounds=(0.0, cap), cap=cap)

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`."""
        require(self.info.name, PROBABILITY_FITS, outputs, targets)
        losses = np.full(len(outputs), self.cap)
        for rows, block in probability_blocks(outputs, targets):
            truth = np.asarray(targets.values)[rows]
            if targets.task is Task.MULTILABEL:
                known = block[:, : truth.shape[1]]
                losses[rows] = self._nats(np.where(truth, known, 1 - known)).mean(axis=1)
            else:
                losses[rows] = self._nats(block[np.arange(len(block)), truth])
        return np.where(outputs.ok, losses, self.cap)

    def reach(self, outputs: Outputs, targets: Targets) -> Reach | None:
        """See `CappedMetric.reach`: the labels of a multilabel task; elsewhere the loss of an example shows it."""
        if targets.task is not Task.MULTILABEL:
            return None
        n, labels = targets.values.shape
        at_cap = np.ones((n, labels), dtype=np.bool_)
        for rows, block in probability_blocks(outputs, targets):
            truth = np.asarray(targets.values)[rows]
            at_cap[rows] = self._nats(np.where(truth, block[:, :labels], 1 - block[:, :labels])) >= self.cap * (1 - 1e-9)
        at_cap |= ~outputs.ok[:, np.newaxis]
        return Reach(self.cap, "losses of single labels", at_cap.reshape(-1), np.repeat(np.arange(n), labels), np.ones(n * labels))

    def _nats(self, probability: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.clip(-np.log(probability), 0.0, self.cap)


class Brier:
    """Half the squared distance between the probabilities and the truth (Brier 1950, halved): 0 perfect, 1 worst. Lower is better.

    For a binary task that is (p − y)². Multilabel: the mean of (p − y)² over labels. A failed row costs 1.
    """

    info = MetricInfo("brier", "lower", bounds=(0.0, 1.0))

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`."""
        require(self.info.name, PROBABILITY_FITS, outputs, targets)
        losses = np.ones(len(outputs))
        for rows, block in probability_blocks(outputs, targets):
            truth = np.asarray(targets.values)[rows]
            if targets.task is Task.MULTILABEL:
                losses[rows] = ((block[:, : truth.shape[1]] - truth) ** 2).mean(axis=1)
                continue
            block[np.arange(len(block)), truth] -= 1.0
            losses[rows] = (block**2).sum(axis=1) / 2
        return np.where(outputs.ok, np.clip(losses, 0.0, 1.0), 1.0)


class TokenLogLikelihood:
    """Mean natural log-probability of an example's target tokens, in nats per token, at least −cap. Higher is better."""

    def __init__(self, cap: float = 20.0) -> None:
        self.cap = cap
        self.info = MetricInfo("token_log_likelihood", "higher", bounds=(-cap, 0.0), cap=cap)

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`; a failed row scores −cap."""
        require(self.info.name, _TOKEN_FITS, outputs, targets)
        tokens = align(outputs, targets)
        return tokens.means(log_likelihoods(outputs, targets, tokens, self.cap))

    def reach(self, outputs: Outputs, targets: Targets) -> Reach:
        """See `CappedMetric.reach`; as in the score, the tokens of an example weigh 1 together."""
        tokens = align(outputs, targets)
        found = _reach(tokens, log_likelihoods(outputs, targets, tokens, self.cap), self.cap)
        return found._replace(weight=1 / np.maximum(tokens.counts(), 1)[tokens.example])

    def units(self, targets: Targets) -> NDArray[np.bool_]:
        """See `UnitMetric.units`."""
        return countable(targets)


@dataclass(frozen=True)
class PerplexityStatistic(Weighable):
    """exp(nats / tokens); `nats` (n,) is the negative log-likelihood of each example, `tokens` (n,) its length.

    `reached` are the tokens at the cap, None when unknown.
    """

    nats: Floats
    tokens: Floats
    reached: Reach | None = None

    @classmethod
    def of(cls, tokens: Tokens, log_likelihood: Floats, cap: float) -> PerplexityStatistic:
        """From the log-likelihood of each token, at least -cap."""
        return cls(-tokens.sums(log_likelihood), tokens.counts().astype(np.float64), _reach(tokens, log_likelihood, cap))

    def reach(self) -> Reach | None:
        """See `CappedStatistic.reach`."""
        return self.reached

    def __len__(self) -> int:
        return len(self.nats)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""
        return np.asarray(np.exp(quotient(weights @ self.nats[rows], weights @ self.tokens[rows])))


class Perplexity:
    """exp of the mean negative log-likelihood over all tokens of the set, examples weighing by length. Lower is better."""

    def __init__(self, cap: float = 20.0) -> None:
        self.cap = cap
        self.info = MetricInfo("perplexity", "lower", bounds=(1.0, float(np.exp(cap))))

    def prepare(self, outputs: Outputs, targets: Targets) -> PerplexityStatistic:
        """See `WholeMetric.prepare`; every token of a failed row costs `cap` nats."""
        require(self.info.name, _TOKEN_FITS, outputs, targets)
        tokens = align(outputs, targets)
        return PerplexityStatistic.of(tokens, log_likelihoods(outputs, targets, tokens, self.cap), self.cap)


def _reach(tokens: Tokens, log_likelihood: Floats, cap: float) -> Reach:
    return Reach(cap, "tokens", np.asarray(log_likelihood <= -cap * (1 - 1e-9)), tokens.example, np.ones(len(tokens.example)))
