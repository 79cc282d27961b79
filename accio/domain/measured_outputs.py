"""Outputs of a sweep's children that are numbers: what runs are repeated for, or search the best values of."""

from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.findings import Findings
from accio.domain.linking import Operators
from accio.domain.members import member_type, parts_of_output
from accio.domain.names import Suggestions
from accio.domain.operators import OutputPort
from accio.domain.problems import quote
from accio.domain.workflows import Workflow

_MEASURED = INTEGRAL | {Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION}


def _find_number(
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
        there = ", ".join(filter(None, (_number_of(name, each.type) for name, each in measured))) or "none"
        message = f"expected an output Node/port of the children that is a number ({there}), found {quote(reference)}"
        findings.error(path, message, Suggestions(outputs).closest(reference))
        return None
    if output.type.kind not in _MEASURED:
        findings.error(path, f"expected an output that is a number, found '{reference}' of type {output.type}")
        return None
    return output


def find_measured(
    reference: str, path: str, *, workflow: Workflow, operators: Operators, findings: Findings
) -> DataType | None:
    """Return the type of the output Node/port that a definition names at *path*, or of a map's member, Node/port.KEY.

    Report why it isn't a number of the children, and return None, otherwise.
    """
    node, port, key = parts_of_output(reference)
    named = next((each for each in workflow.graph[: workflow.per_child] if each.name == node), None)
    spec = None if named is None else operators.get(named.op)
    output = None if spec is None else spec.output(port)
    if output is None or (not key and member_type(output.type) is None):
        found = _find_number(reference, path, workflow=workflow, operators=operators, findings=findings)
        return None if found is None else found.type
    of_members = member_type(output.type)
    if key and of_members is not None and of_members.kind in _MEASURED:
        return of_members
    numbers = of_members is not None and of_members.kind in _MEASURED
    hint = f"; name one of its members, {node}/{port}.KEY" if numbers else ""
    message = f"expected an output that is a number, found '{reference}': {node}/{port} is of type {output.type}{hint}"
    findings.error(path, message)
    return None


def _number_of(output: str, datatype: DataType) -> str | None:
    """Return how a definition names the number that an output is, or one of a map of numbers; None if it is neither."""
    of_members = member_type(datatype)
    if of_members is not None and of_members.kind in _MEASURED:
        return f"{output}.KEY"
    return output if datatype.kind in _MEASURED else None
