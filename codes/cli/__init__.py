"""Flags to calls."""
