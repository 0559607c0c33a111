"""Arrays in, estimates out: intervals, tests, verdict rules and planning, on counts and vectorised over segments.

Differences are candidate − original, in the direction in which more is better, so that harm is negative; drops have the
opposite sign. Levels are two-sided, 0.90 unless said otherwise: 5 % on each side.
"""

from harness.stats.bootstrap import BcaResult, bca, bootstrap_p_harm
from harness.stats.clusters import (
    FEWEST_CLUSTERS,
    ClusterSummary,
    EffectiveCounts,
    cluster_means,
    cluster_summary,
    clustered_counts,
    effective_clusters,
)
from harness.stats.delong import PairedAuroc, delong
from harness.stats.holm import HolmResult, holm
from harness.stats.mcnemar import mcnemar_exact, mcnemar_mid, mcnemar_mid_harm
from harness.stats.numbers import Interval
from harness.stats.planted_t import planted_t_interval, planted_t_p_harm, t_interval
from harness.stats.power import (
    Chances,
    chances,
    detection_power,
    observed_false_alarm,
    power_binary,
    smallest_provable_margin,
)
from harness.stats.proportions import clopper_pearson_lower, clopper_pearson_upper, wilson_interval
from harness.stats.quantile_limits import fewest_for_upper_limit, quantile_interval, quantile_lower_limit, quantile_upper_limit
from harness.stats.ratio import nam_blackwelder_interval, nam_blackwelder_p_harm
from harness.stats.rounds import FEWEST_ROUNDS, RoundRatio, Trend, provable_factor, proving_power, round_ratio, rounds_needed, trend
from harness.stats.sample_size import can_ever_pass, needed_to_pass, needs_more, required_n, smallest_detectable_drop
from harness.stats.score_planner import needs_more_scores, required_n_paired, smallest_provable_margin_scores
from harness.stats.tango import tango_interval, tango_p_harm, tango_score
from harness.stats.two_keys import tolerated_drop, two_key_p, two_key_p_scores
from harness.stats.verdicts import Finding, SegmentVerdicts, describe_change, judge_families, judge_segments, judge_whole

__all__ = [
    "FEWEST_CLUSTERS",
    "FEWEST_ROUNDS",
    "BcaResult",
    "Chances",
    "ClusterSummary",
    "EffectiveCounts",
    "Finding",
    "HolmResult",
    "Interval",
    "PairedAuroc",
    "RoundRatio",
    "SegmentVerdicts",
    "Trend",
    "bca",
    "bootstrap_p_harm",
    "can_ever_pass",
    "chances",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "cluster_means",
    "cluster_summary",
    "clustered_counts",
    "delong",
    "describe_change",
    "detection_power",
    "effective_clusters",
    "fewest_for_upper_limit",
    "holm",
    "judge_families",
    "judge_segments",
    "judge_whole",
    "mcnemar_exact",
    "mcnemar_mid",
    "mcnemar_mid_harm",
    "nam_blackwelder_interval",
    "nam_blackwelder_p_harm",
    "needed_to_pass",
    "needs_more",
    "needs_more_scores",
    "observed_false_alarm",
    "planted_t_interval",
    "planted_t_p_harm",
    "power_binary",
    "provable_factor",
    "proving_power",
    "quantile_interval",
    "quantile_lower_limit",
    "quantile_upper_limit",
    "required_n",
    "required_n_paired",
    "round_ratio",
    "rounds_needed",
    "smallest_detectable_drop",
    "smallest_provable_margin",
    "smallest_provable_margin_scores",
    "t_interval",
    "tango_interval",
    "tango_p_harm",
    "tango_score",
    "tolerated_drop",
    "trend",
    "two_key_p",
    "two_key_p_scores",
    "wilson_interval",
]
