"""Evidence on disk: content-addressed, resumable after a kill, shared between processes."""

from harness.store.warnings import EvidenceWarning

__all__ = ["EvidenceWarning"]
