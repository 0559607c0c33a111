"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import __version__
from harness.cli.commands.baseline import baseline
from harness.cli.commands.clean import clean
from harness.cli.commands.compress import compress
from harness.cli.commands.doctor import doctor
from harness.cli.commands.init import init
from harness.cli.commands.judge import judge
from harness.cli.commands.plan import plan
from harness.cli.commands.report import report
from harness.cli.commands.run import run
from harness.cli.commands.schema import schema

app = typer.Typer(
    name="harness",
    help="Compares compressed models with their originals and says whether they may ship.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def _harness(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Compares compressed models with their originals and says whether they may ship."""


for command in (run, judge, plan, compress, report, init, schema, doctor, clean):
    app.command()(command)
app.add_typer(baseline, name="baseline")
