"""The probabilities with which the next token is drawn."""

# What is promised: see test_docstrings.py.
SIGNATURES = """
sampling_probabilities(logits, *, temperature=1.0, top_k=None, top_p=None)
"""
