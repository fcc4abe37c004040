"""How fast halfdrawn is, measured beside the usual way of doing the same; ``python -m benchmarks.speed --help``."""
