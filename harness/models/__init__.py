"""Kinds of models, the worker processes they run in, and the observer that lets them answer a data set."""
