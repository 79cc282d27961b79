"""Which packages import which, seen while operators are imported.

The source of installed packages isn't followed. What they import in turn (also what they don't declare to need) is seen
where it happens.
"""

import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def watched_imports() -> Iterator[dict[str, set[str]]]:
    """Note imports within the block: by the top-level name of who imports, the modules of others."""
    seen: dict[str, set[str]] = {}
    original = builtins.__import__

    def noting(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the signature of __import__
        locals: Mapping[str, object] | None = None,  # noqa: A002 - the same
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        importer = (globals or {}).get("__name__")
        if level == 0 and isinstance(importer, str):
            top = importer.partition(".")[0]
            if name.partition(".")[0] != top:
                seen.setdefault(top, set()).add(name)
        return original(name, globals, locals, fromlist or (), level)

    builtins.__import__ = noting
    try:
        yield seen
    finally:
        builtins.__import__ = original
