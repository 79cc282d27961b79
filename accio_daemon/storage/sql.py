"""Statements live in `queries/NAME.sql`; there each begins with a line `-- name: STATEMENT`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@lru_cache(maxsize=64)
def load(name: str) -> Mapping[str, str]:
    """Read the statements of one file by their names."""
    text = files("accio_daemon.storage").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    statements = dict(zip(parts[::2], (part.strip().rstrip(";") for part in parts[1::2]), strict=True))
    if len(statements) * 2 != len(parts):
        raise ValueError(f"{name}.sql names a statement twice")
    return statements
