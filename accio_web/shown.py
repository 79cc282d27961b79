"""Documents as pages need them: those of the command line, and what only pages show besides."""

from accio_client import documents, views
from accio_client.documents import Document


def shown_run(found: views.RunDetails) -> Document:
    """Return a run with its nodes by state; a parent also with its children by state."""
    return documents.run_details(found) | {
        "nodes_by_state": dict(found.run.nodes_by_state),
        "forms": {name: each.values for name, each in found.run.params.items()},
    }


def shown_counts(found: views.NodeCountsView) -> Document:
    """Return the nodes of a sweep's graph with their states over the children."""
    nodes = [
        {
            "name": each.node,
            "operator": each.operator,
            "counts": dict(each.by_state),
            "cached": each.cached,
            "median_s": each.median_s,
            "measured": each.measured,
        }
        for each in found.nodes
    ]
    return {"run": found.run, "counted": found.counted, "children": found.children, "nodes": nodes}


def shown_row(found: views.RunView) -> Document:
    """Return a run as a row of a list."""
    return documents.run(found) | {
        "children": None if found.children is None else {
            "total": found.children, "by_state": dict(found.children_by_state)
        },
        "nodes_by_state": dict(found.nodes_by_state),
    }  # fmt: skip
