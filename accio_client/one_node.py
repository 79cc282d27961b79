"""The workflow that one operator makes by itself: a parameter for each input, and a node of the operator's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accio.domain.datatypes import Kind, parse_type
from accio.domain.problems import ValueProblem
from accio.domain.values import parse_to_canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accio_client.views import InputPortView, OperatorView


def workflow_of(operator: OperatorView) -> dict[str, Any]:
    """Return the definition of the workflow whose only node is *operator*; its id is the operator's name."""
    params = []
    for port in operator.inputs:
        param: dict[str, Any] = {"name": port.name, "kind": port.type}
        if port.has_default and _stands_in_definitions(port):
            param["default_value"] = port.default
        if port.help:
            param["help"] = port.help
        params.append(param)
    inputs = {port.name: {"param": port.name} for port in operator.inputs}
    return {
        "id": operator.name,
        "notes": _notes(operator.name),
        "params": params,
        "graph": [{"op": operator.name, "inputs": inputs}],
    }


def _stands_in_definitions(port: InputPortView) -> bool:
    """Return whether a workflow can name this default; one that isn't finite is the operator's alone, and counts where
    nothing gives the input.
    """
    datatype = parse_type(port.type)
    if not datatype.contains(Kind.DOUBLE):
        return True
    try:
        parse_to_canonical(datatype, port.default)
    except ValueProblem:
        return False
    return True


def is_of_operator(definition: Mapping[str, Any], name: str) -> bool:
    """Return whether a workflow was made by `workflow_of`, of this operator as it is or was."""
    return definition.get("notes") == _notes(name)


def _notes(name: str) -> str:
    return f"The operator {name} by itself."
