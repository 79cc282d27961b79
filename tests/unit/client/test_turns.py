"""Readings that take turns: how often is read, and how old is what one gets."""

import asyncio

import pytest

from accio.errors import Unavailable
from accio_client.turns import Turns


class Thing:
    """Something that changes, and takes until it is let go to be read."""

    def __init__(self) -> None:
        self.value = 0
        self.kept: int | None = None
        self.reads = 0
        self.reading = asyncio.Event()
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.reads += 1
        found = self.value
        self.reading.set()
        await self.go.wait()
        self.kept = found
        return found


async def ready(tasks: list[asyncio.Task[int]]) -> None:
    """Run what was begun until it waits."""
    for _ in range(len(tasks) + 2):
        await asyncio.sleep(0)


@pytest.fixture
def thing() -> Thing:
    """A thing that nobody has read yet."""
    return Thing()


async def test_who_comes_meanwhile_shares_the_next_reading(thing: Thing) -> None:
    """Ten who come while one reads cost one more reading together, which sees what changed before they came."""
    turns = Turns()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(turns.of("x", lambda: thing.kept, thing.read))
        await thing.reading.wait()
        thing.value = 1
        others = [group.create_task(turns.of("x", lambda: thing.kept, thing.read)) for _ in range(10)]
        await ready(others)
        thing.go.set()
    assert first.result() == 0
    assert {each.result() for each in others} == {1}
    assert thing.reads == 2
    assert repr(turns) == "Turns(0 things are read)"


async def test_nobody_gets_what_was_read_before(thing: Thing) -> None:
    """Who comes after a reading has ended reads anew; another thing is read beside."""
    turns = Turns()
    thing.go.set()
    assert await turns.of("x", lambda: thing.kept, thing.read) == 0
    thing.value = 1
    assert await turns.of("x", lambda: thing.kept, thing.read) == 1
    thing.go.clear()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(turns.of("x", lambda: thing.kept, thing.read))
        other = Thing()
        other.go.set()
        assert await turns.of("y", lambda: other.kept, other.read) == 0
        assert not waiting.done()
        thing.go.set()


async def test_a_reading_that_fails_serves_nobody(thing: Thing) -> None:
    """Where the one who reads is refused, the next one reads himself."""
    turns = Turns()

    async def refused() -> int:
        thing.reading.set()
        await thing.go.wait()
        raise Unavailable("no daemon answers")

    async def fails() -> None:
        with pytest.raises(Unavailable):
            await turns.of("x", lambda: thing.kept, refused)

    async with asyncio.TaskGroup() as group:
        group.create_task(fails())
        await thing.reading.wait()
        others = [group.create_task(turns.of("x", lambda: thing.kept, thing.read)) for _ in range(2)]
        await ready(others)
        thing.go.set()
    assert [each.result() for each in others] == [0, 0]
    assert thing.reads == 1  # by one of them, for both
