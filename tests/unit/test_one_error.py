"""What somebody is told who waits for tasks of which several may fail."""

import asyncio

import pytest

from accio.errors import FailedPrecondition, Unavailable
from accio.one_error import most_telling, one_error, single_errors


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
