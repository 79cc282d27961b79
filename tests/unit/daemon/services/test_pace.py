"""How fast the messages of one session are read."""

import asyncio

import pytest

from accio_daemon.services.sessions.pace import Pace


async def test_a_flood_is_read_at_its_pace() -> None:
    """Whoever sends without a pause is read no faster than the pace says, and others get their turns meanwhile."""
    now = asyncio.get_running_loop().time
    pace, began = Pace(10, 0.02), now()
    for _ in range(50):
        await pace.keep()
    assert now() - began >= 5 * 0.02


async def test_whoever_keeps_the_pace_never_waits() -> None:
    """Messages that come slower are read at once."""
    pace = Pace(2, 0.01)
    for _ in range(5):
        await asyncio.sleep(0.011)  # time passes: slower than the pace
        step = pace.keep()
        with pytest.raises(StopIteration):
            step.send(None)
