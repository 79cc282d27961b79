"""Outputs of a sweep's children that are numbers: what runs are repeated for, or search the best values of."""

from accio.domain.datatypes import INTEGRAL, Kind
from accio.domain.findings import Findings
from accio.domain.linking import Operators
from accio.domain.names import Suggestions
from accio.domain.operators import OutputPort
from accio.domain.problems import quote
from accio.domain.workflows import Workflow

_MEASURED = INTEGRAL | {Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION}


def find_number(
    reference: str, path: str, *, workflow: Workflow, operators: Operators, findings: Findings
) -> OutputPort | None:
    """Find the output Node/port that a definition names at *path*, or report why it isn't a number of the children."""
    measured = [
        (f"{node.name}/{output.name}", output)
        for node in workflow.graph[: workflow.per_child]
        if (spec := operators.get(node.op)) is not None
        for output in spec.outputs
    ]
    outputs = dict(measured)
    output = outputs.get(reference)
    if output is None:
        there = ", ".join(name for name, each in measured if each.type.kind in _MEASURED) or "none"
        message = f"expected an output Node/port of the children that is a number ({there}), found {quote(reference)}"
        findings.error(path, message, Suggestions(outputs).closest(reference))
        return None
    if output.type.kind not in _MEASURED:
        findings.error(path, f"expected an output that is a number, found '{reference}' of type {output.type}")
        return None
    return output
