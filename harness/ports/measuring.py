"""What a suite can know of weights before anything is weighed: which quantities a model has, and which a check asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Unweighed(Protocol):
    """Parameters of a kind of model of which not every quantity of a footprint can be known."""

    def lacks(self, quantity: str) -> str | None:
        """Why a quantity cannot be known, and what to do, as the rest of a sentence; None when it can."""


@dataclass(frozen=True)
class Wanted:
    """What a limit needs: a `quantity` of the candidate and, when it is `relative`, of the original too."""

    quantity: str
    relative: bool


@runtime_checkable
class Weighing(Protocol):
    """Parameters of a check that sets limits on quantities of a footprint."""

    def wanted(self) -> Mapping[str, Wanted]:
        """What each limit that is set needs, by the limit's key."""
