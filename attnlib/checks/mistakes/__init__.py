"""Known wrong answers, chapter by chapter: each misconception is a short function that has it."""
