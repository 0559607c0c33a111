"""Between numpy arrays and torch tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import ModelError
from harness.models.interpretation import UNNAMED


def to_tensor(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """A tensor on `device`; text is refused with what to do about it."""
    if array.dtype.kind not in "biuf":
        raise ModelError("a torch model takes numbers, but what is made for it is text; give the input a dtype, a step or a tokenizer")
    # Arrays that came through a pipe or from Arrow are read-only, which torch warns about.
    return torch.from_numpy(array if array.flags.writeable else np.array(array)).to(device)


def arrays(returned: Any) -> dict[str, NDArray[Any]]:
    """Arrays by name: of a tensor, a tuple (`output_0`, …), a dict, or an object with tensor fields."""
    if isinstance(returned, torch.Tensor):
        return {UNNAMED: _array(returned)}
    if isinstance(returned, Mapping):
        named = dict(returned.items())
    elif isinstance(returned, (tuple, list)):
        named = {f"output_{place}": value for place, value in enumerate(returned)}
    else:
        named = vars(returned) if hasattr(returned, "__dict__") else {}
    found = {str(name): _array(value) for name, value in named.items() if isinstance(value, torch.Tensor)}
    if not found:
        raise ModelError(f"the model returned {type(returned).__name__} without any tensor; return a tensor, a tuple or a dict of tensors")
    return found


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    plain = tensor.detach()
    if plain.is_quantized:
        plain = plain.dequantize()
    if plain.dtype is torch.bfloat16:
        plain = plain.float()
    return np.asarray(plain.cpu().numpy())
