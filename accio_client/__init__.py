"""The Python client: `Client` for scripts and notebooks, `AsyncClient` for code with an event loop.

Both give values of `accio_client.views`; errors are those of `accio.errors`. docs/python-client.md is the guide. The
names are loaded when they are used, so that the command line starts without gRPC.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accio_client.client import AsyncClient
    from accio_client.composing import Workflow
    from accio_client.forms import arange, linspace, logspace, values
    from accio_client.handles import AsyncRun
    from accio_client.private import local, local_async
    from accio_client.sync import Client
    from accio_client.sync_handles import Run
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
    "AsyncRun",
    "Client",
    "NodeDetailsView",
    "NodeView",
    "OperatorView",
    "Run",
    "RunDetails",
    "RunFilter",
    "RunPage",
    "RunUpdate",
    "RunView",
    "Submitted",
    "Validation",
    "Workflow",
    "WorkflowView",
    "arange",
    "linspace",
    "local",
    "local_async",
    "logspace",
    "values",
]

_ELSEWHERE = {
    "AsyncClient": "accio_client.client",
    "AsyncRun": "accio_client.handles",
    "Client": "accio_client.sync",
    "Run": "accio_client.sync_handles",
    "Workflow": "accio_client.composing",
    **dict.fromkeys(("arange", "linspace", "logspace", "values"), "accio_client.forms"),
    "local": "accio_client.private",
    "local_async": "accio_client.private",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "accio_client.views")), name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
