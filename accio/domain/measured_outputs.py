"""Outputs of a sweep's children that are numbers: what runs are repeated for, or search the best values of."""

from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.findings import Findings
from accio.domain.linking import Operators
from accio.domain.members import member_type
from accio.domain.names import Suggestions
from accio.domain.operators import OutputPort
from accio.domain.problems import quote
from accio.domain.workflows import Workflow

_MEASURED = INTEGRAL | {Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION}


def find_number(
    reference: str, path: str, *, workflow: Workflow, operators: Operators, findings: Findings, members: bool = False
) -> DataType | None:
    """Return the type of the output Node/port that a definition names at *path*, or report why it isn't a number of the
    children; with *members* it may be a member of a map, Node/port.KEY, too.
    """
    measured = [
        (f"{node.name}/{output.name}", output)
        for node in workflow.graph[: workflow.per_child]
        if (spec := operators.get(node.op)) is not None
        for output in spec.outputs
    ]
    outputs = dict(measured)
    name = _output_of(reference) if members else reference
    output = outputs.get(name)
    if output is None:
        there = ", ".join(filter(None, (_shown(name, each, members) for name, each in measured))) or "none"
        message = f"expected an output Node/port of the children that is a number ({there}), found {quote(reference)}"
        findings.error(path, message, Suggestions(outputs).closest(reference))
        return None
    of_members = member_type(output.type) if members else None
    datatype = output.type if name == reference else of_members
    if datatype is None or datatype.kind not in _MEASURED:
        hint = ""
        if name == reference and of_members is not None and of_members.kind in _MEASURED:
            hint = f"; name one of its members, {reference}.KEY"
        message = f"expected an output that is a number, found '{reference}' of type {datatype or output.type}{hint}"
        findings.error(path, message)
        return None
    return datatype


def _output_of(reference: str) -> str:
    """Return Node/port of Node/port.KEY."""
    node, _, place = reference.partition("/")
    port, _, member = place.partition(".")
    return f"{node}/{port}" if member else reference


def _shown(name: str, output: OutputPort, members: bool) -> str:
    """Return an output as it may be named, if it, or its *members* where they may be named, are numbers."""
    if output.type.kind in _MEASURED:
        return name
    of_members = member_type(output.type) if members else None
    return f"{name}.KEY" if of_members is not None and of_members.kind in _MEASURED else ""
