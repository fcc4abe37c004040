"""Time and memory, as ratios to the usual way in the same run."""
