"""The queue between the engine, which never waits, and the writer of one session."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from accio.v1 import agents_pb2
from accio_daemon.core.outgoing import Outgoing, Welcome
from accio_daemon.core.terms import AttemptNo, SessionNo
from accio_daemon.services.sessions import link
from accio_daemon.services.sessions.link import Link


def welcome_message(welcome: Welcome) -> agents_pb2.Welcome:
    return agents_pb2.Welcome(session=welcome.session)


def welcome() -> Outgoing:
    return Outgoing(welcome=Welcome(session=SessionNo(1), keep=(), drop=(), operators=()))


async def kinds(queue: Link) -> list[str | None]:
    return [message.WhichOneof("kind") for message in await queue.next()]


async def test_a_batch_is_told_in_the_order_of_its_fields() -> None:
    """Acknowledgements come before work, stops behind it (they may mean it), and a goodbye is the last word."""
    queue = Link(welcome_message)
    words = welcome()
    words.acks.append(1)
    words.stops.append(AttemptNo(2))
    words.recalls.append(AttemptNo(3))
    words.digests.append((4, ["/data"]))
    words.drain = True
    words.goodbye = ("over", False)
    queue.deliver(words)
    assert await kinds(queue) == ["welcome", "drain", "digest", "ack", "stop", "recall", "goodbye"]


async def test_answers_overtake_work_but_never_the_welcome() -> None:
    """A heartbeat's answer goes out first, once the session has been welcomed."""
    queue = Link(welcome_message)
    queue.deliver(welcome())
    answer = agents_pb2.DaemonMessage(heartbeat=agents_pb2.HeartbeatAck(seq=1))
    queue.send(answer)
    assert await kinds(queue) == ["welcome"]
    queue.deliver(Outgoing(acks=[1]))
    queue.send(answer)
    assert [await kinds(queue) for _ in range(3)] == [["heartbeat"], ["heartbeat"], ["ack"]]


async def test_acknowledgements_alone_wait_for_work_to_go_along_with() -> None:
    """What an agent reported is acknowledged with the next work, or with other acknowledgements, in one message."""
    queue = Link(welcome_message)
    queue.deliver(welcome())
    assert await kinds(queue) == ["welcome"]
    queue.deliver(Outgoing(acks=[1]))
    queue.deliver(Outgoing(acks=[2, 3]))
    queue.deliver(Outgoing(acks=[4], recalls=[AttemptNo(5)]))
    ack, recall = await queue.next()
    assert list(ack.ack.seqs) == [1, 2, 3, 4]
    assert list(recall.recall.attempts) == [5]
    queue.deliver(Outgoing(acks=[6]))
    queue.deliver(Outgoing(acks=[7]))
    assert [list(message.ack.seqs) for message in await queue.next()] == [[6, 7]]
    assert repr(queue) == "<Link items=0 unacked=-6>"


class Hours:
    """An event loop's clock that tests set, and what is to be called when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        self.calls.append((when, callback))

    def pass_until(self, now: float) -> None:
        self.now = now
        due, self.calls = ([each for each in self.calls if (each[0] <= now) is is_due] for is_due in (True, False))
        for _, callback in due:
            callback()


async def test_later_acknowledgements_wait_as_long_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that work took along leave no wait behind that ends for others: each would wake the agent for a few."""
    hours = Hours()
    queue = Link(welcome_message)
    queue.deliver(welcome())
    await kinds(queue)
    monkeypatch.setattr(link, "asyncio", SimpleNamespace(get_running_loop=lambda: hours))
    for now in (0.0, 0.006, 0.012, 0.018):
        hours.pass_until(now)
        queue.deliver(Outgoing(acks=[1]))
        queue.deliver(Outgoing(recalls=[AttemptNo(2)]))
        assert await kinds(queue) == ["ack", "recall"]
    queue.deliver(Outgoing(acks=[3]))
    assert len(hours.calls) == 1, "one timer, however often"
    hours.pass_until(link.ACKS_WAIT_S)
    assert not queue._queue
    hours.pass_until(0.018 + link.ACKS_WAIT_S)
    assert await kinds(queue) == ["ack"]
    assert hours.calls == []


async def test_a_full_queue_says_so() -> None:
    """Beyond its limit a queue takes nothing more, and whoever watches it is told."""
    queue = Link(welcome_message)
    queue.deliver(Outgoing(acks=list(range(link.QUEUE_LIMIT - 1))))
    assert not queue.full.is_set()
    queue.deliver(Outgoing(acks=[1]))
    assert queue.full.is_set()
    assert "full" in repr(queue)


async def test_reports_wait_while_too_many_are_not_durable() -> None:
    """A session whose reports pile up isn't read until some are acknowledged."""
    queue = Link(welcome_message)
    waiting = asyncio.get_running_loop().create_task(queue.admit(link.UNACKED_LIMIT))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.deliver(Outgoing(acks=[1]))
    await waiting


async def test_the_writer_waits_for_something_to_say() -> None:
    """An empty queue wakes its writer when something arrives."""
    queue = Link(welcome_message)
    waiting = asyncio.get_running_loop().create_task(kinds(queue))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.deliver(Outgoing(acks=[1]))
    assert await waiting == ["ack"]
