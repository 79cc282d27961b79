"""What an agent and its templates say to each other: JSON through a socket that keeps packets apart, one message each.

    agent → template   Spawn, with the worker's descriptors: socket, page, stdout, stderr
                       Kill
                       Approve, once: what was asked for before waits for it
    template → agent   Imported or NotImported, once
                       Spawned
                       Exited

The end of the socket is a message, too: to the template that the agent is gone, and to the agent that the template is.
"""

from collections.abc import Callable
from typing import NamedTuple

import orjson

PACKET = 1 << 16
"""No message is larger than this."""

FDS_PER_WORKER = 4

NO_SPACE = 75
"""The exit code of a worker that found no space to begin with. Nothing has begun, so no operator can have sent it."""


class Spawn(NamedTuple):
    """Start a worker for a lane, with this folder to work in."""

    lane: int
    folder: str


class Kill(NamedTuple):
    """Signal the worker of a lane and its group; for SIGKILL, all its descendants."""

    lane: int
    number: int


class Approve(NamedTuple):
    """What was imported is what was announced: workers may be started."""


class Imported(NamedTuple):
    """The operators are imported: once that is approved, workers can be spawned."""


class NotImported(NamedTuple):
    """The operators can't be imported; the template ends."""

    why: str
    disk_full: bool  # whether it was for want of space


class Spawned(NamedTuple):
    """The worker of a lane has been started."""

    lane: int
    pid: int


class Exited(NamedTuple):
    """The worker of a lane is gone, and buried."""

    lane: int
    status: int  # as of waitpid


Message = Spawn | Kill | Approve | Imported | NotImported | Spawned | Exited

_KINDS: dict[str, Callable[..., Message]] = {
    kind.__name__: kind for kind in (Spawn, Kill, Approve, Imported, NotImported, Spawned, Exited)
}


def write(message: Message) -> bytes:
    """Serialise a message."""
    return orjson.dumps([type(message).__name__, *message])


def read(data: bytes) -> Message:
    """Read what `write` wrote."""
    kind, *fields = orjson.loads(data)
    return _KINDS[kind](*fields)
