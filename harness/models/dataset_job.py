"""The job of answering a data set: which model, and which columns it needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.core.models import ModelSpec
from harness.errors import ModelError
from harness.models.columns import nearest
from harness.models.completion import completed_output, declared_output
from harness.models.job import Job, job_for
from harness.ports.data import Dataset
from harness.ports.model import ModelAdapter


def dataset_job(model: ModelSpec, root: Path, adapter: ModelAdapter, dataset: Dataset) -> Job:
    """The job; `ModelError` when a file is missing or the data has not the columns that its inputs are made from."""
    check_columns(model, dataset)
    adapter.files(model.parameters, root)
    return job_for(
        model,
        root,
        adapter,
        declared=declared_output(model),
        completed=completed_output(model, dataset),
        columns=tuple(dataset.columns),
    )


def needed_columns(job: Job, dataset: Dataset) -> Sequence[str]:
    """Columns the inputs are made from; all of them for a python model that says nothing."""
    named = dict.fromkeys(column for spec in job.inputs for column in spec.columns)
    return tuple(named) or tuple(dataset.columns)


def check_columns(model: ModelSpec, dataset: Dataset) -> None:
    """`ModelError` when an input is made from a column that the data does not have."""
    for spec in model.inputs:
        for column in spec.columns:
            if column not in dataset.columns:
                raise ModelError(
                    f"model {model.name!r}: input {spec.tensor!r} is made from column {column!r}, which the data {dataset.name!r} "
                    f"does not have; {nearest(column, dataset.columns)}"
                )
