"""Calls that wait for what their clients may never send, and that end with the daemon all the same."""

import asyncio
from typing import TypeVar

import grpc.aio
from google.protobuf.message import Message

from accio_daemon.services.transport.rpc import Stream

M = TypeVar("M", bound=Message)


class WaitingCalls:
    """State: the calls that wait, those of them that are to end, and whether all that come are."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[object]] = set()
        self._called_off: set[asyncio.Task[object]] = set()
        self._ends = False

    async def next(self, stream: Stream[M, Message]) -> M | None:
        """Return the next message of the call that runs this; None where its client or the daemon ends."""
        task = asyncio.current_task()
        assert task is not None, "calls are tasks"
        if self._ends:
            return None
        self._waiting.add(task)
        try:
            message = await stream.read()
        except asyncio.CancelledError:
            if task not in self._called_off or task.uncancel():
                raise
            return None
        finally:
            self._waiting.discard(task)
            self._called_off.discard(task)
        if message is grpc.aio.EOF:
            return None
        found: M = message
        return found

    def end(self) -> None:
        """End those that wait, and those that come to it, which would else be cut off after the time of grace."""
        self._ends = True
        self._called_off |= self._waiting
        for task in self._waiting:
            task.cancel()
