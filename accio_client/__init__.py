"""The Python client: `Client` for scripts and notebooks, `AsyncClient` for code with an event loop.

Both give values of `accio_client.views`; errors are those of `accio.errors`. docs/python-client.md is the guide. The
names are loaded when they are used, so that the command line starts without gRPC.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accio_client.client import AsyncClient
    from accio_client.private import local, local_async
    from accio_client.sync import Client
    from accio_client.views import (
        AgentView,
        NodeDetailsView,
        NodeView,
        OperatorView,
        RunDetails,
        RunFilter,
        RunPage,
        RunUpdate,
        RunView,
        Submitted,
        Validation,
        WorkflowView,
    )

__all__ = [
    "AgentView",
    "AsyncClient",
    "Client",
    "NodeDetailsView",
    "NodeView",
    "OperatorView",
    "RunDetails",
    "RunFilter",
    "RunPage",
    "RunUpdate",
    "RunView",
    "Submitted",
    "Validation",
    "WorkflowView",
    "local",
    "local_async",
]

_ELSEWHERE = {
    "AsyncClient": "accio_client.client",
    "Client": "accio_client.sync",
    "local": "accio_client.private",
    "local_async": "accio_client.private",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "accio_client.views")), name)
