"""How fast and how large attnlib is, as ratios to torch and to the textbook form, in one run."""
