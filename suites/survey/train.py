"""Trains the survey network: `python suites/survey/train.py [folder]` writes weights.safetensors and labels.txt.

A few seconds on one core. The same seed gives the same network on the same machine.
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

from survey import answers, nets

LABELS = ("no", "yes")
EPOCHS = 30
BATCH = 64


def load(table: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Answers and class indices of one split."""
    features = np.stack([table[name].to_numpy() for name in answers.FEATURES], axis=1).astype(np.float32)
    return torch.from_numpy(features), torch.tensor([LABELS.index(value) for value in table["affair"].to_pylist()])


def accuracy(net: nn.Module, features: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of right answers."""
    net.eval()
    with torch.inference_mode():
        return (net(features).argmax(1) == targets).double().mean().item()


def train(seed: int = 0, epochs: int = EPOCHS) -> nn.Module:
    """The trained network, in evaluation mode."""
    torch.manual_seed(seed)
    features, targets = load(answers.train())
    net = nets.build()
    net.mean.copy_(features.mean(0))
    net.scale.copy_(1 / features.std(0))
    batches = -(-len(features) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    loss_of = nn.CrossEntropyLoss()
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        net.train()
        for rows in np.array_split(generator.permutation(len(features)), batches):
            loss = loss_of(net(features[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def main(folder: Path) -> None:
    """Train and write the files the suite reads."""
    torch.set_num_threads(1)
    net = train()
    print(f"test accuracy {accuracy(net, *load(answers.test())):.4f}")
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, folder / "weights.safetensors")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
