"""`harness schema`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Which(StrEnum):
    """Whose schema."""

    SUITE = "suite"
    RESULT = "result"


def schema(
    which: Annotated[Which, typer.Argument(help="Of suite files, or of result.json.")] = Which.SUITE,
    write: Annotated[bool, typer.Option("--write", help="Write it to a file instead of printing it.")] = False,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="The file.  [default: suite.schema.json here]")] = None,
) -> None:
    """Print the JSON Schema of suite files, or of results.

    It holds the kinds of every installed package; editors check and complete suites with it.
    """
    from harness.cli.schemas import print_schema  # noqa: PLC0415  # only this command pays for it

    print_schema(str(which), write=write or output is not None, output=output)
