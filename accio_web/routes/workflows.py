"""Workflows: the list, and one of them with its graph and operators."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.errors import BadRequest, NotFound
from accio_client import documents, views
from accio_client.client import AsyncClient
from accio_client.documents import Document, document
from accio_client.documents.versions import version_differences_document
from accio_client.graph_layout import edges_of, layout
from accio_client.version_differences import drawn_edges
from accio_web.answers import answer
from accio_web.web import Web, whole_number

_WORKFLOWS = 50
_MOST_WORKFLOWS = 500


class WorkflowRoutes:
    """Look at workflows."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/workflows", self.index, methods=["GET"]),
            Route("/api/v1/workflows/{workflow}", self.show, methods=["GET"]),
            Route("/api/v1/workflows/{workflow}/differences", self.differences, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Return a page of workflows, most recently pushed first."""
        limit = whole_number(request, "limit", _WORKFLOWS, _MOST_WORKFLOWS)
        cursor = request.query_params.get("cursor") or None
        page = await self._web.client(request).list_workflows(limit=limit, cursor=cursor)
        return answer(document({"workflows": [documents.workflow(each) for each in page.workflows], "next": page.next}))

    async def show(self, request: Request) -> Response:
        """Return a version of a workflow, "id" (the latest) or "id:version", its picture and its operators."""
        client = self._web.client(request)
        found = await client.get_workflow(request.path_params["workflow"])
        told = documents.workflow(found)
        operators = await _operators(client, found) if request.query_params.get("operators") == "1" else {}
        return answer(document({**told, "layout": layout(*edges_of(told["graph"])).to_json(), "operators": operators}))

    async def differences(self, request: Request) -> Response:
        """Return what differs between a version and that named by `from`, and a picture of both together."""
        before = request.query_params.get("from", "")
        if not before:
            raise BadRequest("name the version to compare with in from, as ID:VERSION")
        found = await self._web.client(request).compare_workflows(before, request.path_params["workflow"])
        names = [each.name for each in found.nodes]
        picture = await asyncio.to_thread(lambda: layout(names, drawn_edges(found)))
        operators = {
            str(node.get("name") or node["op"]): str(node["op"])
            for version in (found.first, found.second)
            for node in version.definition.get("graph", [])
        }
        versions = [documents.workflow(each) for each in (found.first, found.second)]
        told = version_differences_document(found)
        return answer(document({**told, "versions": versions, "layout": picture.to_json(), "operator_of": operators}))


async def _operators(client: AsyncClient, workflow: views.WorkflowView) -> Document:
    """Return what is known of the operators of a workflow; those that no agent has ever announced are left out."""
    found: Document = {}
    for name in sorted({str(node["op"]) for node in workflow.definition.get("graph", [])}):
        try:
            found[name] = documents.operator(await client.get_operator(name))
        except NotFound:
            continue
    return found
