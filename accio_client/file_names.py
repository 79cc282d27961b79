"""Names of files made from names of nodes, ports and parameters, which come from elsewhere; and paths as text, which
on Unix may be any bytes.
"""

import re

_UNSAFE = re.compile(r"[^A-Za-z0-9_.=,+@-]")
_LONGEST = 200
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # those between are bytes that are no UTF-8


def file_name(text: str) -> str:
    """Return *text* as one name of a file: no slash, no control character, not hidden, not too long."""
    name = _UNSAFE.sub("_", text)
    name = f"_{name}" if name.startswith((".", "-")) or not name else name
    return name if len(name) <= _LONGEST else name[:_LONGEST]


def readable(path: str) -> str:
    r"""Return *path*, or another text, as Unicode: a byte of the operating system that is no UTF-8 as \xff, half a
    character that stands for no byte as \ud800.
    """
    path = _HALF.sub(lambda half: f"\\u{ord(half.group()):04x}", path)
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def base_path(folder: str) -> str:
    """Return *folder* as the daemon joins relative paths to it; empty, so that it refuses them, if it can't be sent."""
    return folder if readable(folder) == folder else ""
