"""Of calls that one caller makes many of at the same time, few are under way at once; the others begin one by one."""

import asyncio

from accio_daemon.services.transport.turns import AT_ONCE, Turns

MANY = ("a", "Submit")
OTHER = ("b", "List")


class Turning:
    """Counts the turns of the loop, and notes in which of them calls begin, which then last until they are told."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.now = 0
        self.begun: list[tuple[tuple[str, str], int]] = []
        self.one_has_begun = asyncio.Semaphore(0)
        self.over = asyncio.Event()

    async def count(self) -> None:
        """Count for ever."""
        while True:
            self.now += 1
            await asyncio.sleep(0)

    async def call(self, line: tuple[str, str]) -> None:
        """Make a call."""
        await self.turns.take(line)
        self.begun.append((line, self.now))
        self.one_has_begun.release()
        await self.over.wait()
        self.turns.leave(line)

    async def until_begun(self, count: int) -> None:
        """Wait until so many calls have begun."""
        for _ in range(count):
            await self.one_has_begun.acquire()

    def when(self, line: tuple[str, str]) -> list[int]:
        """Return when the calls of a line began."""
        return [turn for name, turn in self.begun if name == line]


async def test_few_calls_of_a_line_begin_at_once_and_the_others_one_a_turn() -> None:
    """However many come at once; one of another line begins at once, whoever waits."""
    turning = Turning()
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(turning.count())
        for _ in range(AT_ONCE + 20):
            tasks.create_task(turning.call(MANY))
        tasks.create_task(turning.call(OTHER))
        await turning.until_begun(AT_ONCE + 21)
        counting.cancel()
        turning.over.set()
    first = turning.when(MANY)[0]
    assert turning.when(MANY)[:AT_ONCE] == [first] * AT_ONCE
    assert len(set(turning.when(MANY)[AT_ONCE:])) == 20
    assert turning.when(OTHER) == [first]


async def test_lines_begin_by_turns() -> None:
    """Who has one call that waits goes before who has a hundred, though it came last."""
    turning = Turning()
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        for line, count in ((MANY, AT_ONCE + 100), (OTHER, AT_ONCE + 1)):
            for _ in range(count):
                tasks.create_task(turning.call(line))
        await turning.until_begun(2 * AT_ONCE + 101)
        turning.over.set()
    waited = [line for line, _ in turning.begun[2 * AT_ONCE :]]
    assert waited.index(OTHER) <= 1


async def test_calls_of_several_lines_that_wait_begin_one_a_turn() -> None:
    """A hundred callers at the same time keep others no longer from the loop than one with a hundred calls."""
    turning = Turning()
    lines = [(f"c{number}", "Submit") for number in range(5)]
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(turning.count())
        for line in lines:
            for _ in range(AT_ONCE + 4):
                tasks.create_task(turning.call(line))
        await turning.until_begun(5 * (AT_ONCE + 4))
        counting.cancel()
        turning.over.set()
    waited = [turn for line in lines for turn in turning.when(line)[AT_ONCE:]]
    assert len(set(waited)) == len(waited)


def test_a_call_that_is_alone_waits_for_nothing() -> None:
    """It costs no turn of the loop, however many came before it, one after the other."""

    async def alone() -> None:
        turns = Turns()
        for _ in range(3 * AT_ONCE):
            taking = turns.take(MANY)
            try:
                taking.send(None)
            except StopIteration:
                turns.leave(MANY)
            else:
                raise AssertionError("it waits for nothing")

    asyncio.run(alone())


async def test_who_gives_up_takes_no_turn_and_nothing_is_left() -> None:
    """A call that is cancelled while it waits is passed over; once all are over, their line is forgotten."""
    turning = Turning()
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(turning.call(MANY)) for _ in range(AT_ONCE + 5)]
        await asyncio.sleep(0)
        calls[AT_ONCE + 2].cancel()
        calls[-1].cancel()
        await turning.until_begun(AT_ONCE + 3)
        turning.over.set()
    assert len(turning.begun) == AT_ONCE + 3
    await asyncio.sleep(0)
    assert not turning.turns._waiting
    assert not turning.turns._under_way
