"""Trains the language network: `python suites/languages/train.py [folder]` writes weights.safetensors and labels.txt.

Six to ten minutes on one core. The same seed gives the same network on the same machine.
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

from languages import nets, phrases, prep

EPOCHS = 14
BATCH = 256


def load(table: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and class indices of one split."""
    labels = {language: index for index, language in enumerate(phrases.LANGUAGES)}
    tokens = torch.from_numpy(prep.encode(table["text"].to_pylist()))
    return tokens, torch.tensor([labels[language] for language in table["language"].to_pylist()])


def accuracy(net: nn.Module, tokens: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of right answers."""
    net.eval()
    with torch.inference_mode():
        answers = torch.cat([net(part).argmax(1) for part in tokens.split(512)])
    return (answers == targets).double().mean().item()


def train(seed: int = 0, epochs: int = EPOCHS) -> nn.Module:
    """The trained network, in evaluation mode."""
    torch.manual_seed(seed)
    tokens, targets = load(phrases.train())
    held_out = load(phrases.validation())
    net = nets.build()
    steps = epochs * -(-len(tokens) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    generator = np.random.default_rng(seed)
    for epoch in range(epochs):
        net.train()
        for rows in np.array_split(generator.permutation(len(tokens)), -(-len(tokens) // BATCH)):
            loss = loss_of(net(tokens[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: validation accuracy {accuracy(net, *held_out):.4f}", flush=True)
    return net.eval()


def main(folder: Path) -> None:
    """Train and write the files the suite reads."""
    torch.set_num_threads(1)
    net = train()
    print(f"test accuracy {accuracy(net, *load(phrases.test())):.4f}")
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, folder / "weights.safetensors")
    (folder / "labels.txt").write_text("".join(f"{language}\n" for language in phrases.LANGUAGES), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
