"""Frozen data that carries numpy arrays: what models said, what was true, who belongs where."""
