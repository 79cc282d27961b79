"""One error for what a group of tasks raised: whoever waits for tasks is told the one that says most.

`raise` within `except*` won't do: before Python 3.11.4 what is raised there comes out in a group again (CPython issue
103590).
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from accio.errors import AccioError, Internal


@contextmanager
def one_error(*kinds: type[Exception]) -> Iterator[None]:
    """Raise one error in place of a group of errors that are all of these *kinds*, a refusal before any other.

    A group that holds others, too, which are bugs, is raised as it is.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        if group.split(kinds)[1] is not None:
            raise
        raise most_telling(group) from None


async def apart(work: Coroutine[None, None, None]) -> None:
    """Run *work*, which waits for a group of tasks, in a task of its own, for a task that goes on after it has failed.

    A group one of whose tasks fails asks the task that waits for it to end, and up to Python 3.12 doesn't take that
    back: before 3.11.4 every time-out that this task has later on ends it without a word. That goes with the task
    here. And who is asked to end by others while the work fails is ended, which the failure would hide.
    """
    waiting = asyncio.current_task()
    assert waiting is not None, "it is awaited by a task"
    before = waiting.cancelling()
    try:
        await asyncio.get_running_loop().create_task(work)
    except Exception:
        if waiting.cancelling() > before:
            raise asyncio.CancelledError from None
        raise


async def lasting(
    work: Callable[[], Coroutine[None, None, None]],
    *,
    may_end: bool = False,
    error: Callable[[str], Exception] = Internal,
) -> None:
    """Do *work*, which nobody ends but by ending the task that waits here; raise *error* if something else cancels it,
    or if it ends by itself, unless it *may_end*.

    A group takes a task that was cancelled for one that has ended in peace, whoever cancelled it, and goes on without
    it: an agent that never dials again, a daemon that decides nothing. *work* is called, as a coroutine of a task that
    is ended before it has begun would never be awaited.
    """
    waiting = asyncio.current_task()
    assert waiting is not None, "it is awaited by a task"
    try:
        await asyncio.get_running_loop().create_task(work())
    except asyncio.CancelledError:
        if waiting.cancelling():
            raise
        raise error(f"the task {waiting.get_name()!r} was cancelled, which nobody had asked for") from None
    if not may_end:
        raise error(f"the task {waiting.get_name()!r} has ended, which nobody had asked for")


def most_telling(error: BaseException) -> BaseException:
    """Return the first refusal (AccioError) in a group, else the first error; an error that is no group itself."""
    found = list(single_errors(error))
    return next((each for each in found if isinstance(each, AccioError)), found[0])


def single_errors(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the errors in a group and in the groups within it; an error that is no group itself; none of None."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from single_errors(each)
    elif error is not None:
        yield error
