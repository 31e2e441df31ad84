"""One hash of several texts and files, to tell whether anything has changed."""

import hashlib


def digest(*parts: str | bytes) -> str:
    """Hash texts and files' contents, each with its length."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()
