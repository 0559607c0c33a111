"""What the store says when it can go on by itself."""


class EvidenceWarning(UserWarning):
    """Stored evidence was damaged; it was set aside and will be gathered again."""
