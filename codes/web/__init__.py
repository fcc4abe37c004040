"""Serve a live canvas: a drawing in the browser is answered stroke by stroke."""
