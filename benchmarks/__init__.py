"""Measures halfdrawn: speed, quality, the live canvas, and the pictures of the docs. Each package is a command."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "sketches"
FIGURES = ROOT / "docs" / "figures"
IMAGES = ROOT / "docs" / "images"
