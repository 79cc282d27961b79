"""Nodes that gather: which inputs may, what they may be of, and on which side of a sweep a node stands."""

from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.validation import check_run, check_workflow
from accio.domain.workflows import FromChildren, Workflow


class Stored:
    """One workflow, as `check_run` looks it up."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Find it."""
        return self._workflow

    def ids(self) -> list[str]:
        """Name it."""
        return [self._workflow.id]

    def versions(self, workflow_id: str) -> list[str]:
        """Name no version."""
        return []


def operator(name: str, output: str, **inputs: str) -> OperatorSpec:
    """Make an operator with one output `value`."""
    return OperatorSpec(
        name=name,
        inputs=tuple(InputPort(name=port, type=parse_type(kind)) for port, kind in inputs.items()),
        outputs=(OutputPort(name="value", type=parse_type(output)),),
    )


OPERATORS = {
    spec.name: spec
    for spec in (
        operator("Draw", "integer", x="integer"),
        operator("Write", "dataset", x="integer"),
        operator("Mean", "double", values="list(double)"),
        operator("Scale", "double", by="double"),
        operator("Merge", "dataset", parts="dataset"),
    )
}
DRAW = {"op": "Draw", "inputs": {"x": {"param": "x"}}}
WRITE = {"op": "Write", "inputs": {"x": {"param": "x"}}}
PARAMS = [{"name": "x", "kind": "integer"}]


def mean(**source: Any) -> dict[str, Any]:
    """Make a node that takes the mean of something."""
    return {"op": "Mean", "inputs": {"values": source}}


def check(*graph: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return what is wrong with a graph."""
    found = check_workflow({"id": "w", "params": PARAMS, "graph": list(graph)}, OPERATORS)
    return [(issue.path, issue.message, issue.suggestion) for issue in found.errors]


def accepted(*graph: dict[str, Any]) -> Workflow:
    """Return the workflow of a graph that is right."""
    found = check_workflow({"id": "w", "params": PARAMS, "graph": list(graph)}, OPERATORS)
    assert found.value is not None, found.errors
    return found.value


def test_nodes_of_the_sweep_come_last() -> None:
    """Whatever the order in the file: those of each child first, then those that gather and all that follows them."""
    scale = {"op": "Scale", "inputs": {"by": {"reference": "Mean/value"}}}
    found = accepted(scale, mean(gather="Draw/value"), DRAW, WRITE)
    assert [node.name for node in found.graph] == ["Draw", "Write", "Scale", "Mean"]
    assert found.per_child == 2


def test_stored_and_shown_as_it_was_written() -> None:
    """The version's text reads back equal, and the definition can be pushed again."""
    found = accepted(DRAW, mean(gather="Draw/value", partial=True))
    assert Workflow.from_canonical_json(found.canonical_json()) == found
    assert found.to_json()["graph"][1]["inputs"] == {"values": {"gather": "Draw/value", "partial": True}}
    again = check_workflow(found.to_json(), OPERATORS).value
    assert again is not None
    assert again.version == found.version
    assert accepted(DRAW, mean(gather="Draw/value")).graph[1].inputs["values"] == FromChildren("Draw", "value")


def test_datasets_are_gathered_as_a_folder_or_a_list() -> None:
    """Which of the two says the type of the port."""
    assert check(WRITE, {"op": "Merge", "inputs": {"parts": {"gather": "Write/value"}}}) == []


@pytest.mark.parametrize(
    ("source", "mentioned"),
    [
        ({"gather": "Write/value"}, "takes list(double), and what is gathered of 'Write/value' is list(dataset)"),
        ({"gather": "Drow/value"}, "there is no 'Drow'"),
        ({"gather": "Draw/x"}, "names no output"),
        ({"gather": "Draw"}, '"Node/port"'),
        ({"gather": 5}, "reference"),
        ({"gather": "Draw/value", "partial": "yes"}, "true or false"),
        ({"gather": "Draw/value", "reference": "Draw/value"}, "one of"),
        ({"gather": "Draw/value", "part": True}, "part"),
    ],
)
def test_each_mistake_is_told(source: dict[str, Any], mentioned: str) -> None:
    """One error, at the input."""
    ((path, message, _),) = check(DRAW, WRITE, mean(**source))
    assert path.startswith("/graph/2/inputs/values")
    assert mentioned in message


def test_what_runs_once_is_taken_not_gathered() -> None:
    """And what runs in each child is gathered by what runs once: the right form is suggested."""
    twice = {"op": "Mean", "name": "Again", "inputs": {"values": {"gather": "Mean/value"}}}
    ((path, message, suggestion),) = check(DRAW, mean(gather="Draw/value"), twice)
    assert (path, suggestion) == ("/graph/2/inputs/values", '{"reference": "Mean/value"}')
    assert "runs once" in message
    both = {"op": "Merge", "inputs": {"parts": {"reference": "Write/value"}}}
    merged = {"op": "Merge", "name": "All", "inputs": {"parts": {"gather": "Write/value"}}}
    assert check(WRITE, both, merged) == []


def test_a_cycle_through_a_gather_is_one() -> None:
    """A node can't wait for children that wait for it."""
    loop = {"op": "Scale", "inputs": {"by": {"reference": "Mean/value"}}}
    found = check(loop, mean(gather="Scale/value"))
    assert "wait for each other: Scale → Mean → Scale" in found[0][1]


def test_a_varying_parameter_reaches_children_alone() -> None:
    """A node that the sweep has once can't take it; one value is fine."""
    operators = {**OPERATORS, "Both": operator("Both", "double", values="list(double)", by="integer")}
    graph = [DRAW, {"op": "Both", "inputs": {"values": {"gather": "Draw/value"}, "by": {"param": "x"}}}]
    workflow = check_workflow({"id": "w", "params": PARAMS, "graph": graph}, operators).value
    assert workflow is not None
    for values, wrong in (([1, 2], True), ([1], False)):
        document = {"workflow": "w", "params": {"x": {"values": values}}}
        found = check_run(document, workflows=Stored(workflow), operators=operators)
        assert [issue.path for issue in found.errors] == (["/params/x"] if wrong else [])
