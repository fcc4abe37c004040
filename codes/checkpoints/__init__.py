"""Weights to disk and back."""
