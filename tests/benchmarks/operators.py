"""Operators of the benchmarks: they do next to nothing, but each execution leaves a byte, so that what ran is counted.

Workers inherit an open file, whose size is the number of executions. (One that a worker opened for itself would be a
leftover, after which it is replaced.)
"""

import os
from pathlib import Path
from typing import NamedTuple

from accio import operator

COUNTERS = "ACCIO_BENCH_COUNTERS"
_file = (
    os.open(Path(os.environ[COUNTERS]) / "executions", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if COUNTERS in os.environ
    else -1
)


def count() -> None:
    """Count one execution."""
    os.write(_file, b".")


@operator(version="1")
def Noop(i: int) -> int:
    """Do nothing."""
    count()
    return i


@operator(version="1")
def Source(i: int) -> int:
    """Begin."""
    count()
    return i


@operator(version="1")
def Transform(s: int, eps: float) -> float:
    """Go on."""
    count()
    return s * eps


@operator(version="1")
def MetricA(s: int, t: float) -> float:
    """Measure the one."""
    count()
    return s + t


@operator(version="1")
def MetricB(s: int, t: float) -> float:
    """Measure the other."""
    count()
    return s - t


@operator(version="1")
def Say(i: int) -> int:
    """Print a line."""
    count()
    print("number", i)
    return i


@operator(version="1")
def Next(i: int) -> int:
    """Go on to the next number."""
    count()
    return i + 1


@operator(version="1")
def Fail(i: int) -> int:
    """Fail at once."""
    count()
    raise ValueError(f"{i} is refused")


class Columns(NamedTuple):
    """Seventeen numbers."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    g: float
    h: float
    j: float
    k: float
    l: float  # noqa: E741  # a column's name
    m: float
    n: int
    o: int
    p: int
    q: int
    r: int


@operator(version="1")
def Many(i: int, eps: float) -> Columns:
    """Return many outputs."""
    count()
    x = i * eps
    return Columns(x, x, x, x, x, x, x, x, x, x, x, x, i, i, i, i, i)


class Figures(NamedTuple):
    """Three numbers."""

    a: int
    b: float
    c: float


@operator(version="1")
def Three(i: int) -> Figures:
    """Return three outputs."""
    count()
    return Figures(i, i * 0.375, i / 7)
