"""One file per command: its options, and where the work is done. The work is imported when the command runs."""
