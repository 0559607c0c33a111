"""Trains the digits network: `python suites/digits/train.py [folder]` writes weights.safetensors and labels.txt.

Under a minute on one core. The same seed gives the same network on the same machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from digits import images, nets, prep

EPOCHS = 40
BATCH = 32


def load(table: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and digits of one split."""
    pixels = prep.scale(table["image"].combine_chunks().to_numpy_ndarray())
    return torch.from_numpy(pixels), torch.tensor([int(digit) for digit in table["digit"].to_pylist()])


def accuracy(net: nn.Module, pixels: torch.Tensor, digits: torch.Tensor) -> float:
    """Share of right answers."""
    net.eval()
    with torch.inference_mode():
        return (net(pixels).argmax(1) == digits).double().mean().item()


def shifted(pixels: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """The images moved by up to one pixel each way."""
    down, right = generator.integers(-1, 2, 2)
    padded = nn.functional.pad(pixels, (1, 1, 1, 1))
    return padded[:, :, 1 + down : 9 + down, 1 + right : 9 + right]


def train(seed: int = 0, epochs: int = EPOCHS) -> nn.Module:
    """The trained network, in evaluation mode."""
    torch.manual_seed(seed)
    pixels, digits = load(images.train())
    net = nets.build()
    batches = -(-len(pixels) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=epochs * batches)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        net.train()
        for rows in np.array_split(generator.permutation(len(pixels)), batches):
            loss = loss_of(net(shifted(pixels[rows], generator)), digits[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def main(folder: Path) -> None:
    """Train and write the files the suite reads."""
    torch.set_num_threads(1)
    net = train()
    print(f"test accuracy {accuracy(net, *load(images.test())):.4f}")
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, folder / "weights.safetensors")
    (folder / "labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
