"""Turn flags into calls; hold no library logic."""
