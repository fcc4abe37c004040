"""Distributions to weights."""
