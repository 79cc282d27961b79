"""Deaths of the tested code between two of its steps."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def dying_at_rename(monkeypatch: pytest.MonkeyPatch, instant: int) -> Iterator[None]:
    """End what runs in here before its rename number *instant*, counted from 1; beyond the last, it goes through."""
    steps, replace = 0, Path.replace

    def dying(path: Path, target: Path) -> Path:
        nonlocal steps
        steps += 1
        if steps == instant:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(Path, "replace", dying)
        yield
