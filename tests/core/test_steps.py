"""Which step is named as the one that broke something."""

from __future__ import annotations

import pytest

from harness.core.outcome import Outcome
from harness.core.segment import Segment
from harness.core.steps import Reached, StepVerdicts, blame, broken_at
from harness.core.verdict import Verdict

BENGALI = Segment("language", (("language", "bn"),))
NAMES = ("prune", "distill", "quantize", "share")
OUTCOMES = {"p": Outcome.PASS, "f": Outcome.FAIL, "i": Outcome.INCONCLUSIVE, "e": Outcome.ERROR, "s": Outcome.SKIPPED}


def course(letters: str, names: tuple[str, ...] = NAMES) -> list[StepVerdicts]:
    """A step per letter: pass, fail, inconclusive, error, skipped, or - where nothing was run."""
    found = []
    for number, (letter, name) in enumerate(zip(letters, names, strict=False), start=1):
        reached = Reached(number, name)
        if letter == "-":
            found.append(StepVerdicts(reached, not_run="torch cannot export it"))
        else:
            verdict = Verdict("suite", "small", "accuracy", BENGALI, OUTCOMES[letter], "", blocks=letter == "f")
            found.append(StepVerdicts(reached, (verdict,)))
    return found


@pytest.mark.parametrize(
    ("letters", "index", "sentence"),
    [
        ("pf", 1, "broken by step 2, distill: PASS after prune, FAIL after distill"),
        ("ff", 0, "broken by step 1, prune: FAIL after prune"),
        ("f", 0, "broken by step 1, prune: FAIL after prune"),
        ("pff", 1, "broken by step 2, distill: PASS after prune, FAIL after distill"),
        ("pif", 2, "broken by step 3, quantize: INCONCLUSIVE after distill, FAIL after quantize"),
        ("pfpf", 1, "broken by step 2, distill: PASS after prune, FAIL after distill, PASS again after quantize, FAIL after share"),
        ("fii", 0, "not proven since step 1, prune: FAIL after prune"),
        ("pi", 1, "not proven since step 2, distill: PASS after prune, INCONCLUSIVE after distill"),
        ("p-f", 2, "broken by step 3, quantize, or by what could not be run before it (distill): PASS after prune, FAIL after quantize"),
        ("-f", 1, "broken by step 2, distill, or by what could not be run before it (prune): FAIL after distill"),
        ("pf-f", 1, "broken by step 2, distill: PASS after prune, FAIL after distill"),
        ("fp", None, None),
        ("pp", None, None),
        ("pe", None, None),
        ("fs", None, None),
        ("f-", None, None),
    ],
)
def test_the_first_step_after_which_it_was_as_bad_as_it_is_in_the_end(letters: str, index: int | None, sentence: str | None) -> None:
    assert broken_at(BENGALI, course(letters)) == index
    assert blame(BENGALI, course(letters)) == sentence
    assert broken_at(None, course(letters)) is None, "the whole was not judged here"


def test_steps_of_one_technique_are_told_apart_by_number_and_stages_by_theirs() -> None:
    first, second = course("pf", ("prune", "prune"))
    assert blame(BENGALI, [first, second]) == "broken by step 2, prune: PASS after step 1, FAIL after step 2"
    staged = [StepVerdicts(Reached(1, "prune", stage), one.verdicts) for stage, one in enumerate(course("pf"), start=1)]
    end = StepVerdicts(Reached(2, "quantize"), staged[-1].verdicts)
    said = "broken by step 1, prune, at stage 2: PASS after stage 1 of prune, FAIL after stage 2 of prune"
    assert blame(BENGALI, [*staged, end]) == said
    assert Reached(2, "quantize").of("small") == "small after step 2, quantize"
