"""A small text model with its tokenizer, and reviews that it gets right."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from tokenizers import Tokenizer, models, pre_tokenizers

GOOD, BAD, OTHER = ("good", "fine"), ("bad", "dull"), ("film", "book", "meal", "trip", "play")


def write_sentiment(folder: Path) -> None:
    """A bag-of-words model with a tokenizer.json beside it; right on every review."""
    words = [*GOOD, *BAD, *OTHER]
    tokenizer = Tokenizer(
        models.WordLevel({"[PAD]": 0, "[UNK]": 1, **{word: place + 2 for place, word in enumerate(words)}}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    embedding = np.zeros((len(words) + 2, 2), dtype=np.float32)
    embedding[2:4, 1] = 1
    embedding[4:6, 0] = 1
    for name, scale in (("model.onnx", 1), ("model_quantized.onnx", 2)):
        nodes = [
            helper.make_node("Gather", ["E", "input_ids"], ["e"]),
            helper.make_node("Cast", ["attention_mask"], ["m"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["m", "two"], ["m3"]),
            helper.make_node("Mul", ["e", "m3"], ["em"]),
            helper.make_node("ReduceSum", ["em", "one"], ["logits"], keepdims=0),
        ]
        graph = helper.make_graph(
            nodes,
            "bag",
            [helper.make_tensor_value_info(each, TensorProto.INT64, ["batch", "tokens"]) for each in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
            [numpy_helper.from_array(embedding * scale, "E"), _axis("one", 1), _axis("two", 2)],
        )
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(folder / name))


def _axis(name: str, value: int) -> Any:
    return numpy_helper.from_array(np.array([value]), name)


def write_reviews(path: Path) -> None:
    """600 reviews, each with one telling word."""
    random = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "channel", "label"])
        for row in range(600):
            kind = random.integers(2)
            text = [str(random.choice(GOOD if kind else BAD)), *random.choice(OTHER, size=random.integers(1, 8)), str(row)]
            writer.writerow([row, " ".join(text), ("web", "app", "shop")[row % 3], "pos" if kind else "neg"])
