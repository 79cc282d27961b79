"""How long calls may take, and what is said of one that took longer, or came too late."""

from accio.errors import FailedPrecondition, Unavailable

DEADLINE_S = 30.0
STREAM_DEADLINE_S = 3600.0
"""A stream that lasts longer is opened anew by those that can go on (watch, logs), and is an error for the others."""


def silent(address: str, within_s: float) -> Unavailable:
    """Return what a call ends with that nobody answered."""
    return Unavailable(f"the daemon at {address} didn't answer within {within_s:g} s")


def closed() -> FailedPrecondition:
    """Return what a call ends with that is made after its client was closed."""
    return FailedPrecondition("this client was closed: make another one")
