"""What differs between two versions of a workflow."""

from typing import Any

from accio.domain.ids import WorkflowId, WorkflowVersion
from accio_client.graph_layout import layout
from accio_client.version_differences import (
    Change,
    Detail,
    VersionDifferences,
    drawn_edges,
    version_differences,
    version_differences_document,
)
from accio_client.views import PersonView, WorkflowParameterView, WorkflowView


def version(graph: list[dict[str, Any]], *params: WorkflowParameterView, name: str = "") -> WorkflowView:
    return WorkflowView(
        id=WorkflowId("w"),
        version=WorkflowVersion("0" * 12),
        name=name,
        notes="",
        owner=PersonView(name="", email=""),
        created_at=None,
        params=params,
        definition={"graph": graph},
        versions=2,
    )


def param(name: str, kind: str = "long", default: Any = None, help_text: str = "") -> WorkflowParameterView:
    return WorkflowParameterView(name=name, kind=kind, has_default=default is not None, default=default, help=help_text)


def taking(op: str, **inputs: str) -> dict[str, Any]:
    return {"op": op, "inputs": {port: {"reference": source} for port, source in inputs.items()}}


def changes(found: VersionDifferences) -> dict[str, Change]:
    return {each.name: each.change for each in (*found.nodes, *found.params)}


def test_what_is_added_removed_and_changed_is_told_in_order() -> None:
    """Nodes and parameters of the second version first, then those that only the first has; also what is the same."""
    first = version([taking("A"), taking("B", x="A/y"), taking("Old", x="B/y")], param("n"), param("gone"))
    second = version([taking("A"), taking("New", x="A/y"), taking("B", x="New/y")], param("n", default=3), param("m"))
    found = version_differences(first, second)
    assert [each.name for each in found.nodes] == ["A", "New", "B", "Old"]
    assert changes(found) == {
        "A": Change.SAME,
        "New": Change.ADDED,
        "B": Change.CHANGED,
        "Old": Change.REMOVED,
        "n": Change.CHANGED,
        "m": Change.ADDED,
        "gone": Change.REMOVED,
    }
    assert found.nodes[2].details == (Detail(name="input x", first="A/y", second="New/y"),)
    assert found.params[0].details == (Detail(name="default", first="", second="3"),)
    assert found.edges == {
        ("A", "New"): Change.ADDED,
        ("New", "B"): Change.ADDED,
        ("A", "B"): Change.REMOVED,
        ("B", "Old"): Change.REMOVED,
    }
    assert not found.none


def test_everything_that_is_said_of_a_node_is_compared() -> None:
    """Its operator, constants, parameters that it takes, what it gathers, and its limits."""
    first = version(
        [{"op": "A", "name": "N", "inputs": {"a": {"value": 1}, "b": {"param": "p"}, "c": {"gather": "M/x"}}}]
    )
    second = version(
        [{"op": "B", "name": "N", "inputs": {"a": {"value": "1"}, "b": {"param": "q"}}, "timeout": "5.minutes"}]
    )
    (node,) = version_differences(first, second).nodes
    assert {(each.name, each.first, each.second) for each in node.details} == {
        ("operator", "A", "B"),
        ("input a", "1", '"1"'),
        ("input b", "$p", "$q"),
        ("input c", "all M/x", ""),
        ("timeout", "", '"5.minutes"'),
    }


def test_equal_versions_differ_in_nothing() -> None:
    """Also where names of versions do; a name or notes that differ are told."""
    one = version([taking("A")], param("n"))
    assert version_differences(one, one).none
    renamed = version_differences(one, version([taking("A")], param("n"), name="Other"))
    assert not renamed.none
    assert version_differences_document(renamed)["facts"] == [{"name": "name", "first": "", "second": "Other"}]


def test_a_picture_of_both_versions_has_no_cycle() -> None:
    """What was turned around can't be drawn both ways: the edges of the second version are."""
    first = version([taking("A"), taking("B", x="A/y"), taking("C", x="B/y")])
    second = version([taking("C"), taking("B", x="C/y"), taking("A", x="B/y")])
    found = version_differences(first, second)
    drawn = drawn_edges(found)
    assert drawn == [("C", "B"), ("B", "A")]
    assert len(found.edges) == 4
    assert set(layout([each.name for each in found.nodes], drawn).edges) == set(drawn)
