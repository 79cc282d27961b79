"""Calls of one connection begin in turns of the event loop of their own."""

import asyncio

from accio_daemon.services.transport.turns import Turns


class Turning:
    """Counts the turns of the loop, and notes in which of them calls begin."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.now = 0
        self.begun: list[tuple[str, int]] = []

    async def count(self) -> None:
        """Count for ever."""
        while True:
            self.now += 1
            await asyncio.sleep(0)

    async def call(self, connection: str) -> None:
        """Make a call."""
        await self.turns.take(connection)
        self.begun.append((connection, self.now))

    def when(self, connection: str) -> list[int]:
        """Return when the calls of a connection began."""
        return [turn for name, turn in self.begun if name == connection]


async def test_calls_of_a_connection_begin_one_a_turn() -> None:
    """However many come at once; one of another connection begins at once, and then the next ones do."""
    turning = Turning()
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(turning.count())
        async with asyncio.TaskGroup() as calls:
            for _ in range(20):
                calls.create_task(turning.call("a"))
            calls.create_task(turning.call("b"))
        counting.cancel()
    assert len(set(turning.when("a"))) == 20
    assert turning.when("b") == [min(turning.when("a"))]


def test_a_call_that_is_alone_waits_for_nothing() -> None:
    """It costs no turn of the loop."""

    async def alone() -> None:
        taking = Turns().take("a")
        try:
            taking.send(None)
        except StopIteration:
            return
        raise AssertionError("it waits for nothing")

    asyncio.run(alone())


async def test_who_gives_up_takes_no_turn_and_nothing_is_left() -> None:
    """A call that is cancelled while it waits is passed over; once all have had their turn, the connection is
    forgotten.
    """
    turning = Turning()
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(turning.call("a")) for _ in range(5)]
        await asyncio.sleep(0)
        calls[2].cancel()
    assert len(turning.begun) == 4
    await asyncio.sleep(0)
    assert not turning.turns._waiting
