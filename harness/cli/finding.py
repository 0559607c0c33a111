"""Which suites a command is about."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import wiring
from harness.core.suite import Suite
from harness.errors import HarnessError, UsageError
from harness.spec import is_suite_file

DEFAULT = Path("suites")
"""Where suites are looked for when no path is given."""

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Found:
    """The suites that could be read, and what is wrong with the others."""

    suites: tuple[Suite, ...]
    errors: tuple[HarnessError, ...] = ()

    def sound(self) -> tuple[Suite, ...]:
        """The suites, when nothing is wrong; else the first error is raised."""
        for error in self.errors:
            raise error
        return self.suites


def find_suites(paths: Sequence[Path]) -> Found:
    """The suites in the files and folders given, in order, each once.

    Raises `UsageError` when there is none at all, when a path does not exist or a file is no suite, and when two suites
    have one name: their reports and baselines would overwrite each other.
    """
    suites: list[Suite] = []
    errors: list[HarnessError] = []
    for path in suite_files(paths):
        try:
            suites.append(wiring.load(path))
        except HarnessError as error:
            errors.append(error)
    _refuse_namesakes(suites)
    return Found(tuple(suites), tuple(errors))


def find_suite(wanted: str) -> Suite:
    """One suite, by its file or by its name among those in `suites/`."""
    if Path(wanted).is_file():
        return wiring.load(Path(wanted))
    if Path(wanted).suffix in _SUFFIXES:
        raise UsageError(f"there is no suite file {wanted}")
    found = find_suites(()).suites
    for suite in found:
        if suite.name == wanted:
            return suite
    near = difflib.get_close_matches(wanted, [suite.name for suite in found], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(suite.name for suite in found)}"
    raise UsageError(f"no suite {f'in {DEFAULT}/' if DEFAULT.is_dir() else 'here'} is called {wanted!r}; {hint}")


def suite_files(paths: Sequence[Path]) -> list[Path]:
    """Suite files, each once. A folder is searched for them; a file that is named must be one."""
    found: dict[Path, Path] = {}
    for path in paths or _by_default():
        for file in _of(path):
            found.setdefault(file.resolve(), file)
    if not found:
        where = ", ".join(str(path) for path in paths or (DEFAULT,))
        raise UsageError(f"there is no suite in {where}; a suite is a YAML file with the keys schema and suite")
    return list(found.values())


def _by_default() -> tuple[Path, ...]:
    """`suites/`; without it the suite files of the working folder itself. `UsageError` says where suites might be meant."""
    if DEFAULT.is_dir():
        return (DEFAULT,)
    here = tuple(path for path in sorted(Path().iterdir()) if path.suffix in _SUFFIXES and path.is_file() and is_suite_file(path))
    if here:
        return here
    above = next((folder / DEFAULT for folder in Path.cwd().parents if (folder / DEFAULT).is_dir()), None)
    hint = f" there is one in {above.parent}: harness run {above};" if above is not None else ""
    raise UsageError(f"there is no folder {DEFAULT}/ here;{hint} name suite files or folders, or make a first suite with: harness init")


def candidates_in(suites: Iterable[Suite], wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Per suite the wanted candidates it has, leaving out suites that have none; all of them when none is wanted.

    Raises `UsageError` for a name that no suite has.
    """
    suites = list(suites)
    known = {suite.name: tuple(model.name for model in suite.candidates) for suite in suites}
    everywhere = sorted({name for names in known.values() for name in names})
    for name in wanted:
        if name not in everywhere:
            near = difflib.get_close_matches(name, everywhere, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(everywhere)}"
            raise UsageError(f"no suite has a candidate {name!r}; {hint}")
    chosen = {suite: tuple(name for name in names if not wanted or name in wanted) for suite, names in known.items()}
    return {suite: names for suite, names in chosen.items() if names}


def _of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.suffix in _SUFFIXES and _visible(file, path) and is_suite_file(file))
    elif not path.exists():
        raise UsageError(f"there is no file or folder {path}")
    else:
        # What is wrong with a file that was named is said by the reader, with line and column.
        yield path


def _visible(file: Path, folder: Path) -> bool:
    """Whether it lies in no hidden folder: those belong to tools."""
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _refuse_namesakes(suites: Iterable[Suite]) -> None:
    taken: dict[str, Path] = {}
    for suite in suites:
        if suite.name in taken:
            raise UsageError(f"{suite.path}: the suite name {suite.name!r} is taken by {taken[suite.name]}; give one of them another name")
        taken[suite.name] = suite.path
