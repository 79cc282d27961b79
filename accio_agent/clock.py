"""The only place of the agent that reads the wall clock. Decisions use monotonic clocks; this is for people."""

import os
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path


def wall_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def wall_ns() -> int:
    """Return nanoseconds since 1970."""
    return time.time_ns()


def now() -> datetime:
    """Return this moment in local time."""
    return datetime.fromtimestamp(wall_ms() / 1000).astimezone()


def process_began() -> datetime:
    """Return when this process began, in local time: what a job's script had done before it became the agent counts."""
    age = 0.0
    with suppress(OSError, ValueError, IndexError):
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        since_boot = float(Path("/proc/uptime").read_text().split()[0])
        age = since_boot - ticks / os.sysconf("SC_CLK_TCK")
    return now() - timedelta(seconds=max(0.0, age))
