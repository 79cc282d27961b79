"""What differs between two versions of a workflow, as a document."""

from dataclasses import asdict

from accio_client.documents.basics import Document
from accio_client.version_differences import VersionDifferences


def version_differences_document(found: VersionDifferences) -> Document:
    """Return the document that `accio diff -json` prints and the web interface shows."""
    return {
        "first": f"{found.first.id}:{found.first.version}",
        "second": f"{found.second.id}:{found.second.version}",
        "same": found.none,
        "facts": [asdict(each) for each in found.facts],
        "params": [asdict(each) for each in found.params],
        "nodes": [asdict(each) for each in found.nodes],
        "edges": [{"from": one, "to": other, "change": change} for (one, other), change in found.edges.items()],
        "runs": [run or None for run in found.runs],
        "operators": [asdict(each) for each in found.operators],
    }
