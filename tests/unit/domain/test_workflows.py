"""Workflows: versions follow content, and both forms read back."""

import json
from typing import Any

from accio.domain.datatypes import DOUBLE
from accio.domain.operators import InputPort
from accio.domain.people import Person
from accio.domain.resources import Resources
from accio.domain.workflows import Constant, FromNode, FromParam, Workflow
from tests.cases.language import OPERATORS, check, give

DOCUMENT: dict[str, Any] = {
    "id": "w",
    "name": "N",
    "notes": "é\n",
    "owner": "Jane Doe <jane@example.org>",
    "params": [
        {"name": "size", "kind": "Distance", "default_value": "1.kilometers", "help": "h"},
        {"name": "m", "kind": "map( string, double )", "default_value": {"a": 1e-5}},
    ],
    "graph": [
        {
            "op": "MixData",
            "name": "Mix",
            "inputs": {"dbl": 1, "str": {"value": "x"}, "data": {"reference": "MakeData/data"}},
            "resources": {"cpus": 0.5, "memory": "1MiB"},
            "timeout": "1.minutes",
            "retries": 2,
            "retry_backoff": "90s",
        },
        {"op": "MakeData", "inputs": {"foo": "42"}},
        {"op": "Probe", "inputs": {"size": {"param": "size"}}},
        {"op": "Count", "inputs": {"m": {"param": "m"}}},
    ],
}


def workflow_of(document: dict[str, Any]) -> Workflow:
    workflow = check(document).value
    assert workflow is not None
    return workflow


def test_a_definition_is_read() -> None:
    """Every key arrives with its meaning; references may point forward."""
    workflow = workflow_of(DOCUMENT)
    mix = workflow.graph[0]
    assert (workflow.name, workflow.notes, workflow.owner) == (
        "N",
        "é\n",
        Person(name="Jane Doe", email="jane@example.org"),
    )
    assert workflow.params[0].default == "1000.0"
    assert mix.inputs == {
        "dbl": Constant(DOUBLE, "1.0"),
        "str": Constant(OPERATORS["MixData"].inputs[1].type, '"x"'),
        "data": FromNode("MakeData", "data"),
    }
    assert (mix.timeout_ms, mix.retries, mix.retry_backoff_ms) == (60_000, 2, 90_000)
    assert mix.demand(OPERATORS["MixData"]) == Resources(milli_cpus=500, memory=2**20)
    assert workflow.graph[1].demand(OPERATORS["MakeData"]) == OPERATORS["MakeData"].resources
    assert mix.predecessors() == ("MakeData",)
    assert [(node.name, port) for node, port, source in workflow.uses() if isinstance(source, FromParam)] == [
        ("Probe", "size"),
        ("Count", "m"),
    ]
    assert workflow.param("size") is workflow.params[0]
    assert workflow.node("Mix") is mix
    assert workflow.node("nope") is None
    assert workflow.param("nope") is None


def test_both_forms_read_back() -> None:
    """The stored text gives the same workflow without operators, the user's form when pushed again."""
    workflow = workflow_of(DOCUMENT)
    assert Workflow.from_canonical_json(workflow.canonical_json()) == workflow
    assert workflow_of(json.loads(json.dumps(workflow.to_json()))) == workflow
    bare = workflow_of({"id": "w", "graph": [{"op": "NoIn"}]})
    assert Workflow.from_canonical_json(bare.canonical_json()) == bare
    assert bare.to_json() == {"id": "w", "params": [], "graph": [{"op": "NoIn", "name": "NoIn", "inputs": {}}]}


def test_spelling_makes_no_version() -> None:
    """The same content in other words is the same version."""
    spelled = {
        "$schema": "x",
        "x-comment": "ignored",
        "id": "w",
        "params": [{"name": "n", "kind": "INTEGER", "x-why": 1}],
        "graph": [{"op": "Twice", "name": "Twice", "inputs": {"x": {"param": "n"}}, "timeout": 1000}],
    }
    plain = {
        "graph": [{"timeout": "1.seconds", "inputs": {"x": {"param": "n"}}, "op": "Twice"}],
        "params": [{"kind": "integer", "name": "n"}],
        "id": "w",
    }
    assert workflow_of(spelled).version == workflow_of(plain).version
    assert len(workflow_of(plain).version) == 12


def test_content_makes_a_version() -> None:
    """A changed constant, note or override is another version."""
    base = {"id": "w", "graph": [{"op": "MakeData", "inputs": {"foo": 1}}]}
    versions = {
        workflow_of(document).version
        for document in (
            base,
            {**base, "notes": "n"},
            {**base, "graph": [{"op": "MakeData", "inputs": {"foo": 2}}]},
            {**base, "graph": [{"op": "MakeData", "inputs": {"foo": 1}, "retries": 0}]},
        )
    }
    assert len(versions) == 4


def test_a_port_that_changes_its_type_makes_a_version() -> None:
    """The same document means something else once a port takes another type."""
    document = {"id": "w", "graph": [{"op": "Give", "inputs": {"x": 1}}]}
    one = check(document, {"Give": give("integer")}).value
    other = check(document, {"Give": give("double")}).value
    assert one is not None
    assert other is not None
    assert one.version != other.version


def test_an_optional_input_needs_no_value() -> None:
    """Ports with a default or optional ones may be left out."""
    port = InputPort(name="x", type=DOUBLE, optional=True)
    assert not port.required
    assert check({"id": "w", "graph": [{"op": "Show"}, {"op": "ShowMaybe"}]}).valid
