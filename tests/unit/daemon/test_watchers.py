"""Watches of runs: what wakes them, and how long they pause."""

import asyncio

from accio_daemon.core.terms import RunNo
from accio_daemon.engine.watchers import Feed, RunWatchers

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


def test_who_follows_a_run_is_told_its_nodes() -> None:
    """Nodes of a sealed batch are told, also once more as it may not have been committed, and then no more."""
    watchers = RunWatchers()
    changes = watchers.follow(RUN, 0)
    watchers.sealed([(RUN, 0, 3), (RUN, 1, 4), (RunNo(2), 0, 5)])
    assert changes.take() == {3}
    assert changes.take() == {3}
    watchers.sealed([(RUN, 0, 6)])
    assert changes.take() == {3, 6}
    assert changes.take() == {6}
    watchers.sealed([])
    watchers.sealed([])
    assert changes.take() == {6}
    assert changes.take() == set()


def test_who_comes_during_a_commit_is_told_what_is_in_it() -> None:
    """A batch that was sealed before somebody came may become visible after his first look."""
    watchers = RunWatchers()
    watchers.sealed([(RUN, 0, 3)])
    changes = watchers.follow(RUN, 0)
    assert changes.take() == {3}


def test_commits_are_counted_until_the_end() -> None:
    """Who follows a run sees by a number whether it changed; a closed one is told nothing."""
    watchers = RunWatchers()
    changes, other = watchers.follow(RUN, 0), watchers.follow(RUN, 0)
    watchers.wake(RUN, ended=False)
    watchers.wake(RunNo(2), ended=False)
    other.close()
    watchers.wake(RUN, ended=True)
    watchers.sealed([(RUN, 0, 3)])
    assert (changes.count, other.count) == (2, 1)
    assert other.take() == set()
    changes.close()
    watchers.wake(RUN, ended=True)
    assert changes.count == 2


async def test_a_feed_tells_what_changed_since_it_was_asked() -> None:
    """A feed first says that anything may have; then the runs that were committed, and no more once it is closed."""
    watchers = RunWatchers()
    with watchers.feeding() as feed:
        assert feed.take() == (set(), True)
        for run in (RUN, RunNo(2), RUN):
            watchers.wake(run, ended=False)
            watchers.committed(more=False)
        await feed.changed(3600)
        assert feed.take() == ({RUN, RunNo(2)}, False)
        watchers.committed(more=True)
        await feed.changed(3600)
        assert feed.take() == (set(), True)
    watchers.wake(RUN, ended=False)
    watchers.committed(more=False)
    assert feed.take() == (set(), False)


def test_a_feed_that_is_not_read_stays_small() -> None:
    """Of more runs than are told one by one a feed only says that any may have changed."""
    watchers = RunWatchers()
    with watchers.feeding() as feed:
        feed.take()
        for number in range(Feed.MOST + 2):
            watchers.wake(RunNo(number), ended=False)
        runs, more = feed.take()
        assert more
        assert len(runs) <= Feed.MOST
