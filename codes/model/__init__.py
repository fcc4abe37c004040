"""Tensors to distributions: modules that know no files, flags, optimisers or devices."""
