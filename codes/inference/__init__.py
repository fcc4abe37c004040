"""Distributions to sketches."""
