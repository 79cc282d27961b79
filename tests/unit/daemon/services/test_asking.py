"""Asking the process of samplers: it begins when it is needed, again when it has ended, and says what is wrong."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from accio_daemon.services.calls.asking import Sampler, SamplerFailed
from tests.unit.daemon.test_sampler import question

pytest.importorskip("optuna", reason="the sampler under test is an extra")


async def test_a_process_answers_and_goes_on_after_a_mistake() -> None:
    """What can't be answered is told in words, and the next question is answered."""
    sampler = Sampler()
    try:
        row = await sampler.ask(question(12))
        with pytest.raises(SamplerFailed, match="KeyError"):
            await sampler.ask({})
        assert await sampler.ask(question(12)) == row
    finally:
        await sampler.stop()


async def test_a_process_that_ended_is_started_again() -> None:
    """And answers the same."""
    sampler = Sampler()
    try:
        row = await sampler.ask(question(12))
        await sampler.stop()
        assert await sampler.ask(question(12)) == row
    finally:
        await sampler.stop()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("how", ["its input is closed", "killed"])
def test_a_process_that_ends_between_two_questions(loop: Callable[[], asyncio.AbstractEventLoop], how: str) -> None:
    """Another one answers, whatever the event loop says of the pipe that is gone."""

    async def ask() -> None:
        sampler = Sampler()
        try:
            row = await sampler.ask(question(12))
            process = sampler._process
            assert process is not None
            assert process.stdin is not None
            if how == "killed":
                process.kill()
            else:
                process.stdin.close()
            assert await sampler.ask(question(12)) == row
        finally:
            await sampler.stop()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask())
