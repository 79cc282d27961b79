"""Results of sweeps: which there are, pictures of them with their tables, and failures."""

import asyncio
import csv
import io
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from math import isfinite
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.domain.series import PROGRESS
from accio.errors import BadRequest
from accio_client.analysis.pictures import rows, to_json
from accio_client.asked_pictures import KINDS, WITHOUT_VALUE, Asked, draw
from accio_client.collected import Collected, Head
from accio_client.documents import Document, document
from accio_client.documents.failures import failures, found_failures, retry_words
from accio_client.views import RunFilter
from accio_web.answers import answer
from accio_web.web import Web, session_of, whole_number

_CURVES = "curves"
"""What `accio plot -metric` draws; it isn't drawn from columns."""
_LOOKED_AT = 5
"""Children that are asked for the names of what they measured at steps."""
_KINDS_SHOWN = 20
_SAMPLE = "a sample from all over the sweep, until all children are read"
_MOST_KINDS = 1000
_WHOLE = 2**53
"""Whole numbers below it are shown as such: doubles hold them."""


class ResultRoutes:
    """Draw results, by the same functions as the command line."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/runs/{run}/results", self.index, methods=["GET"]),
            Route("/api/v1/runs/{run}/values", self.values, methods=["GET"]),
            Route("/api/v1/runs/{run}/failures", self.failures, methods=["GET"]),
            Route("/api/v1/runs/{run}/pictures/{kind}", self.picture, methods=["GET"]),
            Route("/api/v1/runs/{run}/pictures/{kind}/table.csv", self.table, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Return the names that pictures may be asked with: parameters that vary, outputs that are numbers, nodes, what
        the first children measured at steps, and the objectives of a study.
        """
        head = await self._web.client(request).column_head(request.path_params["run"])
        axes = [{"name": axis.name, "type": str(axis.type), "values": axis.size} for axis in head.sweep.varying]
        numbers = head.names(head.numbers())
        study = head.sweep.study
        series = await self._series(request, head)
        return answer(
            document(
                {
                    "axes": axes,
                    "repeat": head.sweep.repeat,
                    "numbers": numbers,
                    "nodes": list(head.nodes),
                    "series": series,
                    "objectives": [] if study is None else [each.output for each in study.objectives],
                }
            )
        )

    async def _series(self, request: Request, head: Head) -> list[str]:
        client, ids = self._web.client(request), [head.run.id]
        if head.run.kind == "parent":
            page = await client.list_runs(RunFilter(parent=head.run.id), limit=_LOOKED_AT)
            ids = [each.id for each in page.runs]
        if not ids:
            return []
        async with aclosing(client.series(ids)) as found:
            names = {each.name async for each in found}
        return sorted(names - {PROGRESS})

    async def values(self, request: Request) -> Response:
        """Return what a single run or a child gave: each output by node and port, with its value where it is single."""
        client, run = self._web.client(request), request.path_params["run"]
        head = await client.column_head(run)
        if head.run.kind == "parent":
            raise BadRequest(f"{run} is a sweep: name one of its children, as in {run}.0")
        names = (*head.numbers(), *head.texts())
        found = await client.columns(run, ports=names, outputs=bool(names))
        single = list(_single_values(found))
        shown = {each["name"].partition(".")[0] for each in single}
        others = [
            {"name": f"{node}/{port}", "node": node, "type": str(datatype)}
            for node, port, datatype in head.declared
            if f"{node}/{port}" not in shown
        ]
        return answer(document({"values": single, "others": others}))

    async def picture(self, request: Request) -> Response:
        """Return a picture as data; with `sample=1` that of a sample may come first, which it says."""
        picture, whole = await self._drawn(request, sample=request.query_params.get("sample") == "1")
        return answer(document({"picture": await asyncio.to_thread(to_json, picture), "whole": whole}))

    async def table(self, request: Request) -> Response:
        """Return the numbers of a picture as a file."""
        picture, _ = await self._drawn(request)
        content = await asyncio.to_thread(_csv, picture)
        headers = {"content-disposition": "attachment; filename=picture.csv", "cache-control": "no-store"}
        return Response(content, headers=headers, media_type="text/csv; charset=utf-8")

    async def _drawn(self, request: Request, *, sample: bool = False) -> tuple[Any, bool]:
        """Return a picture, and whether it is that of all children."""
        query, kind = request.query_params, request.path_params["kind"]
        if kind == _CURVES:
            return await self._curves(request), True
        if kind not in KINDS:
            raise BadRequest(f"expected a picture ({', '.join((*KINDS, _CURVES))}), found {kind!r}")
        asked = Asked(
            kind=kind,
            x=query.get("x") or None,
            y=query.get("y") or None,
            by=query.get("by") or None,
            median=query.get("median") == "1",
        )
        if asked.y is None and kind not in WITHOUT_VALUE:
            raise BadRequest(f"a picture of kind {kind} draws a result: name it in y")
        if kind == "scatter" and asked.x is None:
            raise BadRequest("a picture of kind scatter draws two results: name the other one in x")
        found, meant = await self._web.client(request).picture_of(
            request.path_params["run"],
            asked,
            where=query.get("where", ""),
            kept=self._web.clients.columns(session_of(request).token),
            sample=sample,
        )
        picture = await asyncio.to_thread(draw, found, meant)
        if found.collected.is_sample:
            head = replace(picture.head, remarks=(*picture.head.remarks, _SAMPLE))
            return replace(picture, head=head), False
        return picture, True

    async def _curves(self, request: Request) -> Any:
        query = request.query_params
        if not query.get("y"):
            raise BadRequest(f"a picture of kind {_CURVES} draws what nodes measured at steps: name it in y")
        return await self._web.client(request).curves(
            request.path_params["run"], query["y"], by=query.get("by") or None, where=query.get("where", "")
        )

    async def failures(self, request: Request) -> Response:
        """Return which kinds of failures there are, and what explains them."""
        run, where = request.path_params["run"], request.query_params.get("where", "")
        limit = whole_number(request, "limit", _KINDS_SHOWN, _MOST_KINDS)
        found = await self._web.client(request).selected(
            run,
            where=where,
            outputs=False,
            failures=True,
            kept=self._web.clients.columns(session_of(request).token),
        )
        groups, explanations = await asyncio.to_thread(found_failures, found)
        retry = f"accio {retry_words(found, groups, explanations, where)}"
        return answer(document(failures(found, groups, explanations, limit, retry)))


def _single_values(found: Collected) -> Iterator[Document]:
    """Yield the numbers and texts of the only child of a table that has them."""
    table = found.table
    for name, column in table.numbers.items():
        if column.valid[0]:
            value = float(column.values[0])
            shown = (int(value) if value.is_integer() and abs(value) < _WHOLE else value) if isfinite(value) else None
            yield {**_place(name), "value": str(value) if shown is None else shown, "unit": column.unit}
    for name, text in table.texts.items():
        if text.codes[0] >= 0 and "/" in name:
            yield {**_place(name), "value": text.dictionary[text.codes[0]], "unit": ""}


def _place(name: str) -> Document:
    return {"name": name, "node": name.partition("/")[0]}


def _csv(picture: Any) -> str:
    table, text = rows(picture), io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in table.rows)
    return text.getvalue()
