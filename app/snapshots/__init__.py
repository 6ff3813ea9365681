"""Immutable columnar copies of the truth: built, kept, opened, and cut to what may be seen."""
