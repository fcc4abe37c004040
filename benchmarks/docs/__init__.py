"""The pictures and tables of the README and of docs/."""
