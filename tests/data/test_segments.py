"""Segments against brute force."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core.segment import MISSING, OTHER, ByBins, ByColumn, ByPredicate, ByProduct, SegmentationSpec
from harness.data.bins import bin_names, quantile_edges
from harness.errors import DataError
from tests.data.helpers import by_value, open_file, opener, segment, spec

QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def values_of(root: Path, columns: dict[str, Any], rule: Any, **more: Any) -> list[str | None]:
    (found,) = segment(root, columns, SegmentationSpec("s", rule, **more))
    assert found.codes.dtype == np.int32
    return by_value(found)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["b", "a", None, "", "NA"], ["b", "a", MISSING, MISSING, "NA"]),
        ([2, 1, None, 10, 1], ["2", "1", MISSING, "10", "1"]),
        ([1.5, 2.0, float("nan"), None, 0.1], ["1.5", "2", MISSING, MISSING, "0.1"]),
        (np.array([1.5, 2.0, float("nan"), 3, 0.25], dtype=np.float16), ["1.5", "2", MISSING, "3", "0.25"]),
        ([True, False, None, True, True], ["true", "false", MISSING, "true", "true"]),
        (["007", "7", "7.0", "1e3", " "], ["007", "7", "7.0", "1e3", " "]),
        (pa.array(["a", "b", None, "a", ""]).dictionary_encode(), ["a", "b", MISSING, "a", MISSING]),
        (pa.nulls(5), [MISSING] * 5),
        (pa.array(["2024-01-02"] * 5).cast(pa.date32()), ["2024-01-02"] * 5),
    ],
)
def test_every_value_of_a_column(tmp_path: Path, column: Any, expected: list[str]) -> None:
    assert values_of(tmp_path, {"c": column}, ByColumn("c")) == expected


def test_values_come_in_order_and_missing_comes_last(tmp_path: Path) -> None:
    (texts,) = segment(tmp_path, {"c": ["b", None, "a", "B"]}, SegmentationSpec("s", ByColumn("c")))
    assert [found.label for found in texts.segments] == ["s:B", "s:a", "s:b", f"s:{MISSING}"]
    (numbers,) = segment(tmp_path, {"c": ["10", "9", "-1"]}, SegmentationSpec("s", ByColumn("c")))
    assert [found.label for found in numbers.segments] == ["s:-1", "s:9", "s:10"]
    assert numbers.sizes().tolist() == [1, 1, 1]


def test_a_fault_of_a_part_is_told_once(tmp_path: Path) -> None:
    specs = (SegmentationSpec("p", ByProduct(("n",))), SegmentationSpec("n", ByBins("c", edges=(0,))))
    with pytest.raises(DataError, match=r"^segments 'n': column 'c' must hold numbers"):
        segment(tmp_path, {"c": ["x"]}, *specs)


def test_lists_are_no_segments(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"segments 's': column 'c' holds list<"):
        values_of(tmp_path, {"c": [[1], [2]]}, ByColumn("c"))


@QUICK
@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 100), st.floats(-5, 100)), min_size=1, max_size=30),
    st.lists(st.integers(0, 90), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_bins_hold_low_and_not_high(tmp_path: Path, values: list[float | None], edges: list[float]) -> None:
    bounds = [None, *edges, None]

    def brute(value: float | None) -> str:
        if value is None:
            return MISSING
        for low, high in itertools.pairwise(bounds):
            if (low is None or value >= low) and (high is None or value < high):
                return f"{'' if low is None else low}..{'' if high is None else high}"
        raise AssertionError

    column = pa.array([None if value is None else float(value) for value in values])
    expected = [brute(value) for value in values]
    rule = ByBins("c", edges=tuple(map(float, edges)))
    assert values_of(tmp_path, {"c": column}, rule) == expected
    texts = pa.array([None if value is None else repr(value) for value in values], pa.string())
    assert values_of(tmp_path, {"c": texts}, rule) == expected


def test_the_names_of_bins_from_the_design(tmp_path: Path) -> None:
    (found,) = segment(tmp_path, {"c": [-1, 0, 19, 20, 79, 80, 10_000]}, SegmentationSpec("length", ByBins("c", edges=(0, 20, 80))))
    assert by_value(found) == ["..0", "0..20", "0..20", "20..80", "20..80", "80..", "80.."]
    (inside,) = segment(tmp_path, {"c": [0, 19, 20, 79, 80]}, SegmentationSpec("length", ByBins("c", edges=(0, 20, 80))))
    assert [each.label for each in inside.segments] == ["length:0..20", "length:20..80", "length:80.."]
    assert inside.edges == (0, 20, 80)


@pytest.mark.parametrize(
    ("edges", "exact", "names"),
    [
        ((0.5,), True, ["..0.5", "0.5.."]),
        ((0.1, 1e6), True, ["..0.1", "0.1..1000000", "1000000.."]),
        ((1 / 3,), True, ["..0.3333333333333333", "0.3333333333333333.."]),
        ((1 / 3,), False, ["..0.333333", "0.333333.."]),
        ((0.12345678, 0.12345679), False, ["..0.12345678", "0.12345678..0.12345679", "0.12345679.."]),
    ],
)
def test_how_edges_are_written(edges: tuple[float, ...], exact: bool, names: list[str]) -> None:
    assert bin_names(edges, exact=exact) == names


@QUICK
@given(st.lists(st.integers(0, 1_000), min_size=8, max_size=200, unique=True), st.integers(2, 6))
def test_quantile_bins_of_distinct_values_are_equally_filled(tmp_path: Path, values: list[int], count: int) -> None:
    (found,) = segment(tmp_path, {"c": values}, SegmentationSpec("s", ByBins("c", quantiles=count)))
    assert len(found.segments) == count
    assert found.sizes().max() - found.sizes().min() <= 1
    assert found.edges is not None
    assert set(found.edges) <= set(values)


def test_tied_quantiles_make_fewer_bins(tmp_path: Path) -> None:
    (found,) = segment(tmp_path, {"c": [1, 1, 1, 1, 1, 1, 2, 3]}, SegmentationSpec("s", ByBins("c", quantiles=4)))
    assert found.edges == (1.0, 2.0)
    assert by_value(found) == ["1..2"] * 6 + ["2.."] * 2
    assert quantile_edges(np.array([np.nan, np.nan]), 4) == ()


def test_frozen_edges_replace_those_of_quantiles_only(tmp_path: Path) -> None:
    specs = (SegmentationSpec("q", ByBins("c", quantiles=2)), SegmentationSpec("e", ByBins("c", edges=(2,))))
    quantiles, own = segment(tmp_path, {"c": [1, 2, 3, 4]}, *specs, edges={"q": (2.0, 4.0), "e": (4.0,)})
    assert by_value(quantiles) == ["..2", "2..4", "2..4", "4.."]
    assert by_value(own) == ["..2", "2..", "2..", "2.."]


def test_numbers_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"segments 's': column 'c' must hold numbers, but rows 2, 4 are not: 'two'"):
        values_of(tmp_path, {"c": ["1", "two", "", "x"]}, ByBins("c", edges=(0,)))


TEXTS = ["", "a", "zwei Wörter", "  spaced   out  ", "日本語 テキスト", "tab\tline\nbreak", "   ", None, "e\u0301", "\u3000x\u00a0y"]


@pytest.mark.parametrize("by", ["bytes", "characters", "words"])
def test_lengths_of_texts(tmp_path: Path, by: Any) -> None:
    lengths = {"bytes": lambda text: len(text.encode()), "characters": len, "words": lambda text: len(text.split())}
    names = {0: "..1", 1: "1..2", 2: "2..3", 3: "3.."}
    expected = [names[min(3, lengths[by](text))] if text else MISSING for text in TEXTS]
    assert values_of(tmp_path, {"c": TEXTS}, ByBins("c", edges=(1, 2, 3), by=by)) == expected


def make_tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "a": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=10)
    tokenizer.save(str(path))


def test_lengths_in_tokens_know_no_padding_truncation_or_special_tokens(tmp_path: Path) -> None:
    make_tokenizer(tmp_path / "tokenizer.json")
    rule = ByBins("c", edges=(1, 2, 3, 4, 5), by="tokens", tokenizer="tokenizer.json")
    assert values_of(tmp_path, {"c": ["a b c d", "a", None, "a, b"]}, rule) == ["4..5", "1..2", MISSING, "3..4"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (ByBins("c", edges=(1,), by="tokens"), "needs tokenizer:"),
        (ByBins("c", edges=(1,), by="tokens", tokenizer="gone.json"), "there is no file"),
        (ByBins("c", edges=(1,), by="tokens", tokenizer="table.parquet"), "is not a tokenizer.json"),
        (ByBins("n", edges=(1,), by="words"), "column 'n' holds int64; by: words needs texts"),
    ],
)
def test_faults_of_lengths(tmp_path: Path, rule: ByBins, said: str) -> None:
    with pytest.raises(DataError, match=said):
        values_of(tmp_path, {"c": ["a"], "n": [1]}, rule)


def test_a_predicate_is_one_segment_even_when_empty(tmp_path: Path) -> None:
    (found,) = segment(tmp_path, {"c": [1, 2, 3]}, SegmentationSpec("rare", ByPredicate("c > 1")))
    assert by_value(found) == [None, "yes", "yes"]
    assert [each.label for each in found.segments] == ["rare:yes"]
    (empty,) = segment(tmp_path, {"c": [1, 2, 3]}, SegmentationSpec("rare", ByPredicate("c > 9"), min_examples=2, otherwise="merge"))
    assert empty.sizes().tolist() == [0]


CELLS = st.sampled_from(["x", "y", "z", None])


@QUICK
@given(st.lists(st.tuples(CELLS, CELLS, st.integers(0, 3)), min_size=1, max_size=40))
def test_products_hold_the_combinations_that_occur(tmp_path: Path, cells: list[tuple[Any, Any, int]]) -> None:
    columns = {
        "a": pa.array([a for a, _, _ in cells], pa.string()),
        "b": pa.array([b for _, b, _ in cells], pa.string()),
        "n": [n for _, _, n in cells],
    }
    specs = (
        SegmentationSpec("p", ByProduct(("a", "big", "b"))),
        SegmentationSpec("a", ByColumn("a")),
        SegmentationSpec("b", ByColumn("b")),
        SegmentationSpec("big", ByPredicate("n > 1")),
    )
    found = segment(tmp_path, columns, *specs)[0]
    expected = [f"a:{a or MISSING},big:yes,b:{b or MISSING}" if n > 1 else None for a, b, n in cells]
    labels = [None if code < 0 else found.segments[code].label for code in found.codes]
    assert labels == expected
    assert {segment.label for segment in found.segments} == {label for label in expected if label}
    assert (found.sizes() > 0).all()


def test_a_product_of_very_many_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    columns = {name: [f"{value}" for value in rng.integers(0, 3_000, 5_000)] for name in "ab"}
    specs = (SegmentationSpec("a", ByColumn("a")), SegmentationSpec("b", ByColumn("b")), SegmentationSpec("p", ByProduct(("a", "b"))))
    found = segment(tmp_path, columns, *specs)[2]
    assert [found.segments[code].label for code in found.codes] == [f"a:{a},b:{b}" for a, b in zip(columns["a"], columns["b"], strict=True)]


def test_a_product_of_products_names_each_part_once(tmp_path: Path) -> None:
    specs = (
        SegmentationSpec("all", ByProduct(("ab", "a"))),
        SegmentationSpec("ab", ByProduct(("a", "b"))),
        SegmentationSpec("a", ByColumn("a")),
        SegmentationSpec("b", ByColumn("b")),
    )
    found = segment(tmp_path, {"a": ["x"], "b": ["y"]}, *specs)[0]
    assert [each.label for each in found.segments] == ["a:x,b:y"]


@pytest.mark.parametrize(("of", "said"), [(("nothing",), "no segmentation 'nothing'"), (("p",), "p → p goes round in a circle")])
def test_faults_of_products(tmp_path: Path, of: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=f"segments 'p': .*{said}"):
        segment(tmp_path, {"a": ["x"]}, SegmentationSpec("p", ByProduct(of)), SegmentationSpec("a", ByColumn("a")))


def test_small_segments_are_merged_only_when_asked(tmp_path: Path) -> None:
    columns = {"c": ["a", "a", "a", "b", "c", None]}
    assert values_of(tmp_path, columns, ByColumn("c"), min_examples=2, otherwise="keep") == ["a", "a", "a", "b", "c", MISSING]
    assert values_of(tmp_path, columns, ByColumn("c"), min_examples=2, otherwise="merge") == ["a", "a", "a", OTHER, OTHER, OTHER]
    assert values_of(tmp_path, columns, ByColumn("c"), min_examples=1, otherwise="merge") == ["a", "a", "a", "b", "c", MISSING]


def test_a_product_is_made_of_merged_parts_and_can_be_merged(tmp_path: Path) -> None:
    specs = (
        SegmentationSpec("c", ByColumn("c"), min_examples=2, otherwise="merge"),
        SegmentationSpec("d", ByColumn("d")),
        SegmentationSpec("p", ByProduct(("c", "d")), min_examples=2, otherwise="merge"),
    )
    found = segment(tmp_path, {"c": ["a", "a", "b", "e"], "d": ["x", "x", "x", "y"]}, *specs)[2]
    assert [found.segments[code].label for code in found.codes] == ["c:a,d:x", "c:a,d:x", f"p:{OTHER}", f"p:{OTHER}"]


def test_segments_through_a_data_set(tmp_path: Path) -> None:
    specs = (SegmentationSpec("language", ByColumn("lang")), SegmentationSpec("rare", ByPredicate("speakers < 1000000")))
    dataset = open_file(tmp_path, "a.csv", "id,lang,speakers\n1,bn,230000000\n2,rm,40000\n3,,\n", segments=specs)
    language, rare = dataset.segmentations()
    assert by_value(language) == ["bn", "rm", MISSING]
    assert by_value(rare) == [None, "yes", None]
    assert dataset.segmentations()[0] is language


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (ByColumn("langauge"), r"segments: there is no column 'langauge'; did you mean 'language'\?"),
        (ByPredicate("lang == 'x'"), "segments: there is no column 'lang'; did you mean"),
        (ByPredicate("language =="), r"segments 's': 'language ==': "),
        (ByBins("size", edges=(1,)), "segments: there is no column 'size'; it has 'id', 'language'"),
    ],
)
def test_columns_are_checked_on_opening_and_at_collection(tmp_path: Path, rule: Any, said: str) -> None:
    specs = (SegmentationSpec("s", rule),)
    with pytest.raises(DataError, match=said):
        open_file(tmp_path, "a.csv", "id,language\n1,x\n", segments=specs)
    with pytest.raises(DataError, match=said):
        opener(tmp_path).index(spec("a.csv", segments=specs), tmp_path)


def test_clusters(tmp_path: Path) -> None:
    codes = open_file(tmp_path, "a.csv", "id,doc\n1,x\n2,y\n3,x\n", cluster_by="doc").clusters()
    assert codes is not None
    assert codes[0] == codes[2] != codes[1]
    assert open_file(tmp_path, "a.csv", "id,doc\n1,x\n").clusters() is None
    with pytest.raises(DataError, match="cluster_by column 'doc' is empty in row 2"):
        open_file(tmp_path, "a.csv", "id,doc\n1,x\n2,\n", cluster_by="doc").clusters()
