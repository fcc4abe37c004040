"""Sketches to tensors."""
