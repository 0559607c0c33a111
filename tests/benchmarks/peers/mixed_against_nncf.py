"""`mixed` beside NNCF's accuracy-aware quantization: same network, same rows, same tolerated loss. See README.md beside this file."""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "suites")]

CALIBRATION_ROWS = 300
DROPS = (0.005, 0.002, 0.001, 0.0)
BATCH = 256
NETWORKS = {"languages": ("phrases", "tokens"), "digits": ("images", "input"), "survey": ("answers", "answers")}

Rows = NDArray[Any]


@dataclass
class Counted:
    """Accuracy on rows, and how many rows went through a model for it."""

    tensor: str
    rows: Rows
    targets: Rows
    seen: int = 0

    def of(self, model: onnx.ModelProto | bytes) -> float:
        """Accuracy of a model on all rows; counted."""
        return self.right(model, self.rows, self.targets)

    def right(self, model: onnx.ModelProto | bytes, rows: Rows, targets: Rows) -> float:
        """Share of right answers; only the rows are counted."""
        self.seen += len(rows)
        return float((answers(model, self.tensor, rows).argmax(1) == targets).mean())


def answers(model: onnx.ModelProto | bytes, tensor: str, rows: Rows) -> Rows:
    """Logits of all rows, by one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    content = model if isinstance(model, bytes) else model.SerializeToString()
    running = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return np.concatenate([running.run(None, {tensor: rows[at : at + BATCH]})[0] for at in range(0, len(rows), BATCH)])


def exported(name: str, folder: Path) -> tuple[Path, dict[str, tuple[Rows, Rows]]]:
    """The shipped network as ONNX, with (rows, right answers) for calibration, validation and test."""
    import torch
    from safetensors.torch import load_file

    from harness.compress.network import Network
    from harness.compress.torch_export import export
    from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task

    module_name, tensor = NETWORKS[name]
    source, train, nets = (importlib.import_module(f"{name}.{part}") for part in (module_name, "train", "nets"))
    module = nets.build()
    module.load_state_dict(load_file(ROOT / "suites" / name / "weights.safetensors"))
    tables = {"test": source.test(), "train": source.train()}
    if hasattr(source, "validation"):
        tables["validation"] = source.validation()
    data = {split: tuple(part.numpy() for part in train.load(table)) for split, table in tables.items()}
    if "validation" not in data:
        half = len(data["train"][0]) // 2
        data["validation"] = tuple(part[half:] for part in data["train"])
        data["train"] = tuple(part[:half] for part in data["train"])
    spec = ModelSpec(name, "torch", None, (InputSpec(tensor, ("x",)),), OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits"))
    torch.set_num_threads(1)
    rows = data["test"][0]
    export(Network(module.eval(), spec, [{tensor: rows[:32]}, {tensor: rows[32:50]}], folder), folder / f"{name}.onnx")
    return folder / f"{name}.onnx", data


def ours(path: Path, tensor: str, calibration: Rows, counted: Counted, drop: float) -> onnx.ModelProto:
    """The technique `mixed`, static 8 bits with the types that NNCF uses: u8 activations, s8 weights per channel."""
    from harness.compress.mixed import Mixed, MixedParameters
    from harness.core.models import OutputSpec, OutputType, Task
    from harness.ports.compress import StepContext

    def feed(data: str, rows: int | None) -> Iterator[Any]:
        chosen = calibration if data == "calibration" else counted.rows[:rows]
        counted.seen += 0 if data == "calibration" else len(chosen)
        return iter([{tensor: chosen[at : at + BATCH]} for at in range(0, len(chosen), BATCH)])

    def score(answer: Callable[[Any], Any], data: str) -> float:
        counted.seen += len(counted.rows)
        parts = [next(iter(answer(batch).values())) for batch in _batches(tensor, counted.rows)]
        return float((np.concatenate(parts).argmax(1) == counted.targets).mean())

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        context = StepContext(
            folder,
            folder,
            0,
            feed,
            lambda data, rows: iter(()),
            OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits"),
            folder,
            score,
        )
        parameters = MixedParameters.model_validate(
            {
                "quantize": {"mode": "static", "calibrate": {"data": "calibration", "rows": CALIBRATION_ROWS}},
                "validate": "validation",
                "max_drop": drop,
            }
        )
        Mixed().apply(path, folder / "made.onnx", parameters, context)
        return onnx.load(str(folder / "made.onnx"))


def nncfs(path: Path, tensor: str, calibration: Rows, counted: Counted, drop: float) -> onnx.ModelProto:
    """NNCF's own, with its defaults."""
    import nncf

    def validate(model: Any, data: Any) -> float:
        items = list(data)
        rows, targets = np.concatenate([rows for rows, _ in items]), np.concatenate([targets for _, targets in items])
        return counted.right(model, rows, targets)

    nncf.set_log_level(40)
    batches = [counted.rows[at : at + BATCH] for at in range(0, len(counted.rows), BATCH)]
    answered = [counted.targets[at : at + BATCH] for at in range(0, len(counted.rows), BATCH)]
    return nncf.quantize_with_accuracy_control(
        onnx.load(str(path)),
        calibration_dataset=nncf.Dataset([calibration[at : at + 1] for at in range(len(calibration))], lambda rows: {tensor: rows}),
        validation_dataset=nncf.Dataset(list(zip(batches, answered, strict=True)), lambda item: {tensor: item[0]}),
        validation_fn=validate,
        max_drop=drop,
        drop_type=nncf.DropType.ABSOLUTE,
        subset_size=CALIBRATION_ROWS,
    )


def _batches(tensor: str, rows: Rows) -> Iterator[dict[str, Rows]]:
    return ({tensor: rows[at : at + BATCH]} for at in range(0, len(rows), BATCH))


def main(names: list[str]) -> None:
    """Print a table for each network."""
    print("| network | tolerated | tool | lost, validation | lost, test | size | gzip size | passes | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            path, data = exported(name, Path(scratch))
            tensor = NETWORKS[name][1]
            spread = np.linspace(0, len(data["train"][0]) - 1, CALIBRATION_ROWS).astype(int)
            calibration = data["train"][0][spread]
            original = {split: Counted(tensor, *data[split]).of(path.read_bytes()) for split in ("validation", "test")}
            for drop in DROPS:
                for tool, make in (("mixed", ours), ("NNCF", nncfs)):
                    _row(name, tool, make, path, tensor, calibration, data, original, drop)


def _row(name: str, tool: str, make: Any, path: Path, tensor: str, calibration: Rows, data: Any, original: Any, drop: float) -> None:
    import gzip

    counted = Counted(tensor, *data["validation"])
    began = time.perf_counter()
    try:
        made = make(path, tensor, calibration, counted, drop)
    except Exception as error:
        print(f"| {name} | {drop:.1%} | {tool} | {type(error).__name__}: {str(error)[:120]} |")
        return
    seconds = time.perf_counter() - began
    lost = {split: original[split] - Counted(tensor, *data[split]).of(made) for split in ("validation", "test")}
    content, whole = made.SerializeToString(), path.stat().st_size
    packed = len(gzip.compress(content)) / len(gzip.compress(path.read_bytes()))
    print(
        f"| {name} | {drop:.1%} | {tool} | {100 * lost['validation']:+.2f} pp | {100 * lost['test']:+.2f} pp | "
        f"{len(content) / whole:.0%} | {packed:.0%} | {counted.seen / len(counted.rows):.1f} | {seconds:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:] or ["languages"])
