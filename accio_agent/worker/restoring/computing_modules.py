"""The modules of the standard library that only compute: code that uses nothing else leaves its process as it is.

`plain_code` and `pure_code` both begin with these; each says which further ones it can judge.
"""

COMPUTING = frozenset(
    {
        "abc", "base64", "binascii", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "enum",
        "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator", "re", "string", "struct",
        "textwrap", "time", "typing", "zlib",
    }
)  # fmt: skip
