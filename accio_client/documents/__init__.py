"""The documents that `--json` prints (docs/cli.md): from views to JSON, nothing else.

Each document has a JSON Schema in accio/schemas/documents, and a test holds it against that. Fields may be added; a
field that is renamed or removed needs a new schema name. 64-bit integers (seeds, values of type long) are texts; counts
and sizes, which no reader loses a digit of, are numbers.
The names are loaded when they are used, as a command needs a few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accio_client.documents.basics import SCHEMA, Document, document, instant, issues, person, resources
    from accio_client.documents.daemon import agent, cache, change, cluster, garbage, hit_rate, token, window
    from accio_client.documents.nodes import (
        checkpoint,
        event,
        failure,
        log_line,
        metrics,
        node,
        node_details,
        series,
        why,
    )
    from accio_client.documents.runs import (
        dry_run,
        forecast,
        outcomes,
        repeat_until,
        run,
        run_details,
        run_page,
        study,
        submitted,
        validation,
    )
    from accio_client.documents.workflows import operator, pushed, workflow

__all__ = [
    "SCHEMA",
    "Document",
    "agent",
    "cache",
    "change",
    "checkpoint",
    "cluster",
    "document",
    "dry_run",
    "event",
    "failure",
    "forecast",
    "garbage",
    "hit_rate",
    "instant",
    "issues",
    "log_line",
    "metrics",
    "node",
    "node_details",
    "operator",
    "outcomes",
    "person",
    "pushed",
    "repeat_until",
    "resources",
    "run",
    "run_details",
    "run_page",
    "series",
    "study",
    "submitted",
    "token",
    "validation",
    "why",
    "window",
    "workflow",
]

_OF_MODULE = {
    "basics": {"SCHEMA", "Document", "document", "instant", "issues", "person", "resources"},
    "daemon": {"agent", "cache", "change", "cluster", "garbage", "hit_rate", "token", "window"},
    "nodes": {"checkpoint", "event", "failure", "log_line", "metrics", "node", "node_details", "series", "why"},
    "runs": {
        "dry_run",
        "forecast",
        "outcomes",
        "repeat_until",
        "run",
        "run_details",
        "run_page",
        "study",
        "submitted",
        "validation",
    },
    "workflows": {"operator", "pushed", "workflow"},
}


def __getattr__(name: str) -> Any:
    for module, names in _OF_MODULE.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
