"""The time by which sessions end; the one place of this process that reads a clock."""

from time import monotonic


def now() -> float:
    """Return seconds that only grow."""
    return monotonic()
