"""Get, store, change and batch sketches, until they are tensors."""
