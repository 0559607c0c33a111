"""Models that are a function (or a class) of the suite's own tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.footprint import Weights
from harness.catalogue.entrypoints import load_function
from harness.models.interpretation import UNNAMED
from harness.models.parameters import PythonParameters
from harness.ports.model import Model, Tensor


class PythonAdapter:
    """The kind `python`. Takes whole columns where no `input:` is declared."""

    takes_columns = True

    def files(self, parameters: PythonParameters, root: Path) -> tuple[Path, ...]:
        """None that the harness knows of."""
        return ()

    def modules(self, parameters: PythonParameters) -> tuple[str, ...]:
        """The function."""
        return (parameters.function,)

    def distributions(self) -> tuple[str, ...]:
        """None that the harness knows of; hence the `version`."""
        return ()

    def identity(self, parameters: PythonParameters) -> Mapping[str, str]:
        """The user's version, and the arguments."""
        return {"version": parameters.version or "", "function": parameters.function, "kwargs": repr(sorted(parameters.kwargs.items()))}

    def load(self, parameters: PythonParameters, root: Path) -> Model:
        """The function, imported; a class, made."""
        target = load_function(parameters.function, root)
        return PythonModel(target(**parameters.kwargs), {}) if isinstance(target, type) else PythonModel(target, parameters.kwargs)

    def weights(self, parameters: PythonParameters, root: Path) -> Weights | None:
        """Unknown."""
        return None


class PythonModel:
    """A callable: dict of arrays → array, or dict of arrays by output name."""

    def __init__(self, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
        self._function = function
        self._kwargs = dict(kwargs)

    def inputs(self) -> tuple[Tensor, ...]:
        """It cannot tell."""
        return ()

    def outputs(self) -> tuple[Tensor, ...]:
        """It cannot tell."""
        return ()

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Whatever the function returns for one batch."""
        returned = self._function(dict(inputs), **self._kwargs)
        named = returned if isinstance(returned, Mapping) else {UNNAMED: returned}
        return {str(name): np.asarray(value) for name, value in named.items()}
