"""Text to token tensors by a `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelError

COMPANIONS = ("attention_mask", "token_type_ids", "position_ids")
"""Inputs that come from the same encoding as the token ids, and are filled in when a model asks for them."""

_PADDING_TOKENS = ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>", "</s>")


class Tokenization:
    """One tokenizer file. Pads to the longest of the batch, or to `width` when the model's input is that wide.

    Truncates to `max_length` tokens; without one, as the file itself says.
    """

    def __init__(self, path: Path, max_length: int | None, width: int | None = None) -> None:
        # Late: only models that take text need the library.
        from tokenizers import Tokenizer  # noqa: PLC0415

        if not path.is_file():
            raise ModelError(f"there is no tokenizer file {path}; expected a tokenizer.json")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(f"{path} is not a tokenizer.json: {error}") from error
        if max_length is not None:
            self._tokenizer.enable_truncation(max_length)
        self._pad(width)

    def _pad(self, width: int | None) -> None:
        own = self._tokenizer.padding or {}
        token = own.get("pad_token") or next((t for t in _PADDING_TOKENS if self._tokenizer.token_to_id(t) is not None), "[PAD]")
        index = own["pad_id"] if "pad_id" in own else self._tokenizer.token_to_id(token)
        self._tokenizer.enable_padding(
            direction=own.get("direction", "right"),
            pad_id=0 if index is None else index,
            pad_type_id=own.get("pad_type_id", 0),
            pad_token=token,
            length=width,
        )

    def __call__(self, texts: tuple[list[str], ...]) -> dict[str, NDArray[Any]]:
        """`ids` and the companions, each (n, tokens) int64, for one list of texts or two (pairs)."""
        pairs: list[Any] = list(texts[0]) if len(texts) == 1 else list(zip(*texts, strict=True))
        encodings = self._tokenizer.encode_batch_fast(pairs)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        return {
            "ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([encoding.type_ids for encoding in encodings], dtype=np.int64),
            "position_ids": np.maximum(np.cumsum(mask, axis=1) - 1, 0),
        }
