"""Which candidates no other one beats, and the plots of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.run import SuiteRecord
from harness.report import ReportExtras
from harness.report.material import Material
from harness.report.pareto import Plot, front, plot_data, plots
from tests.report.builders import compared, judged, point, run_of, tradeoff_record

pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 6)), max_size=12)


def material(*verdicts: object, record: SuiteRecord | None = None, extras: ReportExtras | None = None) -> Material:
    found = record or SuiteRecord("s", "", "s.yaml", tuple(verdicts))  # type: ignore[arg-type]
    return Material(run_of(found), found, extras or ReportExtras())


def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and (one[0] < other[0] or one[1] < other[1])


@given(pairs)
def test_no_point_of_the_front_is_beaten_and_every_other_one_is(points: list[tuple[int, int]]) -> None:
    found = front(points)
    for i, each in enumerate(points):
        assert (i in found) == (not any(beats(other, each) for other in points))
    assert bool(found) == bool(points)


@given(pairs, st.randoms())
def test_the_front_does_not_depend_on_the_order(points: list[tuple[int, int]], draw: object) -> None:
    mixed = list(points)
    draw.shuffle(mixed)  # type: ignore[attr-defined]
    assert sorted(points[i] for i in front(points)) == sorted(mixed[i] for i in front(mixed))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], set()),
        ([(1.0, 1.0)], {0}),
        ([(1.0, 2.0), (2.0, 1.0)], {0, 1}),
        ([(1.0, 1.0), (2.0, 2.0)], {0}),
        ([(1.0, 1.0), (1.0, 1.0)], {0, 1}),
        ([(1.0, 2.0), (1.0, 1.0)], {1}),
        ([(1.0, 1.0), (2.0, 1.0)], {0}),
    ],
)
def test_by_hand(points: list[tuple[float, float]], expected: set[int]) -> None:
    assert front(points) == expected


def named(plot: Plot) -> list[str]:
    return [each.name for each in plot.points if each.on_front]


def test_the_fronts_of_a_suite() -> None:
    size, speed = plots(material(record=tradeoff_record()))
    assert (size.key, named(size)) == ("size", ["exact", "small", "tiny"])
    assert (speed.key, named(speed)) == ("speed", ["exact", "small", "tiny"])
    assert (size.left_out, speed.left_out) == ((), ("untimed",))
    assert (size.original, speed.original, size.margin, size.unit) == (1_000_000, 1.0, 2.0, "pp")
    assert speed.axis == "time against the original (batch 1)"
    assert speed.sentence.startswith("No other candidate beats these in both: tiny (0.5 ×, 0.7pp); small (0.7 ×, ")


def test_a_candidate_on_the_front_that_does_not_ship_is_called_that() -> None:
    (plot,) = plots(material(*point("good", 500, 4), *point("bad", 100, 900)))
    assert plot.sentence == "No other candidate beats these in both: bad (100 B, 22.5pp, must not ship); good (500 B, 0.1pp)"


def test_one_candidate_is_no_plot_and_missing_figures_leave_out() -> None:
    assert plots(material(*point("alone", 500, 4, 0.5))) == ()
    unjudged = tuple(replace(verdict, comparison=None) for verdict in point("unjudged", 100, 4))
    (plot,) = plots(material(*point("a", 500, 4), *point("b", 400, 8), *unjudged))
    assert plot.left_out == ("unjudged",)


def test_the_quality_is_that_of_the_check_the_suite_names() -> None:
    verdicts = [
        *(judged(name, "drift", None, compared(0, 0, 4_000)) for name in ("a", "b")),
        *point("a", 500, 4),
        *point("b", 400, 8),
    ]
    (first,) = plots(material(*verdicts))
    (told,) = plots(material(*verdicts, extras=ReportExtras(quality="accuracy")))
    assert [each.drop for each in first.points] == [0, 0]
    assert [each.drop for each in told.points] == pytest.approx([0.1, 0.2])


def test_many_on_the_front_are_counted() -> None:
    verdicts = [verdict for i in range(15) for verdict in point(f"c{i:02}", 1_000 + i, 40 - i)]
    (plot,) = plots(material(*verdicts))
    assert plot.sentence.endswith(" and 3 more")
    assert len(plot_data(plot)["points"]) == 15  # type: ignore[arg-type]
