"""Operators that give back what they get, and one that takes its agent along."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

from accio import Long, operator
from tests.acceptance.ledger_operators import note


class Same(NamedTuple):
    """What came in."""

    whole: Long
    number: float
    text: str
    absent: bool


@operator(version="1")
def Exact(whole: Long, number: float, text: str, more: str | None = None) -> Same:
    """Return everything as it came."""
    return Same(whole, number, text, more is None)


@operator(version="1")
def Limited(limit: float | None = 0.5, word: str | None = None) -> str:
    """Return what came in."""
    return f"{limit} {word!r}"


@operator(version="1")
def Poison() -> bool:
    """Kill the agent: the parent of the template that forked this worker."""
    note("Poison")
    fields = Path(f"/proc/{os.getppid()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    os.kill(int(fields[1]), signal.SIGKILL)
    signal.pause()
    return True
