"""The committed weights are what their training scripts give."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

SUITES = Path(__file__).parents[2] / "suites"
SOURCES = {"digits": "images", "languages": "phrases", "survey": "answers"}


def modules(name: str) -> tuple[Any, Any, Any]:
    if str(SUITES) not in sys.path:
        sys.path.insert(0, str(SUITES))
    return tuple(importlib.import_module(f"{name}.{part}") for part in (SOURCES[name], "nets", "train"))  # type: ignore[return-value]  # three


def committed(name: str) -> Any:
    from safetensors.torch import load_file

    net = modules(name)[1].build()
    net.load_state_dict(load_file(SUITES / name / "weights.safetensors"))
    return net.eval()


@pytest.mark.parametrize(("name", "least"), [("digits", 0.98), ("languages", 0.88), ("survey", 0.71)])
def test_the_committed_networks_are_good(name: str, least: float) -> None:
    source, _, train = modules(name)
    assert train.accuracy(committed(name), *train.load(source.test())) > least


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(("name", "epochs"), [("digits", None), ("survey", None), ("languages", 6)])
def test_training_again_gives_the_same_accuracy(name: str, epochs: int | None) -> None:
    """The languages' script runs 14 epochs; six, with the same schedule, come within the point that is asserted."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    source, _, train = modules(name)
    held_out = train.load(source.test())
    try:
        found = train.accuracy(train.train(epochs=epochs or train.EPOCHS), *held_out)
    finally:
        torch.set_num_threads(threads)
    assert abs(found - train.accuracy(committed(name), *held_out)) < 0.01


@pytest.mark.slow
def test_the_script_writes_the_files_the_suite_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, train = modules("survey")
    train.main(tmp_path)
    assert (tmp_path / "labels.txt").read_text() == (SUITES / "survey" / "labels.txt").read_text()
    from safetensors.torch import load_file

    made, old = (load_file(folder / "weights.safetensors") for folder in (tmp_path, SUITES / "survey"))
    assert {name: value.shape for name, value in made.items()} == {name: value.shape for name, value in old.items()}
