"""Operators that wait without a clock: the library that shifts clocks makes sleeping fail."""

from pathlib import Path

from accio import operator
from tests.acceptance.ledger_operators import note


@operator(version="1")
def Pipe(pipe: str) -> int:
    """Wait until somebody writes to a pipe."""
    note("Pipe")
    return len(Path(pipe).read_bytes())
