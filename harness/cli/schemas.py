"""`harness schema`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from harness import wiring
from harness.cli.console import say
from harness.errors import StoreError
from harness.spec import schema_text


def print_schema(which: str, *, write: bool, output: Path | None) -> None:
    """Print a schema, or write it to `output` (by default `<which>.schema.json` in the working folder)."""
    if which == "suite":
        text = schema_text(wiring.registers())
    else:
        text = files("harness.report").joinpath("result.schema.json").read_text(encoding="utf-8")
    if not write:
        say(text.rstrip("\n"))
        return
    path = output or Path(f"{which}.schema.json")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the schema {path} cannot be written: {error.strerror or error}; choose another file with --output") from error
    say(f"wrote {path}")
    if which == "suite":
        say(f"editors find it by a first line in each suite: # yaml-language-server: $schema={path.name}")
