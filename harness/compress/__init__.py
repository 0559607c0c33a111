"""Techniques that make candidates, and the maker that runs pipelines of them."""
