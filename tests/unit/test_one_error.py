"""What somebody is told who waits for tasks of which several may fail."""

import asyncio

import pytest

from accio.errors import FailedPrecondition, Unavailable
from accio.one_error import apart, most_telling, one_error, single_errors


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
