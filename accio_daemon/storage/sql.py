"""Statements live in `queries/NAME.sql`; there each begins with a line `-- name: STATEMENT`.

`{PART}` in a statement stands for another one of its file, and `{columns.PART}` for one of `columns.sql`: a list of
columns that several statements need is written once.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_PART = re.compile(r"\{(?:(columns)\.)?(\w+)\}")


@lru_cache(maxsize=64)
def load(name: str) -> Mapping[str, str]:
    """Read the statements of one file by their names; KeyError if one stands for a part that isn't there."""
    text = files("accio_daemon.storage").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    statements = dict(zip(parts[::2], (part.strip().rstrip(";") for part in parts[1::2]), strict=True))
    if len(statements) * 2 != len(parts):
        raise ValueError(f"{name}.sql names a statement twice")

    def part(found: re.Match[str]) -> str:
        file, wanted = found.groups()
        return load(file)[wanted] if file else _PART.sub(part, statements[wanted])

    return {name: _PART.sub(part, statement) for name, statement in statements.items()}
