"""Files to sketches and back, chosen by suffix."""
