"""A live canvas: whoever draws in a browser is answered stroke by stroke."""
