"""The rpc List: singles and parents, or the children of one parent, filtered and sorted."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import orjson

from accio.domain.absence import NO_VALUE, means_none
from accio.domain.access import Viewer
from accio.domain.datatypes import DataType
from accio.domain.filters import Checked, FilterProblem
from accio.domain.states import RunState
from accio.domain.values import ValueProblem, canonical, parse_text
from accio.errors import BadRequest
from accio.v1 import accio_pb2, runs_pb2
from accio.wire.states import RUN_STATES
from accio_daemon.engine.ports import Clock
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.workflows import page_key, page_size
from accio_daemon.services.messages.runs import run_message
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes import children, sorting
from accio_daemon.storage.nodes.child_rows import ChildQuery
from accio_daemon.storage.nodes.sorting import Key, Order
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query, search
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.run_rows import read_run_query
from accio_daemon.storage.runs.runs_query import Found, RunRow
from accio_daemon.storage.runs.search import Filters, ParamFilter

T = TypeVar("T")

_PAGE_BYTES = 2_000_000
_AT_HAND = 15
"""So many runs are read on the event loop; more cost more than a hop to a thread."""


class ListCalls:
    """Lists of runs."""

    def __init__(self, *, readers: Readers, plans: Plans, clock: Clock, rights: Rights) -> None:
        """Read from *readers*; spans in queries count from what *clock* shows."""
        self._readers = readers
        self._plans = plans
        self._clock = clock
        self._rights = rights

    async def list(self, request: accio_pb2.ListRequest) -> accio_pb2.ListResponse:
        """Return a page of singles and parents, or of the children of one parent."""
        states = frozenset(_state(number) for number in request.states)
        params = await self._param_filters(request)
        if request.parent:
            return await self._list_children(request, states, params)
        filters = Filters(
            states=states,
            tags=tuple(dict.fromkeys(request.tags)),
            owner=request.owner,
            seen=self._rights.viewer().seen,
            name=request.name or None,
            workflow=_workflow_filter(request.workflow),
            text=request.text,
            notes=request.notes,
            params=params,
            created_after_ms=request.created_after_ms,
            created_before_ms=request.created_before_ms,
            query=await self._query(request.where),
        )
        for typed in (filters.text, filters.notes):
            if typed and not search.fts_query(typed):
                raise BadRequest(f"expected words to look for, found {typed[:100]!r}")
        if request.sort:
            return await self._list_sorted(request, filters)
        before, limit = page_key(request.cursor), page_size(request.limit)
        look = self._readers.search
        if filters == Filters(seen=filters.seen):
            look = self._readers.read_at_hand if limit <= _AT_HAND else self._readers.read
        return await look(lambda snapshot: _runs_answer(search.list_runs(snapshot, filters, before, limit)))

    async def _query(self, text: str) -> Checked | None:
        """Read a query over runs, in a thread: it may be long."""
        if not text.strip():
            return None
        now_ms = self._clock.now().wall_ms
        return await self._readers.search(lambda _: explained(text, lambda: read_run_query(text, now_ms)))

    async def _list_sorted(self, request: accio_pb2.ListRequest, filters: Filters) -> accio_pb2.ListResponse:
        order, after, limit = Order.read(request.sort), _sorted_key(request.cursor), page_size(request.limit)

        def read(snapshot: Snapshot) -> accio_pb2.ListResponse:
            page = sorting.list_sorted(snapshot, filters, order, after, limit)
            return accio_pb2.ListResponse(
                runs=[run_message(Found(run=row)) for row in page.runs],
                next="" if page.after is None else orjson.dumps(page.after).decode(),
            )

        return await self._readers.search(read)

    async def _list_children(
        self, request: accio_pb2.ListRequest, states: frozenset[RunState], params: tuple[ParamFilter, ...]
    ) -> accio_pb2.ListResponse:
        shared = (request.owner, request.name, request.workflow, request.text, request.notes)
        if request.tags or any(shared) or request.created_after_ms or request.created_before_ms:
            raise BadRequest(
                "children of a parent are filtered by state and parameters only: they share everything else"
            )
        low, limit = page_key(request.cursor) or 0, page_size(request.limit)
        order = Order.read(request.sort, sorting.OF_CHILDREN) if request.sort else None
        now_ms, viewer = self._clock.now().wall_ms, self._rights.viewer()

        def read(snapshot: Snapshot) -> accio_pb2.ListResponse:
            run = _sweep(snapshot, request.parent, viewer)
            query = self._child_query(snapshot, run, request.where, now_ms)
            if order is None:
                return _children_answer(
                    children.list_children(
                        snapshot, run, states=states, params=params, query=query, low=low, limit=limit
                    )
                )
            page = sorting.list_sorted_children(
                snapshot, run, order, states=states, params=params, query=query, passed=low, limit=limit
            )
            return _children_answer(page, passed=low)

        return await (self._readers.search if request.where or params or order else self._readers.read)(read)

    def _child_query(self, snapshot: Snapshot, run: RunRow, text: str, now_ms: int) -> ChildQuery | None:
        if not text.strip():
            return None
        return explained(text, lambda: ChildQuery(snapshot, self._plans, run, text, now_ms))

    async def _param_filters(self, request: accio_pb2.ListRequest) -> tuple[ParamFilter, ...]:
        """Read the values of parameter filters by every type that a parameter of that name has anywhere."""
        if not request.params:
            return ()
        types = await self._readers.read(search.param_types)
        return tuple(
            ParamFilter(name=each.name, texts=frozenset(_readings(types.get(each.name, ()), each.text)))
            for each in request.params
        )


def explained(text: str, read: Callable[[], T]) -> T:
    """Return what *read* makes of a query; BadRequest shows where it is wrong."""
    try:
        return read()
    except FilterProblem as problem:
        raise BadRequest(problem.report(text)) from None


def _sweep(snapshot: Snapshot, text: str, viewer: Viewer) -> RunRow:
    found = runs_query.find(snapshot, text, viewer)
    if found.index is not None or not found.run.parent:
        raise BadRequest(f"{text} has no children: it isn't a sweep")
    return found.run


def _sorted_key(cursor: str) -> Key | None:
    """Read the cursor of a sorted page; None for the first page."""
    if not cursor:
        return None
    try:
        found: Any = orjson.loads(cursor)
    except orjson.JSONDecodeError:
        found = None
    match found:
        case [int() | float() | str() as key, int() as number] if 0 <= number < 2**62:
            return key, number
        case _:
            raise BadRequest(f"expected a cursor that an earlier page of this order gave, found {cursor[:100]!r}")


# Pages are written where they are read, in a thread: on the event loop those of a few callers would hold up everybody.


def _runs_answer(page: search.Page) -> accio_pb2.ListResponse:
    messages, cut = _within_bytes(run_message(Found(run=row)) for row in page.runs)
    following = page.runs[len(messages) - 1].no if cut else page.before
    return accio_pb2.ListResponse(runs=messages, total=page.total, next="" if following is None else str(following))


def _children_answer(page: children.ChildPage, *, passed: int | None = None) -> accio_pb2.ListResponse:
    """Write a page of children; of a sorted one the next begins after as many as have *passed* and are told."""
    messages, cut = _within_bytes(run_message(child) for child in page.children)
    following = page.low
    if cut:
        following = page.children[len(messages)].place if passed is None else passed + len(messages)
    return accio_pb2.ListResponse(runs=messages, total=page.total, next="" if following is None else str(following))


def _within_bytes(messages: Iterable[runs_pb2.Run]) -> tuple[list[runs_pb2.Run], bool]:
    """Return messages up to the size of a page, and whether some were left."""
    taken: list[runs_pb2.Run] = []
    size = 0
    for message in letting_pass(messages):
        size += message.ByteSize()
        if taken and size > _PAGE_BYTES:
            return taken, True
        taken.append(message)
    return taken, False


def _state(number: int) -> RunState:
    state = RUN_STATES.get(number)
    if state is None:
        raise BadRequest(f"expected a run state, found {number}")
    return state


def _workflow_filter(text: str) -> tuple[str, str] | None:
    name, _, version = text.partition(":")
    return (name, version) if name else None


def _readings(types: Iterable[DataType], text: str) -> Iterable[str]:
    for datatype in types:
        if means_none(datatype, text):
            yield NO_VALUE
            continue
        try:
            yield canonical(datatype, parse_text(datatype, text))
        except ValueProblem:
            continue
