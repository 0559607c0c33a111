"""Realistic run records. Numbers are drawn, intervals are Wald's: the report shows what it is given, whoever computed it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

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

LANGUAGES = [
    *("am", "ar", "az", "bg", "bn", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "gu", "he", "hi", "hr", "hu", "hy", "id"),
    *("is", "it", "ja", "ka", "kk", "km", "kn", "ko", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "my", "nb", "ne", "nl", "pa", "pl", "pt"),
    *("ro", "ru"),
]
LENGTHS = ("0..20", "20..80", "80..")


def compared(
    lost: int, gained: int, n: int, accuracy: float = 0.88, margin: float = 0.02, metric: str = "accuracy", p_harm: float | None = None
) -> Comparison:
    """A comparison of two accuracies from counts of flips."""
    drop = (lost - gained) / n
    half = 1.645 * math.sqrt(max(lost + gained - (lost - gained) ** 2 / n, 0.5)) / n
    spread = 1.645 * math.sqrt(accuracy * (1 - accuracy) / n)
    return Comparison(
        metric=metric,
        n=n,
        original=Estimate(accuracy, accuracy - spread, accuracy + spread),
        candidate=Estimate(accuracy - drop, accuracy - drop - spread, accuracy - drop + spread),
        drop=Estimate(drop, drop - half, drop + half),
        method="Tango score interval, 90 % two-sided",
        margin=margin,
        margin_text=f"{margin * 100:g}pp",
        share=True,
        gained=gained,
        lost=lost,
        p_harm=p_harm,
        mcnemar_exact=0.5,
        mcnemar_mid=0.4,
        smallest_detectable=0.031,
        notes=("3 examples had no answer",),
    )


def judged(
    candidate: str, check: str, segment: Segment | None, comparison: Comparison, guilty: bool = False, expected: str | None = None
) -> Verdict:
    """The verdict that the interval gives; `guilty` turns a suspect segment into a FAIL."""
    drop, margin = comparison.drop, comparison.margin
    assert drop.low is not None
    assert drop.high is not None
    assert margin is not None
    outside = drop.low > margin
    if drop.high < margin:
        outcome = Outcome.PASS
    elif outside and (segment is None or guilty):
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.INCONCLUSIVE
    blocks = expected is None and (outcome is Outcome.FAIL or (outcome is Outcome.INCONCLUSIVE and segment is None))
    reasons = {Outcome.PASS: "proven within", Outcome.FAIL: "proven outside", Outcome.INCONCLUSIVE: "not enough evidence for"}
    return Verdict(
        suite="languages",
        candidate=candidate,
        check=check,
        segment=segment,
        outcome=outcome,
        reason=f"{reasons[outcome]} {comparison.margin_text}: accuracy moved by {drop.value * -100:.2f}pp (n = {comparison.n:,})",
        blocks=blocks,
        comparison=comparison,
        suspect=outside and segment is not None,
        critical=segment is not None and segment.label in ("language:bn", "language:mr"),
        needs_more=640 if outcome is Outcome.INCONCLUSIVE and not outside else None,
        expected=expected if outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE) else None,
        worst_examples=worst(5) if outcome is Outcome.FAIL else (),
    )


def worst(count: int, text: str | None = None) -> tuple[WorstExample, ...]:
    return tuple(WorstExample(f"phrase-{i:05d}", "bn", "bn", random.Random(i).choice(LANGUAGES), 1.0, text) for i in range(count))


def candidate_verdicts(name: str, seed: int, damage: float, broken: str | None, expected: str | None = None) -> list[Verdict]:
    """The whole, then languages, lengths and their product."""
    draw = random.Random(seed)
    segments: list[tuple[Segment, int]] = []
    for language in LANGUAGES:
        size = int(math.exp(draw.uniform(math.log(60), math.log(1600))))
        segments.append((Segment("language", (("language", language),)), size))
    segments += [(Segment("length", (("length", length),)), 5000) for length in LENGTHS]
    segments += [
        (Segment("both", (("language", language), ("length", length))), draw.randint(25, 300))
        for language in LANGUAGES[:8]
        for length in LENGTHS
    ]
    verdicts = []
    for segment, drawn in segments:
        hit = broken is not None and ("language", broken) in segment.values
        n = 412 if hit and len(segment.values) == 1 else drawn
        harm = 0.13 if hit else damage
        lost = sum(draw.random() < 0.02 + harm for _ in range(n))
        gained = sum(draw.random() < 0.02 for _ in range(n))
        verdicts.append(
            judged(
                name, "accuracy", segment, compared(lost, gained, n, draw.uniform(0.8, 0.95), p_harm=0.0004 if hit else None), hit, expected
            )
        )
    n = 16_000
    whole = judged(name, "accuracy", None, compared(round((0.02 + damage) * n), round(0.02 * n), n), expected=expected)
    return [whole, *verdicts]


def footprint_verdict(name: str, size: int, met: bool) -> Verdict:
    figures = (
        Figure("size on disk", 1_120_000, size, "B", "at least 70 % less", met, note="size on disk 1.12 MB"),
        Figure("load time", 0.021, 0.012, "s", "at most 50 ms", True),
        Figure("peak memory", 9_400_000, None, "B", "at most 500 MB", None, note="not measurable here"),
        Figure("parameters", 280_000, 280_000),
    )
    outcome = Outcome.PASS if met else Outcome.FAIL
    return Verdict("languages", name, "footprint", None, outcome, f"size on disk {size} B", not met, figures=figures)


def agreement_verdict(name: str, flips: float) -> Verdict:
    figures = (
        Figure("flip_rate", 0.0004, flips, "share", "at most 3%", flips < 0.03, flips * 0.9, flips * 1.1, "noise floor 0.0004"),
        Figure("kl", 0.00001, 0.0042, "", "at most 0.05", True, 0.0039, 0.0045),
    )
    outcome = Outcome.PASS if flips < 0.03 else Outcome.FAIL
    return Verdict("languages", name, "agreement", None, outcome, f"flip rate {flips:.1%}", flips >= 0.03, figures=figures)


def latency_verdict(name: str, ratio: float) -> Verdict:
    figures = (
        Figure("median against the original, batch 1", 1.01, ratio, "x", low=ratio * 0.97, high=ratio * 1.04, quantity=MEDIAN_RATIO),
    )
    return Verdict("languages", name, "latency", None, Outcome.PASS, "faster", False, figures=figures)


def point(name: str, size: int, lost: int, ratio: float | None = None, expected: str | None = None) -> list[Verdict]:
    """A candidate with a size, a drop of `lost` in 4,000 answers, and a speed where one is given."""
    figures = (Figure("size on disk", 1_000_000, size, "B", quantity=DISK_BYTES),)
    weighed = Verdict("languages", name, "footprint", None, Outcome.PASS, "", False, figures=figures)
    return [
        judged(name, "accuracy", None, compared(lost, 0, 4_000), expected=expected),
        weighed,
        *([] if ratio is None else [latency_verdict(name, ratio)]),
    ]


def tradeoff_record() -> SuiteRecord:
    """By size and by speed `tiny`, `small` and `exact` are on the front; `wrecked` lost many answers, `untimed` has no speed."""
    verdicts = [
        *point("exact", 500_000, 0, 0.9),
        *point("small", 250_000, 8, 0.7),
        *point("beaten", 300_000, 12, 1.4),
        *point("tiny", 100_000, 28, 0.5),
        *point("wrecked", 120_000, 1_600, 0.6, expected="two bits are too few"),
        *point("untimed", 400_000, 40),
    ]
    return SuiteRecord("tradeoff", "", "suites/tradeoff.yaml", tuple(replace(verdict, suite="tradeoff") for verdict in verdicts))


def made_candidate(name: str = "int8") -> Made:
    """Pruned in stages of which the last was undone, exported, and quantized; a step that saved nothing among them."""
    layers = (
        MadeLayer("embed.weight", (257, 64), "7.4% of the weights are zero", facts={"sparsity": 0.0743}),
        MadeLayer("head.weight", (46, 64), reason="excluded"),
    )
    trace = (
        MadeStage(1, True, "", 0.881, 0.001, 0.001, 3.2, {"sparsity": 0.1}),
        MadeStage(2, True, "", 0.8795, 0.0015, 0.0025, 3.1, {"sparsity": 0.442}),
        MadeStage(3, False, "lost 0.02 since the stage before, more than 0.005", 0.8595, 0.02, 0.0225, 3.3, {"sparsity": 0.649}),
    )
    told = ("all the same: the file has 1,120,000 bytes as before, compressed by gzip 990,000 instead of 1,034,000",)
    quantized = (
        MadeLayer("embed.weight", (257, 64), "int8, 257 scales", facts={"bits": 8.0, "sparsity": 0.08, "sqnr_db": 41.26}),
        MadeLayer("lstm.weight", (64, 32, 3), "rank 12 of 64", facts={"rank": 12.0, "kept": 0.375}),
    )
    epochs = ({"epoch": 1, "loss": 0.14174}, {"epoch": 2, "loss": None})
    steps = (
        MadeStep("prune", False, 9.6, 1_120_000, 1_120_000, layers, told, epochs, trace),
        MadeStep("export", True, 2.3, 1_120_000, 1_119_000, notes=("exported by torch",)),
        MadeStep("quantize", False, 0.06, 1_119_000, 298_000, quantized),
    )
    return Made(name, "original", 12.0, 1_120_000, 298_000, steps)


def hostile_made(text: str) -> Made:
    """A record in which everything that can be text is `text`."""
    stage = MadeStage(1, False, text, settings={text: text})
    step = MadeStep(text, True, 1.0, 1, 1, (MadeLayer(text, (1,), "", text, {text: 1.0}),), (text,), ({text: text},), (stage,))
    return Made(text, text, 1.0, 10, 10, (step,))


def languages_record() -> SuiteRecord:
    """Three candidates: one is fine, one lost Bengali, one is announced as bad."""
    announced = "per-tensor rounding loses rare scripts"
    verdicts = [
        *candidate_verdicts("int8", 3, 0.001, None),
        agreement_verdict("int8", 0.004),
        footprint_verdict("int8", 298_000, True),
        *candidate_verdicts("int4", 5, 0.004, "bn"),
        agreement_verdict("int4", 0.021),
        footprint_verdict("int4", 360_000, False),
        *candidate_verdicts("int2", 7, 0.08, None, announced),
        Verdict("languages", "int2", "drift", None, Outcome.SKIPPED, "there is no accepted baseline yet", False),
    ]
    return SuiteRecord(
        suite="languages",
        about="Byte-level language identification, fp32 against its compressed versions.",
        path="suites/languages.yaml",
        verdicts=tuple(verdicts),
        fingerprints={"model:original": "9f" * 32, "model:int8": "4b" * 32, "data:test": "c1" * 32},
        warnings=("accuracy[language:am] of int8: 2 outputs were not finite and count as wrong",),
        seconds=84.2,
        model_calls=752,
    )


def run_of(*records: SuiteRecord, run: str = "2031-05-02T03-00-00Z-7f3a", started: str = "2031-05-02T03:00:00Z") -> RunRecord:
    environment = {"python": "3.11.9", "onnxruntime": "1.31.1", "cpu": "8 cores", "harness": "0.1.0", "platform": "Linux x86_64"}
    return RunRecord(run, started, records, environment)


def languages_extras() -> ReportExtras:
    confusions = (
        Confusion("bn", "bn", "as", 31),
        Confusion("mr", "mr", "hi", 12),
        Confusion("nb", "da", "nb", 9),
        Confusion("pt", "es", "gl", 4),
    )
    weights = Weights(280_000, 279_950, 0, 32.0)
    small = Weights(280_000, 268_000, 271_000, 8.4)
    return ReportExtras(
        flips=(FlipTable("int8", 13_700, 61, 64, 2_175, confusions[1:]), FlipTable("int4", 13_420, 344, 301, 1_935, confusions, "test")),
        footprints={
            "original": Footprint(1_120_000, 1_034_000, weights, 0.021, 9_400_000),
            "int8": Footprint(298_000, 251_000, small, 0.012, 5_200_000),
            "int4": Footprint(360_000, 170_000, small, 0.013, None),
        },
        made=(made_candidate(),),
        quality="accuracy",
    )


def large_record(count: int) -> SuiteRecord:
    """One candidate, `count` verdicts over two segmentations."""
    draw = random.Random(11)
    verdicts = [judged("int8", "accuracy", None, compared(300, 290, 100_000))]
    for i in range(count - 1):
        n = draw.randint(40, 3_000)
        segment = Segment("shop" if i % 2 else "product", (("shop" if i % 2 else "product", f"s{i:05d}"),))
        lost = round(n * draw.uniform(0, 0.06))
        verdicts.append(judged("int8", "accuracy", segment, compared(lost, round(n * 0.01), n), guilty=draw.random() < 0.1))
    return SuiteRecord(
        "large",
        "",
        "suites/large.yaml",
        tuple(replace(v, suite="large", worst_examples=worst(5) if v.outcome is not Outcome.PASS else ()) for v in verdicts),
        seconds=3.0,
    )


HOSTILE = (
    "<script>window.hacked = 1</script>",
    "\"'><img src=x onerror='window.hacked=1'>",
    "</script><script>window.hacked=1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "a|b `c` **d** [e](javascript:window.hacked=1) @everyone #1 <details>",
    "line one\nline two\r\n| cell | cell |",
    "\x1b[31mred\x1b[0m\u202egnp.exe\u2028",
    "বাংলা · العربية · 🙂",
)


def hostile_record() -> SuiteRecord:
    """Every string that comes from a user tries to be more than a string."""
    verdicts = []
    for i, text in enumerate(HOSTILE):
        base = judged(text, text, Segment(text, ((text, text),)), compared(60, 5, 400), guilty=True)
        verdicts.append(
            replace(
                base,
                suite="hostile",
                reason=text,
                expected=text if i % 3 == 2 else None,
                blocks=i % 3 != 2,
                worst_examples=(WorstExample(text, text, text, text, 1.0, text),),
                warnings=(text,),
                figures=(Figure(text, 1.0, 2.0, text, text, False, note=text),),
            )
        )
    return SuiteRecord(
        "hostile", HOSTILE[0], HOSTILE[1], tuple(verdicts), fingerprints=dict.fromkeys(HOSTILE, HOSTILE[2]), warnings=HOSTILE, seconds=1.0
    )


def hostile_extras() -> ReportExtras:
    return ReportExtras(
        flips=tuple(FlipTable(text, 1, 2, 3, 4, (Confusion(text, text, text + "x", 2),), text) for text in HOSTILE),
        footprints={text: Footprint(disk_bytes=10) for text in HOSTILE},
        original=HOSTILE[0],
        made=tuple(hostile_made(text) for text in HOSTILE),
        each_step=tuple(hostile_steps(text) for text in HOSTILE),
    )


def hostile_steps(text: str) -> StepTable:
    columns = (StepColumn(1, text, None, text), StepColumn(2, text, 3), StepColumn(3, text))
    cell = StepCell("FAIL", False, 0.1, text)
    return StepTable(text, text, columns, (StepRow(None, (None, cell, cell), 1), StepRow(text, (None, cell, cell))))
