"""What a client says in a process that isn't its own: one that was forked from it, or one that it is to be sent to."""

from typing import NoReturn

from accio.errors import FailedPrecondition


def forked() -> FailedPrecondition:
    """Return what calls of a forked process end with that would hang, or abort in gRPC."""
    return FailedPrecondition(
        "this process was forked from one with an open client, and neither that client nor gRPC goes on in it: start "
        "processes by 'spawn' (multiprocessing.get_context('spawn')), close the client before, or ask "
        "through Client(brief=True)"
    )


def not_copied(client: object) -> NoReturn:
    """Refuse to pickle a client, or what has one: a token would travel with it, and no connection does."""
    raise TypeError(
        f"{client!r} can't be pickled, nor can what belongs to it: make a client of its own in the other process, and "
        "hand over the ids of runs"
    )
