"""Real files, against an independent reading of them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.core.models import Task
from harness.core.segment import ByBins, ByColumn, ByPredicate, ByProduct, SegmentationSpec
from harness.data.parameters import FileParameters
from tests.data.helpers import opener, output, spec
from tests.real_data.place import real_data


def test_adult_census(tmp_path: Path) -> None:
    path = real_data("adult_census/adult.csv")
    with path.open(newline="") as stream:
        people = list(csv.DictReader(stream))
    specs = (
        SegmentationSpec("sex", ByColumn("sex")),
        SegmentationSpec("race", ByColumn("race")),
        SegmentationSpec("age", ByBins("age", edges=(25, 45, 65))),
        SegmentationSpec("both", ByProduct(("sex", "race"))),
        SegmentationSpec("graduates", ByPredicate("`education-num` >= 13 and sex == 'Female'")),
        SegmentationSpec("country", ByColumn("native-country"), min_examples=100, otherwise="merge"),
    )
    declared = spec(str(path), id=None, target="income-per-year", segments=specs)
    dataset = opener(tmp_path).open(declared, tmp_path)
    assert len(dataset) == len(people) == 32_561
    sex, race, age, both, graduates, country = dataset.segmentations()

    def sizes(found: object) -> dict[str, int]:
        return {segment.label: int(size) for segment, size in zip(found.segments, found.sizes(), strict=True)}  # type: ignore[attr-defined]  # a Segmentation

    assert sizes(sex) == {f"sex:{value}": count for value, count in Counter(person["sex"] for person in people).items()}
    assert sizes(race) == {f"race:{value}": count for value, count in Counter(person["race"] for person in people).items()}
    assert sizes(both) == {f"sex:{a},race:{b}": count for (a, b), count in Counter((p["sex"], p["race"]) for p in people).items()}
    ages = [int(person["age"]) for person in people]
    assert sizes(age) == {
        "age:..25": sum(value < 25 for value in ages),
        "age:25..45": sum(25 <= value < 45 for value in ages),
        "age:45..65": sum(45 <= value < 65 for value in ages),
        "age:65..": sum(value >= 65 for value in ages),
    }
    assert graduates.sizes().tolist() == [sum(int(p["education-num"]) >= 13 and p["sex"] == "Female" for p in people)]
    countries = Counter(person["native-country"] for person in people)
    assert sizes(country)["country:(other)"] == sum(count for count in countries.values() if count < 100)
    assert "country:?" in sizes(country)
    targets = dataset.targets(output(Task.BINARY, positive=">50K"))
    assert targets.labels == ("<=50K", ">50K")
    np.testing.assert_array_equal(targets.values, [person["income-per-year"] == ">50K" for person in people])
    index = opener(tmp_path).index(declared, tmp_path)
    assert [item.sizes for item in index.segmentations] == [tuple(found.sizes().tolist()) for found in dataset.segmentations()]


@pytest.mark.parametrize("name", ["banking77/test.csv", "hatecheck/test_suite_cases.csv", "cad_sentiment/test_paired.tsv"])
def test_other_text_files_read_as_pythons_csv_reads_them(tmp_path: Path, name: str) -> None:
    path = real_data(name)
    with path.open(newline="", encoding="utf-8") as stream:
        wanted = list(csv.DictReader(stream, delimiter="\t" if name.endswith("tsv") else ","))
    dataset = opener(tmp_path).open(spec(FileParameters(path=str(path)), id=None), tmp_path)
    assert dataset.columns == tuple(wanted[0])
    for column in dataset.columns:
        assert [value or "" for value in dataset.column(column).to_pylist()] == [row[column] for row in wanted]
