"""Recorded outputs: the answers of a model that ran elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.arrays.footprint import Weights
from harness.errors import ModelError
from harness.models.files import existing
from harness.models.parameters import OutputsParameters
from harness.ports.model import Model

RECORDING = "file of recorded outputs"
"""What messages call the file."""


class RecordedAdapter:
    """The kind `outputs`. Nothing is run: the observer reads the file."""

    def files(self, parameters: OutputsParameters, root: Path) -> tuple[Path, ...]:
        """The recording."""
        return (existing(parameters.path, root, RECORDING),)

    def modules(self, parameters: OutputsParameters) -> tuple[str, ...]:
        """None."""
        return ()

    def distributions(self) -> tuple[str, ...]:
        """None: what was recorded stays as it is."""
        return ()

    def identity(self, parameters: OutputsParameters) -> Mapping[str, str]:
        """Which columns are read. Those of figures only where there are any."""
        columns = parameters.model_dump(include={"id", "prediction", "score", "scores"})
        figures = parameters.model_dump(include={"latency_ms", "peak_memory"}, exclude_none=True)
        return {"columns": json.dumps(columns | figures, sort_keys=True)}

    def load(self, parameters: OutputsParameters, root: Path) -> Model:
        """There is no model to load: `ModelError`."""
        raise ModelError(f"{root / parameters.path} holds recorded outputs; there is no model in it to run or to compress")

    def weights(self, parameters: OutputsParameters, root: Path) -> Weights | None:
        """There are none to look at."""
        return None
