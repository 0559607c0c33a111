"""`harness init` at a terminal: what it asks, and what it makes of the answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from harness import wiring
from tests.cli.material import NEARLY_RIGHT, RIGHT, linear, write_people
from tests.cli.sentiment import write_reviews, write_sentiment


def converse(arguments: list[str], answers: list[tuple[str, str]], cwd: Path) -> tuple[int, str]:
    """Run it at a pseudo-terminal; type each answer when its question has appeared. Status and everything seen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", f"from harness.cli import main; main({arguments!r})"]
    running = subprocess.Popen(command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    seen, waiting = "", list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 65_536).decode()
            except OSError:  # Linux says so when the other end is closed
                break
        if waiting and waiting[0][0] in seen:
            os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        if running.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    os.close(ours)
    return running.wait(timeout=10), seen


def test_it_asks_for_the_target_and_takes_no_wrong_answer(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    answers = [("right answers?", "incom"), ("did you mean 'income'?", "income"), ("by itself?", "-")]
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv"], answers, project)
    assert status == 0, seen
    suite = wiring.load(project / "suites" / "income.yaml")
    assert suite.data["test"].target == "income"
    assert suite.data["test"].segments == ()


def test_ctrl_d_ends_it_without_a_traceback(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv"], [("right answers?", "\x04")], project)
    assert status == 130
    assert "Traceback" not in seen
    assert list((project / "suites").iterdir()) == []


def add_height(path: Path) -> None:
    """A third column of numbers, which the model does not take."""
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0] + ",height", *(f"{row},{number / 7}" for number, row in enumerate(rows[1:]))]) + "\n")


def test_it_asks_which_columns_the_model_takes(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    add_height(project / "people.csv")
    answers = [
        ("Which 2 of these 3 columns, in the order the model was trained with?", "hours"),
        ("these are 1, expected 2", "hours,agee"),
        ("did you mean 'age'?", "-height"),
        ("by itself?", "-"),
    ]
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv", "--target", "income"], answers, project)
    assert status == 0, seen
    assert wiring.load(project / "suites" / "income.yaml").original.inputs[0].columns == ("age", "hours")
    assert "the original is right on 100.0 % of 200 rows" in seen


def test_it_asks_for_the_tokenizer(project: Path) -> None:
    write_sentiment(project)
    write_reviews(project / "reviews.csv")
    (project / "tokens").mkdir()
    (project / "tokenizer.json").rename(project / "tokens" / "tokenizer.json")
    answers = [
        ("Path of the tokenizer.json?", "nope.json"),
        ("there is no tokenizer file nope.json", "tokens/tokenizer.json"),
        ("index 0 first", "neg,poss"),
        ("none of these: pos", "neg,pos"),
        ("by itself?", "channel"),
    ]
    status, seen = converse(["init", "model.onnx", "model_quantized.onnx", "reviews.csv", "--name", "reviews"], answers, project)
    assert status == 0, seen
    assert wiring.load(project / "suites" / "reviews.yaml").original.inputs[0].tokenizer == "../tokens/tokenizer.json"


def test_a_column_of_many_numbers_makes_quartiles(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    answers = [("by itself?", "person_id"), ("too many to judge each by itself", "sexx"), ("did you mean 'sex'?", "sex, age")]
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv", "--target", "income"], answers, project)
    assert status == 0, seen
    assert "age has 1,000 values, too many to be segments as they stand" in seen
    assert "age: {column: age, quantiles: 4}" in (project / "suites" / "income.yaml").read_text()


def test_it_asks_which_of_two_labels_is_the_positive_one(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    text = (project / "people.csv").read_text()
    (project / "people.csv").write_text(text.replace(",0\n", ",poor\n").replace(",1\n", ",rich\n"))
    answers = [("index 0 first", "poor,rich"), ("which one is the positive one", "rich"), ("by itself?", "-")]
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv", "--target", "income"], answers, project)
    assert status == 0, seen
    output = wiring.load(project / "suites" / "income.yaml").original.output
    assert output is not None
    assert (str(output.task), output.positive) == ("binary", "rich")
