"""Watches of runs: what wakes them, and how long they pause."""

import asyncio

from accio_daemon.core.commands import RunNo
from accio_daemon.engine.watchers import RunWatchers

RUN = RunNo(1)


async def test_a_pause_is_cut_short_by_the_end() -> None:
    """A watch that paces itself goes on at once when its run ends: nobody waits longer than the run took."""
    watchers = RunWatchers()
    watch = watchers.add(RUN)
    async with asyncio.TaskGroup() as tasks:
        pausing = tasks.create_task(watch.pause(3600))
        await asyncio.sleep(0)
        watchers.wake(RUN, ended=False)
        watchers.wake(RunNo(2), ended=True)
        await asyncio.sleep(0)
        assert not pausing.done()
        watchers.wake(RUN, ended=True)


async def test_a_run_that_goes_on_again_is_paced_again() -> None:
    """After a retry the pauses of a watch are as long as before."""
    watchers = RunWatchers()
    watch = watchers.add(RUN)
    watchers.wake(RUN, ended=True)
    await watch.pause(3600)
    watchers.wake(RUN, ended=False)
    async with asyncio.TaskGroup() as tasks:
        pausing = tasks.create_task(watch.pause(3600))
        await asyncio.sleep(0)
        assert not pausing.done()
        pausing.cancel()


async def test_changes_coalesce() -> None:
    """However often a run changes between two looks, a watch wakes once for it."""
    watchers = RunWatchers()
    watch = watchers.add(RUN)
    for _ in range(3):
        watchers.wake(RUN, ended=False)
    await watch.changed()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(watch.changed())
        await asyncio.sleep(0)
        assert not waiting.done()
        watchers.wake(RUN, ended=False)
