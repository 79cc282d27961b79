"""What differs between two versions of a workflow."""

from typing import Any

from accio.domain.ids import WorkflowId, WorkflowVersion
from accio_client.documents.versions import version_differences_document
from accio_client.graph_layout import layout
from accio_client.version_differences import (
    Change,
    Detail,
    VersionDifferences,
    drawn_edges,
    version_differences,
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


def named(name: str, node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "name": name}


def test_a_renamed_node_is_the_same_one() -> None:
    """So are those that take from it, renamed or not; it stands where its new name does, and edges are kept."""
    first = version(
        [named("Z", taking("A")), taking("B", x="Z/y"), taking("C", x="B/y"), taking("D", x="Z/y", z="C/y")]
    )
    second = version(
        [
            taking("D", x="Start/y", z="C/y"),
            named("Start", taking("A")),
            named("M", taking("B", x="Start/y")),
            taking("C", x="M/y"),
        ]
    )
    found = version_differences(first, second)
    assert changes(found) == {"D": Change.SAME, "Start": Change.RENAMED, "M": Change.RENAMED, "C": Change.SAME}
    assert found.nodes[2].details == (Detail(name="name", first="B", second="M"),)
    assert set(found.edges.values()) == {Change.SAME}
    assert not found.none


def test_what_else_changed_of_a_node_makes_it_another_one() -> None:
    """Another operator, another input, another limit; and of two that are said alike, none is known again."""
    first = version([taking("A"), named("N", taking("B", x="A/y"))])
    for other in (
        taking("C", x="A/y"),
        taking("B", x="A/z"),
        taking("B", w="A/y"),
        {**taking("B", x="A/y"), "retries": 1},
    ):
        found = version_differences(first, version([taking("A"), named("M", other)]))
        assert changes(found) == {"A": Change.SAME, "M": Change.ADDED, "N": Change.REMOVED}
    twins = version([taking("A"), named("N", taking("B", x="A/y")), named("O", taking("B", x="A/y"))])
    for one, two in ((first, twins), (twins, first)):
        renamed = version(
            [
                named("A", taking("A")),
                *[named(f"new {node['name']}", taking("B", x="A/y")) for node in two.definition["graph"][1:]],
            ]
        )
        assert Change.RENAMED not in changes(version_differences(one, renamed)).values()


def test_long_chains_of_renamed_nodes_are_found_at_once() -> None:
    """Ten thousand nodes, each of which takes from the one before it, all with another name; their order is any."""
    count = 10_000

    def chain(prefix: str) -> list[dict[str, Any]]:
        nodes = [
            named(f"{prefix}{at}", taking("A", **({"x": f"{prefix}{at - 1}/y"} if at else {}))) for at in range(count)
        ]
        return nodes[::-1]

    found = version_differences(version(chain("a")), version(chain("b")))
    assert {each.change for each in found.nodes} == {Change.RENAMED}
    assert found.nodes[-1].details == (Detail(name="name", first="a0", second="b0"),)


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
