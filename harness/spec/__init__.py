"""The suite language: a YAML file becomes a Suite, or a list of faults with line and column."""

from harness.core.detect import is_suite_file
from harness.spec.loader import load_suite
from harness.spec.registers import Registers
from harness.spec.schema import json_schema, schema_text

__all__ = ["Registers", "is_suite_file", "json_schema", "load_suite", "schema_text"]
