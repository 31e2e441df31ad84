"""Wrong answers, a file per chapter."""
