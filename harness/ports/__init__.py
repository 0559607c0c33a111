"""Small protocols: what the engine asks of the outside, and what an extension has to offer."""
