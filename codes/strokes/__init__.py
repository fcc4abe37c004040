"""Define sketches as arrays, with their geometry and their pictures; no files and no torch."""
