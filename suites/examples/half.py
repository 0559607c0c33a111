"""The language network of the suite beside this folder, in full and in half precision; run as a script it exports ONNX."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.append(str(Path(__file__).parent.parent))

from languages import phrases as source
from languages.nets import PhraseNet
from languages.prep import encode

__all__ = ["encode", "full", "half", "phrases"]


class HalfNet(PhraseNet):
    """Computes in float16, answers in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.half()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, length) tokens to (n, 64) logits."""
        return super().forward(tokens).float()


def full() -> nn.Module:
    """The untrained network in float32."""
    return PhraseNet()


def half() -> nn.Module:
    """The untrained network in float16."""
    return HalfNet()


def phrases() -> Any:
    """The rows of the language suite's test split."""
    return source.test()


def main(folder: Path) -> None:
    """Write phrases.onnx beside this file."""
    from safetensors.torch import load_file

    net = full()
    net.load_state_dict(load_file(folder.parent / "languages" / "weights.safetensors"))
    torch.onnx.export(
        net.eval(),
        (torch.from_numpy(encode(["one", "two"])),),
        str(folder / "phrases.onnx"),
        dynamo=True,
        external_data=False,
        input_names=["tokens"],
        output_names=["logits"],
        dynamic_shapes=({0: "batch"},),
    )


if __name__ == "__main__":
    main(Path(__file__).parent)
