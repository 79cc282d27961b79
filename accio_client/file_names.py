"""Names of files made from names of nodes, ports and parameters, which come from elsewhere."""

import re

_UNSAFE = re.compile(r"[^A-Za-z0-9_.=,+@-]")
_LONGEST = 200


def file_name(text: str) -> str:
    """*text* as one name of a file: no slash, no control character, not hidden, not too long."""
    name = _UNSAFE.sub("_", text)
    name = f"_{name}" if name.startswith((".", "-")) or not name else name
    return name if len(name) <= _LONGEST else name[:_LONGEST]
