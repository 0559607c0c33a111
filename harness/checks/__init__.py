"""Kinds of check, one per file: rules over evidence. Pure: they read a `Material` and return verdicts."""
