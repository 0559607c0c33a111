"""What a suite may say about each kind of data source."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.catalogue import Parameters

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "npz"]


class FileParameters(Parameters):
    """A file, also gzipped. The format follows from the suffix unless it is given."""

    path: str = Field(min_length=1, description="File, relative to the suite file.")
    format: Format | None = Field(default=None, description="Needed only where the suffix does not tell.")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="Of csv (default ,) and tsv (default tab).")
    encoding: str = Field(default="utf-8", description="Of csv, tsv, jsonl and json; a byte order mark is understood.")


class SklearnParameters(Parameters):
    """A data set that comes with scikit-learn."""

    name: Literal["digits", "iris", "wine", "breast_cancer", "diabetes"]


class PythonParameters(Parameters):
    """A function of the suite's tree that makes the rows."""

    function: str = Field(pattern=r"^[\w.]+:\w+$", description="module:function, called without arguments in a process of its own.")
    files: tuple[str, ...] = Field(default=(), description="Files it reads, relative to the suite: when one changes it is called again.")


class HfParameters(Parameters):
    """A data set of the `datasets` library: a name on the hub, or a folder beside the suite."""

    name: str = Field(min_length=1)
    split: str = "test"
    config: str | None = None
    revision: str | None = Field(default=None, description="Commit, tag or branch; a commit makes the rows repeatable.")
