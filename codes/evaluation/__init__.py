"""Weights to numbers: how well trained parts draw and recognise."""
