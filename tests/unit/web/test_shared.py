"""How often the daemon is asked what several tabs ask for."""

import asyncio

import pytest

from accio.errors import Unavailable
from accio_web.shared import KEPT, LIVES_S, SharedAnswers


class Asked:
    """A daemon whose answers are numbers, and a feed that tells what a test says."""

    def __init__(self) -> None:
        self.answers = 0
        self.change: int | None = 1
        self.now = 0.0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asking = asyncio.Event()
        self.away = False
        self.shared = SharedAnswers(lambda: self.now)

    async def ask(self) -> bytes:
        self.answers += 1
        mine = self.answers
        self.asking.set()
        await self.may_answer.wait()
        if self.away:
            raise Unavailable("no daemon answers")
        return b"%d" % mine

    async def get(self, key: str = "runs") -> bytes:
        return await self.shared.of(key, lambda: self.change, self.ask)


async def test_tabs_share_an_answer_until_something_changes() -> None:
    """Ten tabs that ask at once cost one call; after a change, or a second, the next one asks anew."""
    asked = Asked()
    assert await asyncio.gather(*(asked.get() for _ in range(10))) == [b"1"] * 10
    assert await asked.get("cluster") == b"2"
    assert await asked.get() == b"1"
    asked.change = 2
    assert await asyncio.gather(*(asked.get() for _ in range(10))) == [b"3"] * 10
    asked.now += LIVES_S * 1.01
    assert await asked.get() == b"4"


async def test_a_change_while_it_is_asked() -> None:
    """What changes while an answer is on its way isn't taken to be in it."""
    asked = Asked()
    asked.may_answer.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asked.get())
        await asked.asking.wait()
        asked.change = 2
        second = group.create_task(asked.get())
        asked.may_answer.set()
    assert (first.result(), second.result()) == (b"1", b"2")


async def test_nothing_is_shared_unless_changes_would_be_told() -> None:
    """Without a feed that tells of changes each call asks; what is refused or given up is asked again by the next."""
    asked = Asked()
    asked.change = None
    assert [await asked.get(), await asked.get()] == [b"1", b"2"]
    asked.change, asked.away = 1, True
    with pytest.raises(Unavailable):
        await asked.get()
    asked.away = False
    asked.may_answer.clear()
    asked.asking.clear()
    async with asyncio.TaskGroup() as group:
        given_up = group.create_task(asked.get())
        await asked.asking.wait()
        waiting = group.create_task(asked.get())
        given_up.cancel()
        asked.may_answer.set()
    assert waiting.result() == b"5"


async def test_few_answers_are_kept() -> None:
    """Answers are forgotten when others were asked for since: the memory they take is bounded."""
    asked = Asked()
    for number in range(KEPT + 1):
        await asked.get(str(number))
    assert repr(asked.shared) == f"SharedAnswers({KEPT} kept)"
    assert await asked.get("0") == b"%d" % (KEPT + 2)
