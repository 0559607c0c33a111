"""`harness judge`: from stored evidence alone."""

from __future__ import annotations

from pathlib import Path

from tests.cli.door import Door, process
from tests.cli.material import write_income


def test_without_evidence_it_says_to_run(project: Path, harness: Door) -> None:
    write_income(project)
    said = harness("judge")
    assert said.status == 2
    assert "run: harness run" in said.out


def test_a_new_margin_gives_a_new_verdict(project: Path, harness: Door) -> None:
    suite = write_income(project)
    assert harness("run").status == 0
    # Not one of 1,000 flips: the limit is z²/(n + z²) = 0.27pp.
    suite.write_text(suite.read_text().replace("max_drop: 2pp", "max_drop: 0.2pp"))
    said = harness("judge")
    assert said.status == 1
    assert "INCONCLUSIVE int8::accuracy" in said.out


def test_no_model_library_is_imported(project: Path, harness: Door) -> None:
    suite = write_income(project)
    assert harness("run").status == 0
    suite.write_text(suite.read_text().replace("max_drop: 2pp", "max_drop: 3pp"))
    libraries = "{'onnxruntime', 'onnx', 'torch', 'transformers', 'sklearn', 'tokenizers'}"
    said = process("judge", cwd=project, after=f"print('MODEL LIBRARIES', sorted({libraries} & set(sys.modules)), file=sys.stderr)")
    assert said.status == 0
    assert "MODEL LIBRARIES []" in said.err.splitlines()


def test_the_model_may_be_gone_from_the_machine_but_not_its_evidence(project: Path, harness: Door) -> None:
    write_income(project)
    assert harness("run").status == 0
    before = sorted((project / ".harness" / "evidence").rglob("part-*"))
    assert harness("judge").status == 0
    assert sorted((project / ".harness" / "evidence").rglob("part-*")) == before
