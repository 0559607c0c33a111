"""The shipped suites as files: valid, small, offline, without leaks, and with margins their data can prove."""

from __future__ import annotations

import functools
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.checks.quality import QualityParameters
from harness.core.suite import Suite
from harness.data.opener import DataOpener
from harness.ports.data import Dataset
from harness.spec import load_suite
from harness.stats import can_ever_pass, power_binary
from harness.wiring.registers import registers
from harness.wiring.requirements import missing_requirement

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "suites"
TRAINED = ("digits", "languages", "survey")
"""Suites whose network was trained for them and whose weights are committed."""
SHIPPED = (*TRAINED, "minilm")
EXAMPLES = ("gpu", "sentiment")
SOURCES = {"digits": "images", "languages": "phrases", "survey": "answers", "minilm": "sentences"}


def load(name: str) -> Suite:
    folder = SUITES / "examples" if name in EXAMPLES else SUITES
    return load_suite(folder / f"{name}.yaml", registers(), {})


@pytest.fixture(scope="module", params=SHIPPED)
def suite(request: pytest.FixtureRequest) -> Suite:
    return load(request.param)


@pytest.fixture(scope="module")
def opened(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    opener = DataOpener(registers().sources, tmp_path_factory.mktemp("cache"))
    return {name: opener.open(spec, suite.root) for name, spec in suite.data.items()}


def source(suite: Suite) -> Any:
    if str(SUITES) not in sys.path:
        sys.path.insert(0, str(SUITES))
    return importlib.import_module(f"{suite.name}.{SOURCES[suite.name]}")


def rows(suite: Suite, split: str) -> pa.Table:
    return _rows(source(suite), split)


@functools.lru_cache
def _rows(module: Any, split: str) -> pa.Table:
    """Read once: the phrases of all languages take seconds."""
    return getattr(module, split)()


def test_every_suite_file_is_valid_and_known_here() -> None:
    assert sorted(path.stem for path in SUITES.rglob("*.yaml")) == sorted((*SHIPPED, *EXAMPLES))
    for name in (*SHIPPED, *EXAMPLES):
        assert load(name).name == name


@pytest.mark.parametrize("name", TRAINED)
def test_each_has_a_spread_of_candidates_and_a_bad_one_that_says_why(name: str) -> None:
    suite = load(name)
    assert [candidate.name for candidate in suite.candidates][:3] == ["fp16", "int8-dynamic", "int8-static"]
    used = {step.technique for candidate in suite.candidates for step in candidate.steps}
    assert {"cast", "quantize", "share"} < used
    *others, bad = suite.candidates
    assert bad.expect["accuracy"].outcome == "FAIL"
    assert all(len(expectation.reason) > 20 for candidate in suite.candidates for expectation in candidate.expect.values())
    assert not any("accuracy" in candidate.expect for candidate in others)
    static = suite.candidates[2].steps[0].parameters
    assert suite.data[static.calibrate.data].role == "train"  # type: ignore[attr-defined]  # QuantizeParameters


def test_weights_are_small_and_labels_are_the_classes() -> None:
    files = sorted(SUITES.rglob("*.safetensors"))
    assert len(files) == len(SHIPPED)
    assert sum(path.stat().st_size for path in files) <= 2_000_000
    for name in SHIPPED:
        suite = load(name)
        target = suite.data["test"].target
        assert target is not None
        labels = (SUITES / name / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1]
        assert tuple(labels) == suite.original.output.labels  # type: ignore[union-attr]  # it is declared
        assert set(rows(suite, "test")[target].to_pylist()) == set(labels) == set(rows(suite, "train")[target].to_pylist())


def test_nothing_is_in_two_splits(suite: Suite) -> None:
    test, train = rows(suite, "test"), rows(suite, "train")
    ids = test["id"].to_pylist() + train["id"].to_pylist()
    assert len(set(ids)) == len(ids)
    inputs = [column for spec in suite.original.inputs for column in spec.columns]
    seen = [{str(row) for row in zip(*(table[name].to_pylist() for name in inputs), strict=True)} for table in (test, train)]
    assert not seen[0] & seen[1]


def test_ids_follow_from_content_alone(suite: Suite) -> None:
    """A fresh process with another hash seed gives the same rows in the same order."""
    code = f"from {suite.name} import {SOURCES[suite.name]} as s; print(*s.test()['id'].to_pylist())"
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(SUITES)}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == rows(suite, "test")["id"].to_pylist()


def test_the_languages_are_many_and_their_phrases_distinct() -> None:
    suite = load("languages")
    tables = [rows(suite, split) for split in ("test", "validation", "train")]
    texts = [text.casefold() for table in tables for text in table["text"].to_pylist()]
    assert len(texts) == len(set(texts)) > 100_000
    assert len(set(tables[0]["language"].to_pylist())) == 64
    assert len(tables[0]) > 20_000
    phrases = source(suite)
    assert phrases.script("Ελλάδα 2") == "Greek"
    assert phrases.script("日本ひ") == "Han or Kana"
    assert set(tables[0]["kind"].to_pylist()) == {"territory", "language", "script", "currency", "unit", "city", "time zone"}


def test_names_of_one_thing_stay_together() -> None:
    """Singular and plural of a currency: one must not be learned and the other tested."""
    suite = load("languages")
    phrases = source(suite)
    split = {text: name for name in ("test", "validation", "train") for text in rows(suite, name)["text"].to_pylist()}
    from babel import localedata

    together = 0
    for language in ("en", "pl", "ru"):
        data = localedata.load(language, merge_inherited=False)
        for code, forms in data["currency_names_plural"].items():
            names = {split[text] for text in {*forms.values(), data["currency_names"].get(code, "")} if text in split}
            assert len(names) <= 1
            together += len(set(forms.values())) > 1
    assert together > 500
    assert phrases.SHARES["test"] == 0.2


def test_a_perfect_candidate_passes(suite: Suite, opened: dict[str, Dataset]) -> None:
    """The margins are honest: at 5 % flips the whole passes with 90 % probability, and every segment can pass."""
    parameters = {check.name: check.parameters for check in suite.checks}["accuracy"]
    assert isinstance(parameters, QualityParameters)
    data = opened["test"]
    assert power_binary(len(data), 0.05, parameters.max_drop.amount) >= 0.9
    segmentations = {found.name: found for found in data.segmentations()}
    assert set(parameters.segments) <= set(segmentations)
    hopeless, judged = [], 0
    for name, rule in parameters.segments.items():
        margin = (rule.max_drop or parameters.max_drop).amount
        sizes = segmentations[name].sizes()
        judged += len(sizes)
        labels = [segment.label for segment in segmentations[name].segments]
        hopeless += [label for label, size in zip(labels, sizes, strict=True) if not can_ever_pass(int(size), margin)]
    assert len(hopeless) <= 0.02 * judged, hopeless


def test_examples_are_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_ALLOW_NETWORK", raising=False)
    assert missing_requirement(load("sentiment")) == "suite sentiment requires network: set HARNESS_ALLOW_NETWORK=1 to allow it"
    if not Path("/dev/nvidia0").exists() and not Path("/dev/kfd").exists():
        assert missing_requirement(load("gpu")) == "suite gpu requires gpu: no GPU was found on this machine"


def test_the_sentence_encoder_in_int8_and_four_bits_says_what_it_loses() -> None:
    """It is that of a package: nothing but the centres of the classes is committed."""
    suite = load("minilm")
    assert [candidate.name for candidate in suite.candidates] == ["int8-channel", "int8-tensor", "int4-block"]
    assert [bool(candidate.expect) for candidate in suite.candidates] == [False, True, True]
    assert (SUITES / "minilm" / "centres.safetensors").stat().st_size < 20_000
    test, train = rows(suite, "test"), rows(suite, "train")
    assert len(test) > 1_500
    assert min(test["part"].to_pylist().count(part) for part in set(test["part"].to_pylist())) >= 50
    texts = [text for table in (test, train) for text in table["sentence"].to_pylist()]
    assert len(set(texts)) == len(texts)


def test_what_is_committed_names_no_machine() -> None:
    for path in SUITES.rglob("*"):
        if path.suffix in (".py", ".yaml", ".txt"):
            assert not re.search(r"/work\b|/root\b|/tmp\b", path.read_text(encoding="utf-8")), path
