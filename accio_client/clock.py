"""The client's wall clock; the only file of the client that reads one."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
