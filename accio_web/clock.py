"""The time by which sessions and links end; the one place of this process that reads clocks."""

from time import monotonic
from time import time as wall_clock


def now() -> float:
    """Return seconds that only grow."""
    return monotonic()


def wall() -> float:
    """Return seconds since 1970, as times of files are."""
    return wall_clock()
