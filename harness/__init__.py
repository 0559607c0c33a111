"""Compares compressed models with their originals and says whether they may ship."""

__version__ = "0.1.0"
