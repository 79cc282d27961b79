"""Checking workflows: all errors in one pass, each in its place, none twice."""

from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.limits import Limits
from accio.domain.operators import OperatorSpec, OutputPort
from accio.domain.validation import check_workflow
from tests.cases.language import OPERATORS, check, give

NODE = {"op": "MakeData", "inputs": {"foo": 1}}


def issues(document: Any) -> list[tuple[str, str]]:
    return [(issue.path, issue.message) for issue in check(document).errors]


def workflow(**changes: Any) -> dict[str, Any]:
    return {"id": "w", "graph": [NODE], **changes}


@pytest.mark.parametrize(
    ("change", "path", "mentioned"),
    [
        ({"id": 5}, "/id", "text"),
        ({"id": None}, "/id", "null"),
        ({"id": "x" * 201}, "/id", "xxx"),
        ({"name": ["n"]}, "/name", "list of 1"),
        ({"name": "n" * 2000}, "/name", "1000 bytes"),
        ({"owner": "<>"}, "/owner", "Name <email>"),
        ({"owner": "Jane"}, "/owner", "expected an owner as 'Name <email>', found \"Jane\""),
        ({"owner": None}, "/owner", "expected a text, found null"),
        ({"notes": None}, "/notes", "expected a text, found null"),
        ({"params": None}, "/params", "found null"),
        ({"params": {}}, "/params", "array"),
        ({"params": ["p"]}, "/params/0", "object"),
        ({"params": [{"name": "p", "kind": "duble"}]}, "/params/0/kind", "double"),
        ({"params": [{"name": "p", "kind": 3}]}, "/params/0/kind", "text"),
        ({"params": [{"name": "p"}]}, "/params/0/kind", "none"),
        ({"params": [{"kind": "integer"}]}, "/params/0/name", "none"),
        ({"params": [{"name": "p", "kind": "byte", "default_value": 300}]}, "/params/0/default_value", "300"),
        ({"params": [{"name": "p", "kind": "byte", "default_value": None}]}, "/params/0/default_value", "null"),
        ({"params": [{"name": "p", "kind": "byte", "help": 1}]}, "/params/0/help", "text"),
        ({"graph": [5]}, "/graph/0", "object"),
        ({"graph": [{"inputs": {}}]}, "/graph/0/op", "none"),
        ({"graph": [{"op": 5}]}, "/graph/0/op", "text"),
        ({"graph": [{"op": "MakeDatum", "inputs": {"foo": 1}}]}, "/graph/0/op", "MakeDatum"),
        ({"graph": [{**NODE, "name": 7}]}, "/graph/0/name", "text"),
        ({"graph": [NODE, {**NODE, "name": None}]}, "/graph/1/name", "null"),
        ({"graph": [{**NODE, "inputs": [1]}]}, "/graph/0/inputs", "object"),
        ({"graph": [{**NODE, "inputs": {"foo": "x"}}]}, "/graph/0/inputs/foo", "integer"),
        ({"graph": [{**NODE, "inputs": {"foo": None}}]}, "/graph/0/inputs/foo", "null"),
        ({"graph": [{**NODE, "inputs": {"foo": {}}}]}, "/graph/0/inputs/foo", "reference"),
        ({"graph": [{**NODE, "inputs": {"foo": {"value": 1, "param": "p"}}}]}, "/graph/0/inputs/foo", "one of"),
        ({"graph": [{**NODE, "inputs": {"foo": {"param": 5}}}]}, "/graph/0/inputs/foo", "text"),
        ({"graph": [{**NODE, "inputs": {"foo": {"reference": [1]}}}]}, "/graph/0/inputs/foo", "Node/port"),
        ({"graph": [{**NODE, "inputs": {"foo": {"refrence": "A/x"}}}]}, "/graph/0/inputs/foo", "mean reference?"),
        ({"graph": [{**NODE, "inputs": {"foo": {"param": "p"}}}]}, "/graph/0/inputs/foo", "no parameter 'p'"),
        ({"graph": [{**NODE, "inputs": {"foo": {"value": 1, "unit": 2}}}]}, "/graph/0/inputs/foo/unit", "unit"),
        ({"graph": [{**NODE, "resources": {"cpus": -1}}]}, "/graph/0/resources/cpus", "CPUs"),
        ({"graph": [{**NODE, "timeout": 0}]}, "/graph/0/timeout", "at least 1 ms"),
        ({"graph": [{**NODE, "retry_backoff": "-1s"}]}, "/graph/0/retry_backoff", "at least 0 ms"),
        ({"graph": [{**NODE, "timeout": "3651days"}]}, "/graph/0/timeout", "at most ten years"),
        ({"graph": [{**NODE, "retry_backoff": "9223372036854775807.millis"}]}, "/graph/0/retry_backoff", "at most ten"),
        ({"graph": [{**NODE, "retries": 1.5}]}, "/graph/0/retries", "whole number"),
        ({"graph": [{**NODE, "retries": "1"}]}, "/graph/0/retries", 'expected a whole number, 0 or more, found "1"'),
        ({"graph": [{**NODE, "retries": None}]}, "/graph/0/retries", "found null"),
        ({"graph": [{**NODE, "timeout": True}]}, "/graph/0/timeout", "found true"),
        ({"graph": [{**NODE, "resources": None}]}, "/graph/0/resources", "found null"),
        ({"graph": [{**NODE, "inputs": None}]}, "/graph/0/inputs", "found null"),
        ({"graph": [{**NODE, "resources": {"cpus": "2"}}]}, "/graph/0/resources/cpus", 'such as 1 or 0.5, found "2"'),
        ({"graph": [{**NODE, "resources": {"cpus": True}}]}, "/graph/0/resources/cpus", "found true"),
        ({"graph": [{**NODE, "resources": {"gpus": "1"}}]}, "/graph/0/resources/gpus", 'found "1"'),
        ({"graph": [{**NODE, "resources": {"gpus": None}}]}, "/graph/0/resources/gpus", "found null"),
        ({"graph": [{**NODE, "resources": {"memory": False}}]}, "/graph/0/resources/memory", "found false"),
        ({"graph": [{**NODE, "resources": {"custom": {"a": "1"}}}]}, "/graph/0/resources/custom/a", 'found "1"'),
        ({"graph": [{"op": "Count", "inputs": {"m": {"a": 1}}}]}, "/graph/0/inputs/m", '{"value": {…}}'),
    ],
)
def test_one_mistake_is_one_issue(change: dict[str, Any], path: str, mentioned: str) -> None:
    """Each mistake is found, at its place, and causes no second issue."""
    found = issues(workflow(**change))
    assert [place for place, _ in found] == [path]
    assert mentioned in found[0][1] or mentioned in str(check(workflow(**change)).errors[0])


def test_a_run_is_no_workflow() -> None:
    """A run in the place of a workflow is told as what it is, instead of key by key."""
    ((path, message),) = issues({"workflow": "w", "params": {"x": 1}})
    assert (path, "accio submit" in message) == ("", True)


def test_all_mistakes_are_found_at_once() -> None:
    """Mistakes of all kinds are listed together."""
    document = {
        "id": "no good",
        "nots": "x",
        "params": [{"name": "p", "kind": "string"}, {"name": "p", "kind": "list(x)"}],
        "graph": [
            {"op": "MakeDat", "name": "A", "inputs": {"foo": {"reference": "Z/data"}}},
            {"op": "MakeData", "name": "B", "inputs": {"foo": {"param": "p"}}},
            {"op": "CopyData", "name": "C", "inputs": {"data": {"reference": "C/data"}}},
            {"op": "CopyData", "name": "D", "inputs": {"data": {"reference": "B/date"}}},
            {"op": "Twice", "name": "E", "inputs": {"x": {"reference": "D/data"}}},
            {"op": "Add", "name": "F"},
        ],
    }
    checked = check(document)
    assert checked.value is None
    assert {issue.path: issue.suggestion for issue in checked.errors} == {
        "/nots": "notes",
        "/id": None,
        "/params/1/kind": None,
        "/params/1/name": None,
        "/graph/0/op": "MakeData",
        "/graph/0/inputs/foo": None,
        "/graph/1/inputs/foo": None,
        "/graph/2": None,
        "/graph/3/inputs/data": "data",
        "/graph/4/inputs/x": None,
        "/graph/5/inputs/a": None,
        "/graph/5/inputs/b": None,
    }
    assert len(checked.errors) == 12


def test_the_file_gives_the_id() -> None:
    """A definition without an id takes the name of its file, which must be legal."""
    document = {"graph": [NODE]}
    taken = check_workflow(document, OPERATORS, default_id="my-file").value
    assert taken is not None
    assert taken.id == "my-file"
    (illegal,) = check_workflow(document, OPERATORS, default_id="my file").errors
    assert (illegal.path, "file's name" in illegal.message) == ("/id", True)
    (absent,) = check_workflow(document, OPERATORS).errors
    assert absent.path == "/id"


def test_a_workflow_is_an_object() -> None:
    """Other JSON is one issue."""
    assert [issue.path for issue in check_workflow([1], OPERATORS).errors] == [""]


def test_without_operators_the_message_says_why() -> None:
    """A cluster that no agent has ever joined knows no operators, and says so."""
    (issue,) = check_workflow(workflow(), {}).errors
    assert "no agent has announced any operator" in issue.message


def test_datasets_are_resolved_against_the_folder() -> None:
    """Constants and defaults of datasets become absolute; a string parameter that only feeds datasets as well."""
    document = {
        "id": "w",
        "params": [
            {"name": "d", "kind": "dataset", "default_value": "in"},
            {"name": "s", "kind": "string", "default_value": "in"},
            {"name": "both", "kind": "string", "default_value": "in"},
        ],
        "graph": [
            {"op": "CopyData", "name": "A", "inputs": {"data": "x/y"}},
            {"op": "CopyData", "name": "B", "inputs": {"data": {"param": "d"}}},
            {"op": "CopyData", "name": "C", "inputs": {"data": {"param": "s"}}},
            {"op": "CopyData", "name": "D", "inputs": {"data": {"param": "both"}}},
            {"op": "NoOut", "name": "E", "inputs": {"str": {"param": "both"}}},
        ],
    }
    checked = check_workflow(document, OPERATORS, base_path="/base").value
    assert checked is not None
    assert [param.default for param in checked.params] == ['"/base/in"', '"/base/in"', '"in"']
    constant = checked.to_json()["graph"][0]["inputs"]["data"]
    assert constant == {"value": "/base/x/y"}
    paths = [issue.path for issue in check_workflow(document, OPERATORS).errors]
    assert paths == ["/graph/0/inputs/data", "/params/0/default_value", "/params/1/default_value"]


def test_a_default_must_fit_every_port() -> None:
    """A long default that a double port can't hold is refused where it stands."""
    document = {
        "id": "w",
        "params": [{"name": "n", "kind": "long", "default_value": 2**53 + 1}],
        "graph": [{"op": "Half", "inputs": {"x": {"param": "n"}}}],
    }
    assert [path for path, _ in issues(document)] == ["/params/0/default_value"]
    document["params"] = [{"name": "n", "kind": "long", "default_value": 2**53}]
    assert issues(document) == []


def test_a_default_must_be_a_dataset_where_it_is_also_one() -> None:
    """A text that feeds a string port and a dataset port can't be empty."""
    text, data = {"str": {"param": "n"}}, {"data": {"param": "n"}}
    document = {
        "id": "w",
        "params": [{"name": "n", "kind": "string", "default_value": ""}],
        "graph": [{"op": "NoOut", "inputs": text}, {"op": "CopyData", "inputs": data}],
    }
    assert [path for path, _ in issues(document)] == ["/params/0/default_value"]


@pytest.mark.parametrize(
    ("output", "port", "fits"),
    [
        ("byte", "double", True),
        ("list(integer)", "list(long)", True),
        ("map(string,integer)", "map(dataset,double)", True),
        ("set(integer)", "list(integer)", False),
        ("double", "long", False),
        ("dataset", "string", False),
        ("integer", "distance", False),
    ],
)
def test_references_are_typed(output: str, port: str, fits: bool) -> None:
    """An output meets an input exactly if nothing can be lost; the issue names both types."""
    operators = {"Give": give(output), "Take": give(port, "Take")}
    constants: dict[str, Any] = {"list": [], "map": {}, "set": [], "dataset": "/x"}
    constant = {"value": constants.get(output.partition("(")[0], 1)}
    document = {
        "id": "w",
        "graph": [
            {"op": "Give", "inputs": {"x": constant}},
            {"op": "Take", "name": "T", "inputs": {"x": {"reference": "Give/y"}}},
        ],
    }
    errors = check(document, operators).errors
    assert not errors if fits else output in errors[0].message and port in errors[0].message


def test_every_cycle_is_listed_node_by_node() -> None:
    """Two cycles and a node that waits for itself are three issues."""

    def copy(name: str, source: str) -> dict[str, Any]:
        return {"op": "CopyData", "name": name, "inputs": {"data": {"reference": f"{source}/data"}}}

    graph = [
        copy("A", "C"),
        copy("B", "A"),
        copy("C", "B"),
        copy("D", "E"),
        copy("E", "D"),
        copy("F", "F"),
        copy("G", "F"),
    ]
    found = issues({"id": "w", "graph": graph})
    assert [path for path, _ in found] == ["/graph/0", "/graph/3", "/graph/5"]
    assert "A → B → C → A" in found[0][1]
    assert found[2][1] == "this node waits for itself: F → F"


@pytest.mark.parametrize("wrong", [{"op": "Nope"}, {"port": "dat"}, {"output": "date"}])
def test_a_cycle_is_found_whatever_else_is_wrong(wrong: dict[str, str]) -> None:
    """An unknown operator, input or output doesn't hide that nodes wait for each other."""
    op, port, output = wrong.get("op", "CopyData"), wrong.get("port", "data"), wrong.get("output", "data")
    graph = [
        {"op": op, "name": "A", "inputs": {port: {"reference": f"B/{output}"}}},
        {"op": "CopyData", "name": "B", "inputs": {"data": {"reference": "A/data"}}},
    ]
    assert "these nodes wait for each other: A → B → A" in [
        message for _, message in issues({"id": "w", "graph": graph})
    ]


def test_a_use_that_is_wrong_is_still_a_use() -> None:
    """A parameter that feeds an unknown port or operator isn't called unused besides."""
    document = {
        "id": "w",
        "params": [{"name": "p", "kind": "integer"}],
        "graph": [{"op": "Nope", "inputs": {"x": {"param": "p"}}}],
    }
    assert check(document).warnings == ()


def test_warnings_come_with_errors() -> None:
    """Deprecations and unused parameters are told even if something is wrong."""
    document = {"id": "w", "params": [{"name": "p", "kind": "integer"}], "graph": [{"op": "OldOp"}]}
    checked = check(document)
    assert [issue.path for issue in checked.errors] == ["/graph/0/inputs/foo"]
    assert [issue.path for issue in checked.warnings] == ["/graph/0/op", "/params/0"]


def test_the_number_of_nodes_is_limited() -> None:
    """A graph beyond the limit is refused by its size alone."""
    limits = Limits(nodes=2)
    (issue,) = check_workflow(workflow(graph=[{"op": "NoIn"}] * 3), OPERATORS, limits=limits).errors
    assert (issue.path, "found 3" in issue.message) == ("/graph", True)


def test_many_misspelt_names_cost_little() -> None:
    """Suggestions stop when they have cost enough; every issue is still there."""
    graph = [{"op": f"Operator{at}", "name": f"n{at}"} for at in range(5000)]
    checked = check({"id": "w", "graph": graph})
    assert len(checked.errors) == 5000


def test_an_entry_of_a_map_is_no_output_of_its_own() -> None:
    """Who refers to one is told how to make it one."""
    train = OperatorSpec(name="Train", outputs=(OutputPort(name="value", type=parse_type("map(string,double)")),))
    operators = {"Train": train, **OPERATORS}
    graph = [{"op": "Train"}, {"op": "MakeData", "inputs": {"foo": {"reference": "Train/value.loss"}}}]
    (issue,) = check_workflow(workflow(graph=graph), operators).errors
    assert "names no output: operator 'Train' has value; entries of the map 'value' can't be connected" in issue.message
