"""Data sets: where rows come from, and what the suite says about them."""
