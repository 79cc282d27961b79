"""The query box: what a query means, what may be written next, and which runs it selects for an action."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.domain.datatypes import parse_type
from accio.domain.filters import (
    RUN_FIELDS,
    Context,
    FilterProblem,
    Of,
    Subject,
    all_of,
    conjuncts,
    explain,
    parse,
    read_query,
)
from accio.domain.states import RunState
from accio.errors import BadRequest
from accio_client import views
from accio_client.analysis.columns import AxisColumn
from accio_client.calls.selecting import KILLED, RETRIED, selections
from accio_client.client import AsyncClient
from accio_client.clock import now
from accio_client.collected import Head
from accio_client.documents import Document, document
from accio_web.answers import answer
from accio_web.shown import shown_row
from accio_web.suggestions import place_in, suggested
from accio_web.web import Web, body_of, session_of, text, whole_number

_LONGEST = 10_000
_MOST_PARTS = 50
_LOOKED_AT = 100
"""The newest workflows and runs, whose parameters, tags and owners are suggested."""
_VALUES = 500
"""Values of a parameter that are searched for those to suggest."""

STATES: dict[str, tuple[tuple[RunState, ...], tuple[RunState, ...]]] = {
    "kill": (KILLED, KILLED),
    "retry": ((), RETRIED),
    "delete": ((), ()),
    "tag": ((), ()),
}
"""In which states runs, and children, are meant by an action: `accio kill -where=…` means the same."""


class QueryRoutes:
    """Help with queries, and select by them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/query", self.look, methods=["GET"]),
            Route("/api/v1/select", self.select, methods=["POST"]),
        ]

    async def look(self, request: Request) -> Response:
        """Return a query in words and in parts, or what is wrong with it and where, and what may be written next."""
        query, run = request.query_params.get("text", "")[:_LONGEST], request.query_params.get("run", "")
        at = whole_number(request, "at", len(query) + 1, _LONGEST + 1) - 1
        client, now_ms = self._web.client(request), int(now().timestamp() * 1000)
        head = await client.column_head(run) if run else None
        context = await _of_runs(client, now_ms) if head is None else head.context(now_ms)
        place = place_in(query[:at], context)
        found = suggested(place, context, await _known(client, head, place.subject))
        return answer(document({**_read(query, context, all_runs=head is None), **found.to_json()}))

    async def select(self, request: Request) -> Response:
        """Return how many runs match a query, and the first of them; an action touches exactly these."""
        body = await body_of(request)
        action, where, parent = (text(body, name) for name in ("action", "where", "parent"))
        if action not in STATES:
            raise BadRequest(f"action: expected one of {', '.join(STATES)}, found {action!r:.100}")
        client = self._web.client(request)
        of_runs, of_children = STATES[action]
        wanted = next(selections([parent] if parent else [], where, of_runs=of_runs, of_children=of_children))
        found = await self._web.selections.keep(session_of(request).csrf, client.iterate_runs(wanted))
        return answer(
            document(
                {
                    "selection": found.name,
                    "count": len(found.ids),
                    "first": [shown_row(each) for each in found.first],
                }
            )
        )


async def _of_runs(client: AsyncClient, now_ms: int) -> Context:
    """Return the context of queries over all runs, which suggests the parameters of the newest workflows."""
    page = await client.list_workflows(limit=_LOOKED_AT)
    parameters = {each.name: parse_type(each.kind) for found in page.workflows for each in found.params}
    return Context(fields=RUN_FIELDS, now_ms=now_ms, parameters=parameters)


def _read(query: str, context: Context, *, all_runs: bool) -> Document:
    """Return what a query means and what is wrong with it.

    Over all runs, a parameter may be one of a workflow that wasn't looked at: then both are told.
    """
    told: Document = {"words": "", "problem": None, "parts": _parts(query)}
    try:
        told["words"] = explain(read_query(query, context))
    except FilterProblem as problem:
        told["problem"] = {
            "message": problem.message,
            "start": problem.start,
            "end": problem.end,
            "suggestion": problem.suggestion,
        }
        if all_runs:
            with suppress(FilterProblem):
                told["words"] = explain(read_query(query, Context(fields=context.fields, now_ms=context.now_ms)))
    return told


def _parts(query: str) -> list[Document]:
    """Return what all matches satisfy, part by part, each with the query that is left without it.

    Of a query with very many parts there are none: nobody takes them away one by one, and each repeats the others.
    """
    try:
        found = conjuncts(parse(query))
    except FilterProblem:
        return []
    if len(found) > _MOST_PARTS:
        return []
    return [{"text": str(each), "rest": str(all_of([*found[:at], *found[at + 1 :]]))} for at, each in enumerate(found)]


async def _known(client: AsyncClient, head: Head | None, subject: Subject | None) -> list[str]:
    """Return values that a subject has: of a parameter of the sweep, or among the newest workflows and runs."""
    if subject is None:
        return []
    if head is not None and subject.of is Of.PARAMETER:
        axis = head.sweep.axis(subject.name)
        return [] if axis is None else _first_texts(AxisColumn(axis))
    if subject.of is Of.PARAMETER:
        return await _choices(client, subject.name)
    if subject.name == "workflow":
        page = await client.list_workflows(limit=_LOOKED_AT)
        return [each.id for each in page.workflows]
    if head is None and subject.name in ("owner", "tag", "name"):
        runs = (await client.list_runs(limit=_LOOKED_AT)).runs
        return list(dict.fromkeys(value for run in runs for value in _values(run, subject.name) if value))
    if subject.name == "agent":
        return [each.name for each in await client.list_agents()]
    if subject.name == "operator":
        return [each.name for each in await client.list_operators()]
    return []


async def _choices(client: AsyncClient, parameter: str) -> list[str]:
    """Return the values of which a parameter of the newest workflows has one, where these are listed."""
    page = await client.list_workflows(limit=_LOOKED_AT)
    alike = (each for found in page.workflows for each in found.params if each.name == parameter)
    return list(dict.fromkeys(str(value) for each in alike for value in each.choices))


def _first_texts(axis: AxisColumn) -> list[str]:
    return [axis.text(at) for at in range(min(axis.size, _VALUES))]


def _values(run: views.RunView, name: str) -> tuple[str, ...]:
    return run.tags if name == "tag" else (run.owner.name if name == "owner" else run.name,)
