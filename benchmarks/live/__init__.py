"""The live canvas under many users, under attack, and in a real browser."""
