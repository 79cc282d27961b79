"""One error for what a group of tasks raised: whoever waits for tasks is told the one that says most.

`raise` within `except*` won't do: before Python 3.11.4 what is raised there comes out in a group again (CPython issue
103590).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from accio.errors import AccioError


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
