"""Calls that need the event loop for a moment, and what lets them pass."""

import asyncio

from accio_daemon.short_calls import ANNOUNCED_S, READING_S, SEVERAL, SEVERAL_IN_S, ShortCalls

LONG = 60.0


def there(calls: ShortCalls) -> bool:
    """Whether a call needs the loop, which type checkers would remember from the last time."""
    return calls.are_there


class Seconds:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_nobody_waits_where_there_is_none() -> None:
    """Passing by costs no turn of the loop then."""
    calls = ShortCalls(Seconds())
    passing = calls.pass_by(LONG)
    try:
        passing.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for nothing")


async def test_reads_are_waited_for() -> None:
    """Whoever passes by waits until the last one is over."""
    calls = ShortCalls(Seconds())
    async with asyncio.timeout(LONG / 2), asyncio.TaskGroup() as tasks:
        with calls.reading():
            with calls.reading():
                passing = tasks.create_task(calls.pass_by(LONG))
                await asyncio.sleep(0)
            for _ in range(5):
                await asyncio.sleep(0)
            assert not passing.done()


async def test_nobody_waits_for_longer_than_he_may() -> None:
    """However long a call takes, and however many there are."""
    calls = ShortCalls()
    async with asyncio.timeout(LONG):
        with calls.reading():
            await calls.pass_by(0.001)


def test_a_read_that_goes_on_is_not_short() -> None:
    """It counts for a moment only; another one that begins does again."""
    clock = Seconds()
    calls = ShortCalls(clock)
    with calls.reading():
        assert there(calls)
        clock.now += READING_S
        assert not there(calls)
        with calls.reading():
            assert there(calls)
    assert not there(calls)


async def test_what_is_announced_is_waited_for_until_it_begins() -> None:
    """Two calls are announced; once both have begun there is none."""
    calls = ShortCalls(Seconds())
    calls.announce()
    calls.announce()
    calls.begin()
    assert there(calls)
    async with asyncio.timeout(LONG / 2), asyncio.TaskGroup() as tasks:
        tasks.create_task(calls.pass_by(LONG))
        await asyncio.sleep(0)
        calls.begin()
    assert not there(calls)


def test_a_call_that_never_begins_is_forgotten() -> None:
    """As if its client had gone away; those that are announced later count."""
    clock = Seconds()
    calls = ShortCalls(clock)
    calls.announce()
    clock.now += ANNOUNCED_S
    assert not there(calls)
    calls.announce()
    assert there(calls)
    calls.begin()
    assert not there(calls)


def test_calls_of_several_are_told_from_those_of_one() -> None:
    """Who calls again and again alone is one caller, however often; another one beside makes them several."""
    clock = Seconds()
    calls = ShortCalls(clock)
    for _ in range(2 * SEVERAL):
        calls.begin("one")
    several = [calls.come_from_several]
    calls.come("other")
    several.append(calls.come_from_several)
    clock.now += SEVERAL_IN_S
    several.append(calls.come_from_several)
    assert several == [False, True, False]


def test_calls_that_keep_coming_are_known() -> None:
    """Several requests within half a second do, as long as they come: one or two, or those of a while ago, don't."""
    clock = Seconds()
    calls = ShortCalls(clock)
    coming: list[bool] = []
    for _ in range(SEVERAL):
        coming.append(calls.keep_coming)
        calls.begin()
        clock.now += SEVERAL_IN_S / (SEVERAL + 1)
    assert coming == [False] * SEVERAL
    assert calls.keep_coming
    clock.now += SEVERAL_IN_S
    assert not calls.keep_coming
