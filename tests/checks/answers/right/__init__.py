"""Right answers, a file per chapter."""
