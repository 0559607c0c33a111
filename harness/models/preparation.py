"""From data columns to the tensors a model takes, as the suite's `input:` says, checked against what the model declares."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.catalogue.entrypoints import load_function
from harness.core.files import below
from harness.core.models import InputSpec
from harness.errors import ModelError
from harness.models.casting import cast, is_text, numbers, plain, refuse_missing
from harness.models.tokenization import COMPANIONS, Tokenization
from harness.ports.model import Tensor


class Preparation:
    """Makes the inputs of one model. `tensors` is what the model declares, () when it cannot tell.

    With no `specs` at all the columns themselves are the inputs (`plain`), which only python models take.
    """

    def __init__(self, specs: Sequence[InputSpec], tensors: Sequence[Tensor], root: Path) -> None:
        declared = {tensor.name: tensor for tensor in tensors}
        self._makers = [_Maker(spec, declared.get(spec.tensor), root) for spec in specs]
        self._companions = _companions(specs, declared)
        for spec in specs:
            if declared and spec.tensor not in declared:
                raise ModelError(_unknown(spec.tensor, declared))
        given = {spec.tensor for spec in specs} | self._companions.keys()
        absent = [name for name in declared if name not in given]
        if specs and absent:
            raise ModelError(f"the model also takes {', '.join(map(repr, absent))}; say under input: which column each is made from")

    def __call__(self, batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
        """Tensors by name for one batch; `RowError` names a row that does not fit, `ModelError` a column or type."""
        if not self._makers:
            return {name: plain(batch.column(name)) for name in batch.schema.names}
        tensors: dict[str, NDArray[Any]] = {}
        for maker in self._makers:
            made, encoding = maker(batch)
            tensors[maker.spec.tensor] = made
            for name, companion in self._companions.items():
                if encoding is not None and name not in tensors:
                    tensors[name] = _finish(encoding[name], companion, None, declared=False)
        return tensors


class _Maker:
    """Makes one tensor."""

    def __init__(self, spec: InputSpec, tensor: Tensor | None, root: Path) -> None:
        self.spec = spec
        self._tensor = tensor or Tensor(spec.tensor)
        self._target = _target(spec, self._tensor)
        self._step = load_function(spec.step, root) if spec.step else None
        width = self._tensor.shape[1] if self._tensor.shape is not None and len(self._tensor.shape) == 2 else None
        self._tokenize = Tokenization(below(root, spec.tokenizer), spec.max_length, width) if spec.tokenizer else None

    def __call__(self, batch: pa.RecordBatch) -> tuple[NDArray[Any], dict[str, NDArray[Any]] | None]:
        columns = [batch.column(name) for name in self.spec.columns]
        encoding = None
        if self._tokenize is not None:
            encoding = self._tokenize(tuple(self._texts(column, name) for column, name in zip(columns, self.spec.columns, strict=True)))
            array = encoding.get(self.spec.tensor, encoding["ids"])
        elif self._step is not None:
            array = self._stepped([plain(column) for column in columns], batch.num_rows)
        else:
            array = self._stacked(columns)
        made = _finish(
            array, Tensor(self._tensor.name, _text(self._target), self._tensor.shape), self.spec.shape, declared=bool(self.spec.dtype)
        )
        return made, encoding

    def _texts(self, column: pa.Array, name: str) -> list[str]:
        if not is_text(column):
            raise ModelError(f"a tokenizer takes text, but column {name!r} holds {column.type}")
        refuse_missing(column, name, "the tokenizer")
        return list(column.to_pylist())

    def _stepped(self, values: list[NDArray[Any]], rows: int) -> NDArray[Any]:
        assert self._step is not None
        array = np.asarray(self._step(*values))
        if array.ndim == 0 or len(array) != rows:
            raise ModelError(
                f"step {self.spec.step!r} returned an array of shape {array.shape} for a batch of {rows}; its first axis must be the batch"
            )
        return array

    def _stacked(self, columns: list[pa.Array]) -> NDArray[Any]:
        arrays = [self._numeric(column, name) for column, name in zip(columns, self.spec.columns, strict=True)]
        if len(arrays) == 1:
            return arrays[0]
        shapes = {array.shape[1:] for array in arrays}
        if shapes != {()}:
            raise ModelError(f"input {self.spec.tensor!r} stacks several columns, which must hold one number each; use a python step")
        return np.stack(arrays, axis=-1)

    def _numeric(self, column: pa.Array, name: str) -> NDArray[Any]:
        refuse_missing(column, name, f"input {self.spec.tensor!r}")
        numeric = self._target is not None and self._target.kind != "O"
        if self._target is None or not numeric:
            return plain(column)
        if is_text(column):
            return numbers(column, name, self._target)
        # Stacked columns of several types meet in the tensor's own type, so that 1 and 1.5 stay what they are.
        return cast(plain(column), self._target, self.spec.tensor, declared=bool(self.spec.dtype))


def _target(spec: InputSpec, tensor: Tensor) -> np.dtype[Any] | None:
    """The type a tensor must have: the suite's word first, then the model's; None when neither says."""
    name = spec.dtype or tensor.dtype
    if name is None:
        return None
    if name in ("str", "object"):
        return np.dtype(object)
    try:
        target = np.dtype(name)
    except TypeError:
        raise ModelError(f"input {spec.tensor!r}: {name!r} is no type of numbers; write for instance float32 or int64") from None
    if spec.dtype and tensor.dtype and np.dtype(object if tensor.dtype == "str" else tensor.dtype) != target:
        raise ModelError(f"input {spec.tensor!r} is declared as dtype {spec.dtype}, but the model takes {tensor.dtype}")
    return target


def _text(target: np.dtype[Any] | None) -> str | None:
    return None if target is None else ("str" if target.kind == "O" else target.name)


def _finish(array: NDArray[Any], tensor: Tensor, shape: tuple[int, ...] | None, *, declared: bool) -> NDArray[Any]:
    """Reshape, cast and check one tensor."""
    if shape is not None:
        try:
            array = array.reshape(len(array), *shape)
        except ValueError:
            raise ModelError(f"input {tensor.name!r}: rows of shape {array.shape[1:]} cannot be reshaped to {shape}") from None
    if tensor.dtype is not None and tensor.dtype != "str":
        array = cast(array, np.dtype(tensor.dtype), tensor.name, declared=declared)
    elif tensor.dtype == "str" and array.dtype.kind not in "OU":
        raise ModelError(f"input {tensor.name!r} takes text, but what is made for it is {array.dtype}")
    if tensor.shape is not None:
        _check_shape(array, tensor.name, tensor.shape)
    return np.ascontiguousarray(array)


def _check_shape(array: NDArray[Any], name: str, shape: tuple[int | None, ...]) -> None:
    wanted, got = _shape(("batch", *shape[1:])), _shape(("batch", *array.shape[1:]))
    if array.ndim != len(shape):
        hint = " write shape: [1]" if array.ndim == 1 and len(shape) == 2 and shape[1] in (1, None) else " declare shape:, or a step"
        raise ModelError(f"input {name!r} takes {wanted}, but its columns give {got};{hint}")
    if any(want is not None and want != have for want, have in zip(shape[1:], array.shape[1:], strict=True)):
        raise ModelError(f"input {name!r} takes {wanted}, but its columns give {got}")


def _shape(dimensions: Sequence[object]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in dimensions) + ")"


def _companions(specs: Sequence[InputSpec], declared: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's inputs that the suite leaves out because the tokenizer gives them."""
    if not any(spec.tokenizer for spec in specs):
        return {}
    given = {spec.tensor for spec in specs}
    return {name: declared[name] for name in COMPANIONS if name in declared and name not in given}


def _unknown(name: str, declared: Mapping[str, Tensor]) -> str:
    near = difflib.get_close_matches(name, declared, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else "it takes " + ", ".join(map(repr, declared))
    return f"the model has no input {name!r}; {hint}"
