"""Train what a chapter trains with several seeds, and its variants: `make experiments`.

    python -m tools.experiments                  # writes the table of each chapter: an hour
    python -m tools.experiments c08_training     # of one

What runs are the chapter's own cells, so that a table cannot be about something else. The chapter
shows it and asserts the same claims for its own seed; tests hold the two together. A room for each
chapter, `cNN_slug.py`, has a function `table()`, which returns the text of `cNN_slug.json`.
"""
