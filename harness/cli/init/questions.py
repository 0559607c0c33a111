"""Asking a person at a terminal; without one, collecting what would have been asked."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence

import typer

from harness.errors import UsageError

_SHOWN = 12


class Questions:
    """Settles one unknown after the other. What a person cannot be asked is collected, and refused together at the end."""

    def __init__(self, *, ask: bool) -> None:
        self._person = ask and sys.stdin.isatty()
        self._missing: list[str] = []

    def choose(
        self,
        option: str,
        question: str,
        choices: Sequence[str],
        *,
        given: str | None = None,
        best: str | None = None,
        sure: bool = False,
    ) -> str | None:
        """One of `choices`: what was `given` by `option`, else `best` when `sure`, else what a person says.

        None when it could not be settled, which `refuse_missing` then tells. Raises `UsageError` when `given` is none of
        the choices.
        """
        if given is not None:
            self._require(option, given, choices)
            return given
        if sure and best is not None:
            return best
        if not self._person:
            hint = f" (probably {best})" if best is not None else ""
            self._missing.append(f"{option}: {question} One of: {_listed(choices)}{hint}")
            return None
        while True:
            answer: str = typer.prompt(f"{question} ({_listed(choices)})", default=best, err=True)
            if answer in choices:
                return answer
            typer.echo(_unknown(answer, choices), err=True)

    def several(
        self, option: str, question: str, choices: Sequence[str], *, given: Sequence[str] | None, best: Sequence[str]
    ) -> tuple[str, ...]:
        """Any number of `choices`: those `given`, else what a person says, else `best`."""
        if given is not None:
            for each in given:
                self._require(option, each, choices)
            return tuple(given)
        if not self._person or not choices:
            return tuple(best)
        while True:
            text: str = typer.prompt(
                f"{question} ({_listed(choices)}; several with commas, - for none)", default=", ".join(best) or "-", err=True
            )
            answers = tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "-"))
            strange = [answer for answer in answers if answer not in choices]
            if not strange:
                return answers
            typer.echo(_unknown(strange[0], choices), err=True)

    def words(self, option: str, question: str, count: int, *, best: Sequence[str]) -> tuple[str, ...] | None:
        """`count` texts in order; `best` is offered. None when nobody can be asked."""
        if not self._person:
            hint = f" The values of the target in alphabetical order would be: {', '.join(best[:_SHOWN])}." if best else ""
            self._missing.append(f"{option}: {question}{hint}")
            return None
        while True:
            text: str = typer.prompt(f"{question} ({count} of them, with commas)", default=",".join(best) or None, err=True)
            answers = tuple(part.strip() for part in text.split(","))
            if len(answers) == count and all(answers):
                return answers
            typer.echo(f"these are {len(answers)}, expected {count}", err=True)

    def confirm(self, question: str) -> bool:
        """Yes or no; no when nobody can be asked."""
        return self._person and typer.confirm(question, err=True)

    def miss(self, sentence: str) -> None:
        """Note something that no question can settle."""
        self._missing.append(sentence)

    def refuse_missing(self) -> None:
        """Raise `UsageError` with everything that could not be settled."""
        if self._missing:
            raise UsageError("some things cannot be known from the files; give them:\n" + "\n".join(f"  {line}" for line in self._missing))

    @staticmethod
    def _require(option: str, given: str, choices: Sequence[str]) -> None:
        if given not in choices:
            raise UsageError(f"{option} {given}: {_unknown(given, choices)}")


def _unknown(answer: str, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(answer, choices, n=1)
    return f"{answer!r} is not there; " + (f"did you mean {near[0]!r}?" if near else f"there are: {_listed(choices)}")


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(choices[:_SHOWN]) + (f" and {len(choices) - _SHOWN:,} more" if len(choices) > _SHOWN else "")
