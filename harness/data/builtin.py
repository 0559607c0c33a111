"""The kinds of data source that come with the harness."""

from __future__ import annotations

from typing import Any

from harness.catalogue import Kind
from harness.data.files import FileSource
from harness.data.hf import HfSource
from harness.data.parameters import FileParameters, HfParameters, PythonParameters, SklearnParameters
from harness.data.python import PythonSource
from harness.data.sklearn import SklearnSource

SOURCES: tuple[Kind[Any], ...] = (
    Kind("file", FileParameters, FileSource(), shorthand="path"),
    Kind("sklearn", SklearnParameters, SklearnSource(), shorthand="name"),
    Kind("python", PythonParameters, PythonSource(), shorthand="function"),
    Kind("hf", HfParameters, HfSource(), shorthand="name"),
)
