"""The workflow that one operator makes by itself: a parameter for each input, and a node of the operator's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accio_client.views import OperatorView


def workflow_of(operator: OperatorView) -> dict[str, Any]:
    """Return the definition of the workflow whose only node is *operator*; its id is the operator's name."""
    params = []
    for port in operator.inputs:
        param: dict[str, Any] = {"name": port.name, "kind": port.type}
        if port.has_default:
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


def is_of_operator(definition: Mapping[str, Any], name: str) -> bool:
    """Return whether a workflow was made by `workflow_of`, of this operator as it is or was."""
    return definition.get("notes") == _notes(name)


def _notes(name: str) -> str:
    return f"The operator {name} by itself."
