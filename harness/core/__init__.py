"""The words of the harness as frozen data. Standard library only."""
