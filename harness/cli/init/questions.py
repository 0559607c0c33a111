"""Asking a person at a terminal; without one, collecting what would have been asked."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from harness.errors import UsageError

_SHOWN = 12


class Questions:
    """Settles one unknown after the other. What a person cannot be asked is collected, and refused together at the end."""

    def __init__(self, *, ask: bool) -> None:
        self._person = ask and sys.stdin.isatty()
        self._missing: list[str] = []
        self._assumed = ""

    @property
    def person(self) -> bool:
        """Whether somebody can be asked."""
        return self._person

    def assume(self, what: str) -> None:
        """Whatever is missing from now on holds when `what` does; "" for always."""
        self._assumed = f"{what}: " if what else ""

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

        None when it could not be settled, which `refuse_missing` then tells.
        """
        if given is not None:
            return given if self._known(option, given, choices) else None
        if sure and best is not None:
            return best
        if not self._person:
            hint = f" (probably {best})" if best is not None else ""
            self.miss(f"{option}: {question} One of: {_listed(choices)}{hint}")
            return None
        while True:
            answer: str = typer.prompt(f"{question} ({_listed(choices)})", default=best, err=True)
            if answer in choices:
                return answer
            typer.echo(unknown(answer, choices), err=True)

    def several(
        self,
        option: str,
        question: str,
        choices: Sequence[str],
        *,
        given: Sequence[str] | None,
        best: Sequence[str],
        obstacle: Callable[[str], str | None] | None = None,
    ) -> tuple[str, ...]:
        """Any number of `choices`: those `given`, else what a person says, else `best`.

        `obstacle` says what is wrong with an answer that is none of the choices, None when it will do all the same.
        """
        if given is not None:
            return tuple(each for each in given if self._known(option, each, choices))
        if not self._person or not choices:
            return tuple(best)
        while True:
            text: str = typer.prompt(
                f"{question} ({_listed(choices)}; several with commas, - for none)", default=", ".join(best) or "-", err=True
            )
            answers = tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "-"))
            wrong = [_wrong(answer, choices, obstacle) for answer in answers if answer not in choices]
            first = next((sentence for sentence in wrong if sentence is not None), None)
            if first is None:
                return answers
            typer.echo(first, err=True)

    def ordered(self, option: str, question: str, choices: Sequence[str], count: int | None) -> tuple[str, ...] | None:
        """`count` of the `choices` in the order a person says, any number when it is None; `-NAME` leaves out of all.

        None when nobody can be asked.
        """
        if not self._person:
            self.miss(f"{option}: {question} There are: {_listed(choices)}")
            return None
        while True:
            text: str = typer.prompt(f"{question} ({_listed(choices)}; with commas, or -NAME to leave one out)", err=True)
            parts = tuple(part.strip() for part in text.split(",") if part.strip())
            left_out = [part[1:].strip() for part in parts if part.startswith("-") and part not in choices]
            answers = tuple(name for name in choices if name not in left_out) if len(left_out) == len(parts) else parts
            strange = [name for name in (*left_out, *answers) if name not in choices]
            if strange:
                typer.echo(unknown(strange[0], choices), err=True)
            elif len(set(answers)) != len(answers):
                typer.echo("each column once", err=True)
            elif count is not None and len(answers) != count:
                typer.echo(f"these are {len(answers)}, expected {count}", err=True)
            elif answers:
                return answers

    def file(self, option: str, question: str, check: Callable[[Path], str | None], missing: str) -> Path | None:
        """A file that `check` finds nothing wrong with; None when nobody can be asked, with `missing` noted."""
        if not self._person:
            self.miss(f"{option}: {missing}")
            return None
        while True:
            path = Path(str(typer.prompt(question, err=True)).strip()).expanduser()
            wrong = check(path)
            if wrong is None:
                return path
            typer.echo(wrong, err=True)

    def words(self, option: str, question: str, count: int, *, best: Sequence[str], needed: Sequence[str] = ()) -> tuple[str, ...] | None:
        """`count` texts in order, all of `needed` among them; `best` is offered. None when nobody can be asked."""
        if not self._person:
            hint = f" The values of the target in alphabetical order would be: {_listed(best)}." if best else ""
            self.miss(f"{option}: {question}{hint}")
            return None
        while True:
            text: str = typer.prompt(f"{question} ({count} of them with commas, index 0 first)", default=",".join(best) or None, err=True)
            answers = tuple(part.strip() for part in text.split(","))
            absent = [value for value in needed if value not in answers]
            if len(answers) != count or not all(answers):
                typer.echo(f"these are {len(answers)}, expected {count}", err=True)
            elif absent:
                typer.echo(f"the data has answers that are none of these: {_listed(absent)}", err=True)
            else:
                return answers

    def announce(self, sentence: str) -> None:
        """Something a person should know, on stderr."""
        typer.echo(sentence, err=True)

    def confirm(self, question: str) -> bool:
        """Yes or no; no when nobody can be asked."""
        return self._person and typer.confirm(question, err=True)

    def miss(self, sentence: str) -> None:
        """Note something that no question can settle. Where a person sits there it ends the questions: `UsageError`."""
        if self._person:
            raise UsageError(sentence)
        self._missing.append(self._assumed + sentence)

    def refuse_missing(self) -> None:
        """Raise `UsageError` with everything that could not be settled."""
        if self._missing:
            raise UsageError("some things cannot be known from the files; give them:\n" + "\n".join(f"  {line}" for line in self._missing))

    def _known(self, option: str, given: str, choices: Sequence[str]) -> bool:
        if given not in choices:
            self.miss(f"{option} {given}: {unknown(given, choices)}")
        return given in choices


def names_in(given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Names as they were given, those joined with commas apart; a known name may hold commas itself."""
    parts = [(each,) if each in known else tuple(part.strip() for part in each.split(",") if part.strip()) for each in given]
    return tuple(name for part in parts for name in part)


def _wrong(answer: str, choices: Sequence[str], obstacle: Callable[[str], str | None] | None) -> str | None:
    return unknown(answer, choices) if obstacle is None else obstacle(answer)


def unknown(answer: str, choices: Sequence[str]) -> str:
    """What to say of a name that is none of the choices."""
    near = difflib.get_close_matches(answer, choices, n=1)
    return f"{answer!r} is not there; " + (f"did you mean {near[0]!r}?" if near else f"there are: {_listed(choices)}")


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(choices[:_SHOWN]) + (f" and {len(choices) - _SHOWN:,} more" if len(choices) > _SHOWN else "")
