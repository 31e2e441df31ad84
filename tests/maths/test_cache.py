"""The cache: what is written with it is what would be written without it."""

# What is promised: see test_docstrings.py.
SIGNATURES = """
KeyValueCache(batch, num_kv_heads, max_len, head_dim, *, device=None, dtype=None)
KeyValueCache.append(self, key, value)
KeyValueCache.truncate(self, length)
"""
