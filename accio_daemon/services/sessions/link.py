"""The sending half of one agent's session: a bounded queue between the engine, which never waits, and the one task that
writes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from accio.v1 import agents_pb2
from accio_daemon.core.outgoing import Outgoing, Welcome
from accio_daemon.services.messages.work import WorkWriter

QUEUE_LIMIT = 100_000
"""Items (assignments, acknowledgements, …) that may wait for an agent that doesn't read."""

UNACKED_LIMIT = 50_000
"""Reports of one session that may be on their way into the database before its next message is read."""

ACKS_WAIT_S = 0.02
"""How long acknowledgements wait for something else that is to be said. The next work takes them along; without any,
the agent is woken up for them once those have their answers who waited for what it reported.
"""

WelcomeMessage = Callable[[Welcome], agents_pb2.Welcome]


class Link:
    """An `AgentLink`. State: `_queue` (in order), `_acks` (what waits to be queued, until `_acks_due`), `_load` (the
    items of both), `_unacked`; only the event loop's thread touches them.
    """

    def __init__(self, welcome: WelcomeMessage) -> None:
        """Begin empty; *welcome* writes a Welcome, for the session's settings are the service's."""
        self._welcome = welcome
        self._welcomed = False
        self._work = WorkWriter(())
        self._queue: deque[Outgoing | agents_pb2.DaemonMessage] = deque()
        self._acks: Outgoing | None = None
        self._acks_due = 0.0
        self._acks_timed = False
        self._load = 0
        self._filled = asyncio.Event()
        self._unacked = 0
        self._room = asyncio.Event()
        self._room.set()
        self.full = asyncio.Event()

    def __repr__(self) -> str:
        """Show what waits."""
        return f"<Link items={self._load} unacked={self._unacked}{' full' if self.full.is_set() else ''}>"

    def deliver(self, outgoing: Outgoing) -> None:
        """Queue what one batch has to say; if too much waits already, mark the link full, which ends its session."""
        if outgoing.acks:
            self._unacked -= len(outgoing.acks)
            if self._unacked < UNACKED_LIMIT:
                self._room.set()
        waiting, self._acks = self._acks, None
        if waiting is not None:
            self._load -= _weight(waiting)
            waiting.acks += outgoing.acks
            outgoing.acks = waiting.acks
        self._load += _weight(outgoing)
        if self._load > QUEUE_LIMIT:
            self.full.set()
        elif outgoing.work or outgoing.is_urgent():
            self._queue.append(outgoing)
            self._filled.set()
        else:
            self._acks = outgoing
            if waiting is None:
                self._time_acknowledgements()

    def _time_acknowledgements(self) -> None:
        """Have the acknowledgements that wait from now on queued after a while."""
        self._acks_due = asyncio.get_running_loop().time() + ACKS_WAIT_S
        if not self._acks_timed:
            self._acknowledge_when_due()

    def _acknowledge_when_due(self) -> None:
        self._acks_timed = True
        asyncio.get_running_loop().call_at(self._acks_due, self._acknowledge)

    def _acknowledge(self) -> None:
        """Queue the acknowledgements that wait, if nothing has taken them along. Later ones than those that this was
        to be done for have a while of their own: one that ends early sends a message of its own for each few nodes.
        """
        self._acks_timed = False
        if self._acks is None:
            return
        if asyncio.get_running_loop().time() < self._acks_due:
            self._acknowledge_when_due()
        else:
            self._queue.append(self._acks)
            self._acks = None
            self._filled.set()

    def send(self, message: agents_pb2.DaemonMessage) -> None:
        """Queue a message that needn't keep its place among the engine's; only the welcome always comes first."""
        self._load += 1
        if self._load > QUEUE_LIMIT:
            self.full.set()
            return
        if self._welcomed:
            self._queue.appendleft(message)
        else:
            self._queue.append(message)
        self._filled.set()

    async def admit(self, reports: int) -> None:
        """Count reports that were passed on; waits while too many of them aren't acknowledged."""
        self._unacked += reports
        if self._unacked >= UNACKED_LIMIT:
            self._room.clear()
            await self._room.wait()

    async def next(self) -> Iterator[agents_pb2.DaemonMessage]:
        """Wait for something to send, and return its messages, made one by one as they are taken."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        item = self._queue.popleft()
        if isinstance(item, agents_pb2.DaemonMessage):
            self._load -= 1
            return iter((item,))
        self._load -= _weight(item)
        return self._messages(item)

    def _messages(self, item: Outgoing) -> Iterator[agents_pb2.DaemonMessage]:
        message = agents_pb2.DaemonMessage
        if item.welcome is not None:
            self._work = WorkWriter(item.welcome.operators)
            self._welcomed = True
            yield message(welcome=self._welcome(item.welcome))
        if item.drain is not None:
            yield message(drain=agents_pb2.Draining(draining=item.drain))
        for request, paths in item.digests:
            yield message(digest=agents_pb2.DigestRequest(request=request, paths=paths))
        if item.work:
            yield from self._work.messages(item.work, item.acks)
        elif item.acks:
            yield message(ack=agents_pb2.Ack(seqs=item.acks))
        if item.stops or item.moot:
            yield message(stop=agents_pb2.Stop(attempts=item.stops, digests=item.moot))
        if item.recalls:
            yield message(recall=agents_pb2.Recall(attempts=item.recalls))
        if item.goodbye is not None:
            reason, reconnect = item.goodbye
            yield message(goodbye=agents_pb2.DaemonGoodbye(reason=reason, reconnect=reconnect))


def _weight(outgoing: Outgoing) -> int:
    return (
        1
        + len(outgoing.acks)
        + len(outgoing.stops)
        + len(outgoing.moot)
        + len(outgoing.recalls)
        + len(outgoing.digests)
        + len(outgoing.work)
    )
