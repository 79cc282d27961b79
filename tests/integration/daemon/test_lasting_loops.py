"""What a daemon or an agent does in the background is missed where it ends without a word."""

import asyncio
from pathlib import Path

import pytest

from accio.errors import Internal
from accio.one_error import most_telling
from tests.integration.daemon.harness import configured, serving

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize(
    "loop",
    [
        "Gatherer.run",
        "Measurer.run",
        "Asker.run",
        "Pruner.run",
        "TokenKeeper.note_uses",
        "keep_looking",
        "Loops._decide",
        "Loops._commit",
        "Loops._tick",
        "watch_loop",
    ],
)
async def test_a_loop_that_is_cancelled_ends_the_daemon(tmp_path: Path, loop: str) -> None:
    """A group would take it for one that has ended in peace, and the daemon would go on without it."""
    with pytest.raises(BaseExceptionGroup) as raised:
        await _serve_until_cancelled(tmp_path / "data", loop)
    error = most_telling(raised.value)
    assert isinstance(error, Internal), error
    assert "was cancelled, which nobody had asked for" in error.message


async def _serve_until_cancelled(folder: Path, loop: str) -> None:
    async with serving(configured(folder)):
        serve = _task("serve")
        _task(loop).cancel()
        await asyncio.wait((serve,))


def _task(name: str) -> "asyncio.Task[object]":
    """Find the task of a coroutine."""
    found = [each for each in asyncio.all_tasks() if getattr(each.get_coro(), "__qualname__", "") == name]
    assert len(found) == 1, (name, found)
    return found[0]
