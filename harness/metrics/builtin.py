"""The metrics that come with the harness. docs/metrics.md is the same list for users."""

from __future__ import annotations

from harness.catalogue import Kind, Parameters
from harness.metrics import counts
from harness.metrics.calibration import CalibrationError, CalibrationParameters
from harness.metrics.classes import AverageParameters, ClassMetric, balanced_accuracy
from harness.metrics.custom import PythonParameters, python_metric
from harness.metrics.likelihood import Brier, LogLoss, NatsParameters, Perplexity, TokenLogLikelihood
from harness.metrics.metric import MetricFactory
from harness.metrics.ndcg import Ndcg, NdcgParameters
from harness.metrics.ranking import ClassAverageParameters, auroc, averaged_precision
from harness.metrics.regression import CapParameters, Explained, MeanError, OptionalCapParameters, RootMeanSquare
from harness.metrics.right import Accuracy, ExactMatch, ExactMatchParameters, TokenAccuracy, TopK, TopKParameters
from harness.metrics.spearman import Spearman


class NoParameters(Parameters):
    """Nothing to choose."""


METRICS: tuple[Kind[MetricFactory], ...] = (
    Kind("accuracy", NoParameters, lambda parameters, root: Accuracy()),
    Kind("top_k", TopKParameters, lambda parameters, root: TopK(parameters.k), shorthand="k"),
    Kind("exact_match", ExactMatchParameters, lambda parameters, root: ExactMatch(parameters.ignore_case, parameters.ignore_punctuation)),
    Kind("token_accuracy", NoParameters, lambda parameters, root: TokenAccuracy()),
    Kind("balanced_accuracy", NoParameters, lambda parameters, root: balanced_accuracy()),
    Kind(
        "precision",
        AverageParameters,
        lambda parameters, root: ClassMetric("precision", counts.precision, parameters.average),
        shorthand="average",
    ),
    Kind(
        "recall", AverageParameters, lambda parameters, root: ClassMetric("recall", counts.recall, parameters.average), shorthand="average"
    ),
    Kind("f1", AverageParameters, lambda parameters, root: ClassMetric("f1", counts.f1, parameters.average), shorthand="average"),
    Kind("auroc", ClassAverageParameters, lambda parameters, root: auroc(parameters.average), shorthand="average"),
    Kind("average_precision", ClassAverageParameters, lambda parameters, root: averaged_precision(parameters.average), shorthand="average"),
    Kind("log_loss", NatsParameters, lambda parameters, root: LogLoss(parameters.cap), shorthand="cap"),
    Kind("brier", NoParameters, lambda parameters, root: Brier()),
    Kind("ece", CalibrationParameters, lambda parameters, root: CalibrationError(parameters.bins), shorthand="bins"),
    Kind("mae", CapParameters, lambda parameters, root: MeanError("mae", 1, parameters.cap), shorthand="cap"),
    Kind("mse", CapParameters, lambda parameters, root: MeanError("mse", 2, parameters.cap), shorthand="cap"),
    Kind("rmse", OptionalCapParameters, lambda parameters, root: RootMeanSquare(parameters.cap), shorthand="cap"),
    Kind("r2", OptionalCapParameters, lambda parameters, root: Explained(parameters.cap), shorthand="cap"),
    Kind("spearman", NoParameters, lambda parameters, root: Spearman()),
    Kind("ndcg", NdcgParameters, lambda parameters, root: Ndcg(parameters.k, parameters.gain), shorthand="k"),
    Kind("token_log_likelihood", NatsParameters, lambda parameters, root: TokenLogLikelihood(parameters.cap), shorthand="cap"),
    Kind("perplexity", NatsParameters, lambda parameters, root: Perplexity(parameters.cap), shorthand="cap"),
    Kind("python", PythonParameters, python_metric, shorthand="function"),
)
"""Every built-in metric: its name in suites, its parameters, and a factory `(parameters, root) -> Metric`."""
