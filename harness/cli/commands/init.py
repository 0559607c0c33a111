"""`harness init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    original: Annotated[Path | None, typer.Argument(metavar="ORIGINAL", help="The original model, an ONNX file.")] = None,
    candidate: Annotated[Path | None, typer.Argument(metavar="CANDIDATE", help="The compressed model, an ONNX file.")] = None,
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="Examples with their right answers: csv, parquet, npz….")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The suite file.  [default: suites/NAME.yaml]")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the suite.  [default: from the file names]")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what is neither given nor unambiguous is an error.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a suite file that is already there.")] = False,
    target: Annotated[str | None, typer.Option("--target", metavar="COLUMN", help="The right answers.")] = None,
    id: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="What identifies an example.")] = None,
    segment: Annotated[
        list[str] | None, typer.Option("--segment", metavar="COLUMN", help="Judge every value of this column; repeat, or use commas.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="COLUMN", help="A feature; repeat, or join with commas, in the order of the model's input."),
    ] = None,
    except_: Annotated[
        list[str] | None, typer.Option("--except", metavar="COLUMN", help="A column of numbers that is no feature; repeat, or use commas.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="COLUMN", help="The text a tokenizer reads.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", metavar="FILE", help="A tokenizer.json.  [default: beside the model]")
    ] = None,
    max_length: Annotated[int | None, typer.Option("--max-length", metavar="N", help="Tokens after which a text is cut.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="binary, multiclass or regression.")] = None,
    model_output: Annotated[
        str | None, typer.Option("--model-output", metavar="NAME", help="The model's output that holds the answer.")
    ] = None,
    output_type: Annotated[
        str | None, typer.Option("--output-type", metavar="TYPE", help="label, probabilities, logits, score or values.")
    ] = None,
    label_file: Annotated[Path | None, typer.Option("--label-file", metavar="FILE", help="Line i is the label of index i.")] = None,
    labels: Annotated[str | None, typer.Option("--labels", metavar="A,B,…", help="The labels in the order of the model's output.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", metavar="LABEL", help="The positive class of a binary task.")] = None,
    outputs: Annotated[
        Path | None, typer.Option("--outputs", metavar="FILE", help="Recorded predictions of both models, one row per example.")
    ] = None,
    original_column: Annotated[
        str | None, typer.Option("--original-column", metavar="COLUMN", help="The original's predictions in it.")
    ] = None,
    candidate_column: Annotated[
        list[str] | None, typer.Option("--candidate-column", metavar="COLUMN", help="A candidate's predictions in it; may be repeated.")
    ] = None,
) -> None:
    """Write a first suite from two models and a data file.

    Looks at the files, asks what cannot be known from them, and writes a suite that runs, with a margin the data can prove;
    then the original answers up to 200 examples, to show whether inputs and labels were understood.

    With recorded predictions instead of models: harness init --outputs runs.csv --original-column fp32 --candidate-column int8.
    """
    from harness.cli.init import Wishes, write_suite  # noqa: PLC0415  # only this command pays for it

    wishes = Wishes(
        original=original,
        candidate=candidate,
        data=data,
        output=output,
        name=name,
        ask=not yes,
        force=force,
        target=target,
        id=id,
        segments=tuple(segment) if segment else None,
        columns=tuple(column or ()),
        excluded=tuple(except_ or ()),
        text=text,
        tokenizer=tokenizer,
        max_length=max_length,
        task=task,
        model_output=model_output,
        output_type=output_type,
        label_file=label_file,
        labels=tuple(part.strip() for part in labels.split(",")) if labels else (),
        positive=positive,
        outputs=outputs,
        original_column=original_column,
        candidate_columns=tuple(candidate_column or ()),
    )
    write_suite(wishes)
