"""Checks of chapter 9: choosing the next token, and a cache of keys and values."""

from attnlib.checks.chapters.c09_generation import cache, choosing

__all__ = ["cache", "choosing"]
