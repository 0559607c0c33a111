"""`python -m harness.wiring.make_candidate SUITE CANDIDATE PROJECT`: makes one candidate and prints where it lies, as JSON."""
