"""Read files as sketches and write sketches to files; the suffix says which format."""
