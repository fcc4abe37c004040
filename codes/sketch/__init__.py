"""What a sketch is: arrays and geometry, no files and no torch."""
