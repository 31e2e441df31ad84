"""Answers as readers write them, right and wrong."""
