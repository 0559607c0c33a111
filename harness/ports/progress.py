"""Who is told how far long work has come."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of long work; silent unless somebody is looking."""

    def start(self, what: str, total: int) -> None:
        """Work on `what` begins, with `total` examples to do."""

    def advance(self, what: str, count: int) -> None:
        """`count` more examples of `what` are done."""

    def finish(self, what: str) -> None:
        """`what` is done or was given up."""


class Silent:
    """Tells nobody."""

    def start(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self, what: str, count: int) -> None:
        """Nothing."""

    def finish(self, what: str) -> None:
        """Nothing."""
