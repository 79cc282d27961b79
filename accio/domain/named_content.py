"""Datasets that are named by their content: `blake3:HEX`, or `blake3:HEX/NAME` where the content is a file's.

The name goes with the value, not with the content: two files of equal content may have different names. It is no part
of a dataset's identity, so that keys and digests are the same with it and without.
"""

import re

SCHEME = "blake3:"
_LENGTH = len(SCHEME) + 64
_TEXT = re.compile(r"blake3:[0-9a-f]{64}(/.+)?", re.ASCII | re.DOTALL)
_MOST_BYTES = 255


def content_of(text: str) -> str | None:
    """Return the digest, `blake3:HEX`, in a text that names a dataset by its content; None for any other text."""
    match = _TEXT.fullmatch(text)
    return text[:_LENGTH] if match and (match[1] is None or is_name(text[_LENGTH + 1 :])) else None


def name_in(text: str) -> str:
    """Return the name in a text for which `content_of` gives a digest; empty if there is none."""
    return text[_LENGTH + 1 :]


def named(digest: str, name: str) -> str:
    """Return the text of content under a name; without one if the file can't be called so everywhere."""
    return f"{digest}/{name}" if is_name(name) else digest


def is_name(name: str) -> bool:
    """Return whether a file can be called so in any folder, and nothing but a file in that folder is meant."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        return False
    try:
        return len(name.encode()) <= _MOST_BYTES
    except UnicodeEncodeError:
        return False
