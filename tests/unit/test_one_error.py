"""What somebody is told who waits for tasks of which several may fail."""

import asyncio
import gc
from collections.abc import Callable, Coroutine

import pytest

from accio.errors import FailedPrecondition, Internal, Unavailable
from accio.one_error import apart, lasting, most_telling, one_error, single_errors


async def fail(error: Exception) -> None:
    """Fail like a task."""
    raise error


async def fail_together(*errors: Exception) -> None:
    """Raise the errors of several tasks in a group."""
    async with asyncio.TaskGroup() as tasks:
        for each in errors:
            tasks.create_task(fail(each))


async def test_a_refusal_says_more_than_a_lost_connection() -> None:
    """Of a group of expected errors the refusal is raised, without the group."""
    with pytest.raises(FailedPrecondition, match="no") as caught, one_error(ConnectionError, FailedPrecondition):
        await fail_together(ConnectionError("lost"), FailedPrecondition("no"))
    assert not isinstance(caught.value, BaseExceptionGroup)


async def test_a_bug_is_not_hidden_by_what_was_expected() -> None:
    """A group that holds an error of no expected kind is raised whole."""
    with pytest.raises(ExceptionGroup) as caught, one_error(ConnectionError):
        await fail_together(ConnectionError("lost"), KeyError("bug"))
    assert {type(each) for each in single_errors(caught.value)} == {ConnectionError, KeyError}


def test_errors_in_groups_within_groups_are_found() -> None:
    """The most telling error is looked for at every depth; an error outside any group is itself."""
    refusal = Unavailable("away")
    group = ExceptionGroup("outer", [ConnectionError("lost"), ExceptionGroup("inner", [refusal])])
    assert most_telling(group) is refusal
    assert most_telling(refusal) is refusal
    assert list(single_errors(None)) == []


async def requests_after_failing() -> int:
    """Count how often the task that waited for a group of tasks which failed is asked to end afterwards."""
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(ConnectionError), one_error(ConnectionError):
        await apart(fail_together(ConnectionError("lost")))
    return task.cancelling()


async def test_what_fails_apart_leaves_nothing_behind() -> None:
    """Who goes on after a group of tasks has failed isn't asked to end by it any more, so that time-outs stay such."""
    assert await asyncio.get_running_loop().create_task(requests_after_failing()) == 0


async def test_who_is_ended_while_something_fails_is_ended() -> None:
    """A failure that comes with a cancellation from elsewhere doesn't hide it."""
    began = asyncio.Event()

    async def fail_when_ended() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("lost")

    async def go_on() -> None:
        with one_error(ConnectionError):
            await apart(fail_when_ended())

    task = asyncio.get_running_loop().create_task(go_on())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def end_without_a_word() -> None:
    """Be cancelled as by a request that was meant for another, later and from within."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()


async def return_at_once() -> None:
    """End where there was to be no end."""


@pytest.mark.parametrize(("work", "how"), [(end_without_a_word, "was cancelled"), (return_at_once, "has ended")])
async def test_what_is_to_last_is_missed(work: Callable[[], Coroutine[None, None, None]], how: str) -> None:
    """A task that is cancelled from within, or returns, ends its group, which would go on without it; its name is
    told.
    """

    async def together() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.Event().wait(), name="others")
            tasks.create_task(lasting(work), name="session")

    with pytest.raises(Internal, match=f"'session' {how}"), one_error(Internal):
        await together()
    await lasting(return_at_once, may_end=True)
    with pytest.raises(ConnectionError, match="'session' was cancelled"), one_error(ConnectionError):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lasting(end_without_a_word, error=ConnectionError), name="session")


async def test_what_is_to_last_ends_with_its_group() -> None:
    """Whoever ends the task ends what it waits for, quietly; an error of it is raised as it is."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(lasting(work))
        await began.wait()
        task.cancel()
    assert ended.is_set()
    assert task.cancelled()
    with pytest.raises(ConnectionError):
        await lasting(lambda: fail(ConnectionError("lost")))


async def test_what_is_ended_before_it_has_begun_leaves_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """Its work isn't so much as made: a coroutine that nobody awaits would be warned of."""
    made: list[str] = []

    async def work() -> None:
        made.append("begun")

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(lasting(work))
        task.cancel()
    gc.collect()
    assert task.cancelled()
    assert made == [] == [str(each.message) for each in recwarn]
