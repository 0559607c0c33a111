"""The metrics that come with the harness. docs/metrics.md is the same list for users."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.catalogue import Kind, Parameters
from harness.metrics import counts
from harness.metrics.calibration import CalibrationError, CalibrationParameters
from harness.metrics.classes import AverageParameters, ClassMetric, balanced_accuracy
from harness.metrics.custom import PythonParameters, python_metric
from harness.metrics.likelihood import Brier, LogLoss, NatsParameters, Perplexity, TokenLogLikelihood
from harness.metrics.metric import Metric, MetricFactory
from harness.metrics.ndcg import Ndcg, NdcgParameters
from harness.metrics.ranking import ClassAverageParameters, auroc, averaged_precision
from harness.metrics.regression import CapParameters, Explained, MeanError, OptionalCapParameters, RootMeanSquare
from harness.metrics.right import Accuracy, ExactMatch, ExactMatchParameters, TokenAccuracy, TopK, TopKParameters
from harness.metrics.spearman import Spearman


class NoParameters(Parameters):
    """Nothing to choose."""


def _make(metric: Callable[..., Metric]) -> MetricFactory:
    """A factory that hands the parameters to `metric` by name."""

    def factory(parameters: Parameters, root: Path) -> Metric:  # noqa: ARG001  # only `python` looks into the suite's folder
        return metric(**{name: getattr(parameters, name) for name in type(parameters).model_fields})

    return factory


METRICS: tuple[Kind[MetricFactory], ...] = (
    Kind("accuracy", NoParameters, _make(Accuracy)),
    Kind("top_k", TopKParameters, _make(TopK), shorthand="k"),
    Kind("exact_match", ExactMatchParameters, _make(ExactMatch)),
    Kind("token_accuracy", NoParameters, _make(TokenAccuracy)),
    Kind("balanced_accuracy", NoParameters, _make(balanced_accuracy)),
    Kind("precision", AverageParameters, _make(partial(ClassMetric, "precision", counts.precision)), shorthand="average"),
    Kind("recall", AverageParameters, _make(partial(ClassMetric, "recall", counts.recall)), shorthand="average"),
    Kind("f1", AverageParameters, _make(partial(ClassMetric, "f1", counts.f1)), shorthand="average"),
    Kind("auroc", ClassAverageParameters, _make(auroc), shorthand="average"),
    Kind("average_precision", ClassAverageParameters, _make(averaged_precision), shorthand="average"),
    Kind("log_loss", NatsParameters, _make(LogLoss), shorthand="cap"),
    Kind("brier", NoParameters, _make(Brier)),
    Kind("ece", CalibrationParameters, _make(CalibrationError), shorthand="bins"),
    Kind("mae", CapParameters, _make(partial(MeanError, "mae", 1)), shorthand="cap"),
    Kind("mse", CapParameters, _make(partial(MeanError, "mse", 2)), shorthand="cap"),
    Kind("rmse", OptionalCapParameters, _make(RootMeanSquare), shorthand="cap"),
    Kind("r2", OptionalCapParameters, _make(Explained), shorthand="cap"),
    Kind("spearman", NoParameters, _make(Spearman)),
    Kind("ndcg", NdcgParameters, _make(Ndcg), shorthand="k"),
    Kind("token_log_likelihood", NatsParameters, _make(TokenLogLikelihood), shorthand="cap"),
    Kind("perplexity", NatsParameters, _make(Perplexity), shorthand="cap"),
    Kind("python", PythonParameters, python_metric, shorthand="function"),
)
"""Every built-in metric: its name in suites, its parameters, and a factory `(parameters, root) -> Metric`."""
