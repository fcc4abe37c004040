"""Distributions to sketches: routes, completions and drawings from nothing."""
