"""Comparing runs: what differs between a base and the others, by the same functions as `accio diff`."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.errors import BadRequest
from accio_client.collected import Collected, Reading
from accio_client.documents import document
from accio_client.documents.differences import compared, differences_document
from accio_web.answers import answer
from accio_web.shown import shown_row
from accio_web.web import Web, session_of, whole_number

_MOST_RUNS = 20
_POINTS = 50
_MOST_POINTS = 10_000


class ComparisonRoutes:
    """Compare runs and sweeps."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [Route("/api/v1/compare", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """Return what differs between the first run of the query and each of the others."""
        names = list(dict.fromkeys(request.query_params.getlist("run")))
        limit = whole_number(request, "limit", _POINTS, _MOST_POINTS)
        if not 2 <= len(names) <= _MOST_RUNS:
            raise BadRequest(f"expected 2 to {_MOST_RUNS} runs to compare, found {len(names)}")
        client = self._web.client(request)
        runs = [(await client.get_run(name, nodes=False)).run for name in names]
        columns = [await self._columns(request, run.id) for run in runs]
        base, others = columns[0], columns[1:]
        operators = [await client.compare_operators(names[0], name) for name in names[1:]]
        found = await asyncio.to_thread(
            lambda: [compared(code, base, other) for code, other in zip(operators, others, strict=True)]
        )
        return answer(
            document(
                {
                    "runs": [shown_row(each) for each in runs],
                    "numbers": [list(each.table.numbers) for each in columns],
                    "differences": [differences_document(each, limit) for each in found],
                }
            )
        )

    async def _columns(self, request: Request, run: str) -> Collected:
        kept = self._web.clients.columns(session_of(request).token)
        asked = Reading(run, (), (), outputs=True, failures=False)
        kept[asked] = await self._web.client(request).columns(run, before=kept.get(asked))
        return kept[asked]
