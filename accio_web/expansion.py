"""What the forms of a run definition stand for: how many values of each parameter, and which.

Each parameter is read by itself, by the same rules as the daemon's, so that one that is wrong hides no other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from accio.domain.axes import Axis
from accio.domain.datatypes import parse_type
from accio.domain.run_check import check_run
from accio.domain.workflows import Param, Workflow
from accio_client import views
from accio_client.analysis.columns import AxisColumn
from accio_client.documents import Document

_SHOWN = 4
"""Values that are all named; of more, the first ones and the last."""


def expansions(workflow: views.WorkflowView, params: Mapping[str, Any]) -> Document:
    """Return, by parameter, how many values its form has and which; forms that can't be read are left out."""
    found: Document = {}
    for each in workflow.params:
        if each.name in params:
            axis = _axis(Param(name=each.name, type=parse_type(each.kind)), params[each.name])
            if axis is not None:
                found[each.name] = {"values": axis.size, "text": _text(AxisColumn(axis))}
    return found


def _axis(param: Param, form: Any) -> Axis | None:
    alone = Workflow(id="alone", params=(param,))
    document = {"workflow": alone.id, "params": {param.name: form}}
    checked = check_run(document, workflows=_Only(alone), operators={}, base_path="/")
    return None if checked.value is None else checked.value.sweep.axis(param.name)


def _text(axis: AxisColumn) -> str:
    if axis.size <= _SHOWN:
        return ", ".join(axis.text(at) for at in range(axis.size))
    return f"{axis.text(0)}, {axis.text(1)}, {axis.text(2)} … {axis.text(axis.size - 1)}"


class _Only:
    """Where one workflow is found, and no other."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Find the workflow."""
        return self._workflow if workflow_id == self._workflow.id and version is None else None

    def ids(self) -> Iterable[str]:
        """Name the workflow."""
        return (self._workflow.id,)

    def versions(self, workflow_id: str) -> Iterable[str]:
        """Name its only version."""
        return (self._workflow.version,) if workflow_id == self._workflow.id else ()
