"""`harness init`: looks at models and data, asks what cannot be known from them, writes a suite that runs."""

from harness.cli.init.making import write_suite
from harness.cli.init.wishes import Wishes

__all__ = ["Wishes", "write_suite"]
