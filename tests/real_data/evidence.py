"""What the tests compare: the gate's verdicts, as its files say, and the models' own answers, found without the harness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.real_data.independent import Counts, Floats, rounded
from tests.real_data.projects import Inputs, Project

Verdict = dict[str, Any]
Key = tuple[tuple[str, str], ...]
"""A segment: (segmentation, value) pairs."""

Mask = NDArray[np.bool_]
"""(n,) which examples belong to a group."""

JUNIT = "junit.xml"


@dataclass(frozen=True)
class Gate:
    """A finished `pytest suites/` in a project. `batch` is the suite's batch size, on which dynamic int8 answers depend."""

    project: Project
    status: int
    text: str
    batch: int

    @cached_property
    def result(self) -> dict[str, Any]:
        """result.json."""
        found: dict[str, Any] = json.loads((self.reports / "result.json").read_text(encoding="utf-8"))
        return found

    @property
    def reports(self) -> Path:
        """The folder of the suite's reports."""
        return self.project.root / "reports" / self.project.suite

    def whole(self, candidate: str, check: str) -> Verdict:
        """The verdict on all examples."""
        (found,) = (v for v in self._of(candidate, check) if v["segment"] is None)
        return found

    def segments(self, candidate: str, check: str, segmentation: str) -> dict[Key, Verdict]:
        """The verdicts of one segmentation."""
        found = [v for v in self._of(candidate, check) if v["segmentation"] == segmentation]
        return {tuple(v["segment"].items()): v for v in found}

    def _of(self, candidate: str, check: str) -> list[Verdict]:
        return [v for v in self.result["verdicts"] if (v["candidate"], v["check"]) == (candidate, check)]

    def outcomes(self, candidate: str, outcome: str, check: str = "accuracy") -> set[str]:
        """Labels of the segments of one outcome, such as `race:Black`; the whole is `whole`."""
        chosen = [v for v in self._of(candidate, check) if v["outcome"] == outcome]
        return {"whole" if v["segment"] is None else ",".join(f"{k}:{x}" for k, x in v["segment"].items()) for v in chosen}

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the candidates, in the suite's order."""
        return tuple(dict.fromkeys(verdict["candidate"] for verdict in self.result["verdicts"]))

    @cached_property
    def cases(self) -> dict[str, ET.Element]:
        """The test cases of junit.xml, by `candidate::check[segment]`."""
        root = ET.parse(self.project.root / JUNIT).getroot()
        return {f"{_candidate(case)}::{case.get('name')}": case for case in root.iter("testcase")}

    @cached_property
    def answers(self) -> dict[str, Floats]:
        """(n, classes) logits of the original, by torch, and of each candidate's file, by ONNX Runtime, in the suite's batches."""
        return {"original": self._original()} | {name: self._candidate(name) for name in self.candidates}

    def right(self, model: str) -> Mask:
        """(n,) whether a model's largest logit is that of the true class."""
        return np.asarray(self.answers[model].argmax(axis=1) == self.project.truth)

    def counts(self, candidate: str, groups: Mapping[Key, Mask]) -> Counts:
        """Paired counts of each group (a mask over the examples), from the models' own answers."""
        before, after = self.right("original"), self.right(candidate)
        cells = [(m.sum(), (m & ~before & after).sum(), (m & before & ~after).sum()) for m in groups.values()]
        n, gained, lost = np.array(cells, np.float64).T
        return Counts(n, gained, lost)

    def rounded_by_hand(self, per_row: bool) -> Floats:
        """(n, classes) logits of the original's network with every matrix put on 15 levels."""
        import copy

        import torch

        net = copy.deepcopy(self.project.net)
        with torch.no_grad():
            for weight in net.parameters():
                if weight.dim() == 2:
                    weight.copy_(torch.from_numpy(rounded(weight.numpy(), 7, per_row)))
        return self._by_torch(net)

    def _original(self) -> Floats:
        from safetensors.torch import load_file

        net = self.project.net
        net.load_state_dict(load_file(self.project.folder / "weights.safetensors"))
        return self._by_torch(net.eval())

    def _by_torch(self, net: Any) -> Floats:
        import torch

        with torch.inference_mode():
            parts = [net(*map(torch.from_numpy, part.values())).numpy() for part in self._batches()]
        return np.concatenate(parts).astype(np.float64)

    def _candidate(self, name: str) -> Floats:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(model_file(self.project, name)), options, providers=["CPUExecutionProvider"])
        parts = [session.run(["logits"], dict(part))[0] for part in self._batches()]
        return np.concatenate(parts).astype(np.float64)

    def _batches(self) -> list[Inputs]:
        rows = len(self.project.truth)
        return [
            {name: array[start : start + self.batch] for name, array in self.project.inputs.items()} for start in range(0, rows, self.batch)
        ]


def run(project: Project, batch: int) -> Gate:
    """`pytest suites/` in the project, as a user would.

    It gets a temporary folder of its own, in which nobody else's lock on the machine lies.
    """
    scratch = project.root / "tmp"
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", "suites/", f"--junitxml={JUNIT}", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=project.root, env=os.environ | {"TMPDIR": str(scratch)}, capture_output=True, text=True, timeout=240, check=False
    )
    gate = Gate(project, done.returncode, done.stdout + done.stderr, batch)
    assert (gate.reports / "result.json").exists(), gate.text
    return gate


def model_file(project: Project, candidate: str) -> Path:
    """The ONNX file of a candidate: given beside the suite, or made by the harness."""
    given = project.folder / f"{candidate}.onnx"
    if given.exists():
        return given
    (made,) = (project.root / ".harness" / "models" / project.suite / candidate).glob("*/model.onnx")
    return made


def groups(names: Sequence[str], *values: Sequence[str]) -> dict[Key, Mask]:
    """The (n,) mask of every group of examples with equal values; one name and one list of n values per column."""
    rows = list(zip(*values, strict=True))
    return {tuple(zip(names, group, strict=True)): np.array([row == group for row in rows]) for group in sorted(set(rows))}


def _candidate(case: ET.Element) -> str:
    return str(case.get("classname")).rpartition(".")[2]
