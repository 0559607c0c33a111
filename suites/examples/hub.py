"""Text classifiers from the Hugging Face hub, or from a folder in its format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Classifier:
    """Texts to logits. `quantized` runs the linear layers in 8 bits, by torchao."""

    def __init__(self, name: str, quantized: bool = False) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(name)
        self._model = AutoModelForSequenceClassification.from_pretrained(name).eval()
        if quantized:
            from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

            quantize_(self._model, Int8DynamicActivationInt8WeightConfig())

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(n, classes) logits for the n texts of `batch["text"]`."""
        texts = [str(text) for text in batch["text"]]
        tokens = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            return self._model(**tokens).logits.float().numpy()
