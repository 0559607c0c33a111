"""Kinds by name: each with the type of its parameters and what makes it. Duplicates and unknown names are errors."""

from harness.catalogue.kinds import Kind, Kinds
from harness.catalogue.parameters import Parameters

__all__ = ["Kind", "Kinds", "Parameters"]
