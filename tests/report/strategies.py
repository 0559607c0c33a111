"""Any run record at all."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.arrays.footprint import Footprint, Weights
from harness.core.comparison import Comparison
from harness.core.estimate import DISK_BYTES, MEDIAN_RATIO, Estimate, Figure
from harness.core.outcome import Outcome
from harness.core.run import RunRecord, SuiteRecord
from harness.core.segment import Segment
from harness.core.verdict import Verdict, WorstExample
from harness.report.each_step import StepCell, StepColumn, StepRow, StepTable
from harness.report.extras import Confusion, FlipTable, ReportExtras
from harness.report.made import Made, MadeLayer, MadeStage, MadeStep

text = st.text(max_size=12)
count = st.integers(0, 10**9)
finite = st.floats(allow_nan=False, allow_infinity=False)
probability = st.floats(0, 1)
level = st.sampled_from((0.8, 0.9, 0.95))


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


estimates = st.builds(Estimate, finite, maybe(finite), maybe(finite), level)
comparisons = st.builds(
    Comparison,
    metric=text,
    n=count,
    original=estimates,
    candidate=estimates,
    drop=estimates,
    method=text,
    margin=maybe(finite),
    margin_text=st.sampled_from(("", "2pp", "2%rel", "0.1")),
    share=st.booleans(),
    gained=maybe(count),
    lost=maybe(count),
    p_harm=maybe(probability),
    mcnemar_exact=maybe(probability),
    mcnemar_mid=maybe(probability),
    smallest_detectable=maybe(finite),
    notes=st.lists(text, max_size=2).map(tuple),
)
quantities = st.sampled_from(("", DISK_BYTES, MEDIAN_RATIO))
figures = st.builds(
    Figure, text, maybe(finite), maybe(finite), text, maybe(text), maybe(st.booleans()), maybe(finite), maybe(finite), text, quantities
)
segments = st.builds(Segment, text, st.lists(st.tuples(text, text), min_size=1, max_size=3, unique_by=lambda pair: pair[0]).map(tuple))
verdicts = st.builds(
    Verdict,
    suite=st.just("suite"),
    candidate=text,
    check=text,
    segment=maybe(segments),
    outcome=st.sampled_from(Outcome),
    reason=text,
    blocks=st.booleans(),
    comparison=maybe(comparisons),
    figures=st.lists(figures, max_size=2).map(tuple),
    suspect=st.booleans(),
    critical=st.booleans(),
    needs_more=maybe(count),
    expected=maybe(text),
    worst_examples=st.lists(st.builds(WorstExample, text, text, text, text, finite, maybe(text)), max_size=2).map(tuple),
    warnings=st.lists(text, max_size=2).map(tuple),
)
words = st.dictionaries(text, text, max_size=3)
records = st.builds(
    SuiteRecord,
    suite=st.just("suite"),
    about=text,
    path=text,
    verdicts=st.lists(verdicts, max_size=4).map(tuple),
    fingerprints=words,
    warnings=st.lists(text, max_size=2).map(tuple),
    seconds=st.floats(0, 1e6),
    model_calls=count,
    partial=st.booleans(),
)
runs = st.builds(RunRecord, text, text, st.tuples(records), words)
footprints = st.builds(
    Footprint, maybe(count), maybe(count), maybe(st.builds(Weights, count, count, count, finite)), maybe(finite), maybe(count)
)
flips = st.builds(
    FlipTable, text, count, count, count, count, st.lists(st.builds(Confusion, text, text, text, count), max_size=2).map(tuple), text
)
scalars = st.none() | st.booleans() | finite | text
layers = st.builds(MadeLayer, text, st.lists(count, max_size=3).map(tuple), text, text, st.dictionaries(text, finite, max_size=2))
stages = st.builds(
    MadeStage,
    count,
    st.booleans(),
    text,
    maybe(finite),
    maybe(finite),
    maybe(finite),
    maybe(probability),
    st.dictionaries(text, scalars, max_size=2),
)
steps = st.builds(
    MadeStep,
    text,
    st.booleans(),
    maybe(probability),
    maybe(count),
    maybe(count),
    st.lists(layers, max_size=2).map(tuple),
    st.lists(text, max_size=2).map(tuple),
    st.lists(st.dictionaries(text, scalars, max_size=2), max_size=2).map(tuple),
    st.lists(stages, max_size=2).map(tuple),
)
made = st.builds(Made, text, text, maybe(probability), maybe(count), maybe(count), st.lists(steps, max_size=2).map(tuple))
columns = st.builds(StepColumn, st.integers(1, 9), text, maybe(st.integers(1, 9)), text)
cells = st.builds(StepCell, st.sampled_from(Outcome).map(str), st.booleans(), maybe(finite), text)
step_rows = st.builds(StepRow, maybe(text), st.lists(maybe(cells), max_size=2).map(tuple), maybe(st.integers(0, 9)))
step_tables = st.builds(StepTable, text, text, st.lists(columns, max_size=2).map(tuple), st.lists(step_rows, max_size=2).map(tuple))
extras = st.builds(
    ReportExtras,
    st.lists(flips, max_size=2).map(tuple),
    st.dictionaries(text, footprints, max_size=2),
    text,
    st.lists(made, max_size=2).map(tuple),
    text,
    st.lists(step_tables, max_size=2).map(tuple),
)
