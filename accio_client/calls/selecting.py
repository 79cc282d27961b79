"""Acting on what a query (docs/queries.md) selects: the runs are found first, and then nothing but these is touched."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import BadRequest
from accio_client import views

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Sequence

    from accio.domain.ids import RunId

    Act: TypeAlias = Callable[[list[str]], Coroutine[Any, Any, tuple[views.RunOutcome, ...]]]
    Iterate: TypeAlias = Callable[[views.RunFilter], AsyncGenerator[views.RunView]]

AT_ONCE = 1000
"""Runs of one call that changes them: each has to be committed within its deadline."""

KILLED = tuple(state for state in RunState if state not in RUN_TERMINAL)
RETRIED = (RunState.FAILED, RunState.KILLED)
"""States in which something can be killed, or a child retried; what matches in others is left alone."""


def listed(texts: str | Iterable[str]) -> list[str]:
    """Return texts as a list; one text is one of them, not its characters, each of which may be the prefix of an id."""
    return [texts] if isinstance(texts, str) else list(texts)


def selections(
    runs: str | Iterable[str], where: str, *, of_runs: Sequence[RunState] = (), of_children: Sequence[RunState] = ()
) -> Iterator[views.RunFilter]:
    """Yield the lists that hold what a query means: children of *runs*, or without any all runs that match."""
    if not where.strip():
        raise BadRequest("expected a query that says which runs, such as state=failed; found an empty one")
    within = listed(runs)
    if not within:
        yield views.RunFilter(where=where, states=tuple(of_runs))
    for parent in within:
        yield views.RunFilter(parent=parent, where=where, states=tuple(of_children))


async def ids(iterate: Iterate, lists: Iterable[views.RunFilter]) -> list[RunId]:
    """Return the ids of what is in the lists now."""
    return [run.id for wanted in lists async for run in iterate(wanted)]


async def in_parts(runs: str | Iterable[str], act: Act) -> tuple[views.RunOutcome, ...]:
    """Act on runs, in portions so small that no call takes long."""
    remaining = iter(listed(runs))
    outcomes: list[views.RunOutcome] = []
    while part := list(islice(remaining, AT_ONCE)):
        outcomes += await act(part)
    return tuple(outcomes)
