"""How the editions of the book become one site: `tools/build_book.py` goes through these steps."""
