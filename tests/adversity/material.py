"""Small suites whose every part is right, for tests to break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROWS = 300

RECORDED = """\
schema: 1
suite: NAME
original: {outputs: rows.csv, prediction: a}
data:
  test: {source: rows.csv, id: id, target: y, segments: {group: group}}
candidates:
  c: {outputs: rows.csv, prediction: b}
checks:
  accuracy: {metric: accuracy, max_drop: 10pp, per: [group]}
"""
"""300 rows, three groups, no flip: everything passes."""

MODELS = """\
schema: 1
suite: NAME
original:
  onnx: good.onnx
  input: {features: {columns: [age, hours], dtype: float32}}
  output: {type: logits, task: binary, labels: ["0", "1"], positive: "1"}
data:
  test: {source: people.csv, id: person_id, target: income, segments: {sex: sex}}
candidates:
  c: {onnx: same.onnx}
checks:
  accuracy: {metric: accuracy, max_drop: 10pp, per: [sex]}
"""
"""Two ONNX models that agree on 400 people (see `tests.cli.material`)."""


def project(folder: Path) -> Path:
    """A project folder with suites/rows.csv."""
    (folder / "suites").mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").touch()
    (folder / "suites" / "rows.csv").write_text(rows())
    return folder


def rows(count: int = ROWS, b: Any = lambda i: i % 2) -> str:
    """id, group (g0, g1, g2), y, a (always right), b (given)."""
    return "id,group,y,a,b\n" + "".join(f"r{i},g{i % 3},{i % 2},{i % 2},{b(i)}\n" for i in range(count))


def suite(project: Path, name: str, text: str = RECORDED, *changes: tuple[str, str]) -> Path:
    """Writes suites/<name>.yaml; each change is (what stands there, what shall stand there)."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = project / "suites" / f"{name}.yaml"
    path.write_text(text.replace("NAME", name), encoding="utf-8")
    return path


def result(project: Path, name: str, reports: str = "reports") -> dict[str, Any]:
    """result.json of a suite."""
    document: dict[str, Any] = json.loads((project / reports / name / "result.json").read_text(encoding="utf-8"))
    return document


def outcomes(project: Path, name: str, reports: str = "reports") -> dict[str, str]:
    """Outcome by `candidate::check[segment]`."""
    return {verdict["item"]: verdict["outcome"] for verdict in result(project, name, reports)["verdicts"]}


def models(project: Path) -> None:
    """suites/good.onnx and same.onnx, and the people they are about."""
    from tests.cli.material import NEARLY_RIGHT, RIGHT, linear, write_people

    linear(project / "suites" / "good.onnx", RIGHT)
    linear(project / "suites" / "same.onnx", NEARLY_RIGHT)
    write_people(project / "suites" / "people.csv", 400)


def others(project: Path) -> None:
    """suites/others.csv: the same columns about other people, for steps that learn."""
    header, *people = (project / "suites" / "people.csv").read_text().splitlines()
    moved = []
    for number, row in enumerate(people):
        _, age, hours, *rest = row.split(",")
        moved.append(",".join([f"q{number}", str(float(age) + 0.001), hours, *rest]))
    (project / "suites" / "others.csv").write_text("\n".join([header, *moved]) + "\n")
