"""The only place of the agent that reads the wall clock. Decisions use monotonic clocks; this is for people."""

import time
from datetime import datetime


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def wall_ns() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


def now() -> datetime:
    """Return this moment in local time."""
    return datetime.fromtimestamp(wall_ms() / 1000).astimezone()
