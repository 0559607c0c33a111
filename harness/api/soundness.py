"""What is wrong with a suite's files and columns, found before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness import wiring
from harness.core.models import ModelSpec
from harness.core.suite import CheckSpec
from harness.engine.session import Session
from harness.errors import HarnessError, system_sentence


def faults_of(session: Session, candidates: Sequence[str] = ()) -> tuple[str, ...]:
    """One sentence per missing file and wrong column, each once; candidates that are made by steps have no files yet.

    Opens data sets and recordings, and runs nothing.
    """
    found: dict[str, None] = {}

    def sound(look: Callable[[], object], before: str = "") -> bool:
        try:
            look()
        except HarnessError as error:
            found[before + str(error)] = None
        except OSError as error:
            found[before + system_sentence(error)] = None
        else:
            return True
        return False

    models = [model for model in (session.suite.original, *session.candidates(tuple(candidates))) if not model.steps]
    whole = [model for model in models if sound(lambda model=model: _files(session, model), f"{model.name}: ")]  # type: ignore[misc]
    for spec in session.suite.checks:
        if not sound(lambda spec=spec: session.dataset(spec.data).segmentations()):  # type: ignore[misc]
            continue
        sound(lambda spec=spec: _targets(session, spec))  # type: ignore[misc]
        if session.checks[spec.name].needs().clean:
            for model in whole:
                sound(lambda model=model, spec=spec: _feed(session, model, spec))  # type: ignore[misc]
    return tuple(found)


def _files(session: Session, model: ModelSpec) -> None:
    wiring.registers().models.get(model.kind).implementation.files(model.parameters, session.suite.root)


def _targets(session: Session, spec: CheckSpec) -> None:
    if session.checks[spec.name].needs().targets:
        dataset = session.dataset(spec.data)
        dataset.targets(session.tools.observer.output(session.suite.original, session.suite.root, dataset))


def _feed(session: Session, model: ModelSpec, spec: CheckSpec) -> None:
    session.tools.observer.examine(model, session.suite.root, session.dataset(spec.data))
