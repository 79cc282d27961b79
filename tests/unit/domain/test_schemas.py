"""The JSON Schemas of definitions agree with the checks on what has the right shape."""

from typing import Any

import jsonschema
import pytest

from accio.domain.studies import Sampler
from accio.schemas import load
from tests.cases.loader import DOC, FIXTURES


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documents(key: str) -> list[tuple[Any, bool]]:
    """Return the documents of the cases, and whether they are expected to be valid."""
    found = []
    for case in DOC["cases"]:
        given, expect = case["given"], case["expect"]
        pairs = zip(given.get("checks", [given]), expect.get("results", [expect] * 99), strict=False)
        found += [(one[key], wanted.get("valid", not wanted.get("refused"))) for one, wanted in pairs if key in one]
        found += [(step["push"], True) for step in given.get("steps", []) if key == "workflow" and "push" in step]
        found += [(step["submit"], True) for step in given.get("steps", []) if key == "run" and "submit" in step]
    return found


@pytest.mark.parametrize(("name", "key"), [("workflow", "workflow"), ("run", "run")])
def test_good_definitions_have_the_shape(name: str, key: str) -> None:
    """Every definition of the cases that is valid conforms to its schema."""
    judge = validator(name)
    good = [document for document, valid in documents(key) if valid and isinstance(document, dict)]
    assert len(good) > 10
    for document in good + (FIXTURES["workflows"] if key == "workflow" else []):
        judge.validate(document)


def test_every_sampler_is_in_the_schema() -> None:
    """What the check accepts, the schema does."""
    study = load("run")["properties"]["optimize"]["properties"]
    assert study["sampler"]["enum"] == [each.value for each in Sampler]


GOOD_RUN: dict[str, Any] = {"workflow": "w"}
GOOD_WORKFLOW: dict[str, Any] = {"graph": [{"op": "A"}]}


@pytest.mark.parametrize(
    "change",
    [
        {"zip": ["a", "b"]},
        {"zip": [["a", "b"], ["c", "d"]], "where": "a<3"},
        {"points": [{"a": 1, "b": "x"}]},
        {"points": {"a": [1, 2]}},
        {"points": "points.csv"},
        {"sample": {"method": "sobol", "n": 64, "seed": "7", "params": ["a"]}},
        {"union": [{"params": {"a": 1}}, {"points": [{"a": 2}], "where": "a=2"}]},
    ],
)
def test_sweeps_of_all_kinds_are_good_runs(change: dict[str, Any]) -> None:
    """What the check accepts, the schema does."""
    validator("run").validate(GOOD_RUN | change)


@pytest.mark.parametrize(
    "change",
    [
        {"workflow": "a:b:c"},
        {"paramz": {}},
        {"repeat": 0},
        {"seed": 1.5},
        {"seed": "abc"},
        {"tags": "a"},
        {"on_failure": "ignore"},
        {"params": {"p": [1]}},
        {"params": {"p": {"values": []}}},
        {"params": {"p": {"from": 1}}},
        {"params": {"p": {"from": 1, "to": 2, "step": 1, "count": 2}}},
        {"params": {"p": {"value": 1, "values": [1]}}},
        {"zip": ["a"]},
        {"points": []},
        {"where": 3},
        {"sample": {"method": "lsh", "n": 3}},
        {"sample": {"method": "lhs"}},
        {"union": [{"repeat": 3}]},
    ],
)
def test_bad_runs_do_not(change: dict[str, Any]) -> None:
    """Shapes that the check refuses, the schema refuses."""
    judge = validator("run")
    judge.validate(GOOD_RUN)
    assert not judge.is_valid(GOOD_RUN | change)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a b"},
        {"note": "x"},
        {"graph": []},
        {"graph": {}},
        {"graph": [{"name": "A"}]},
        {"graph": [{"op": "A", "timout": 1}]},
        {"graph": [{"op": "A", "inputs": {"x": {"reference": "a/b/c"}}}]},
        {"graph": [{"op": "A", "inputs": {"x": None}}]},
        {"graph": [{"op": "A", "resources": {"cpu": 1}}]},
        {"graph": [{"op": "A", "resources": {"cpus": "1"}}]},
        {"graph": [{"op": "A", "resources": {"gpus": "1"}}]},
        {"graph": [{"op": "A", "retries": "1"}]},
        {"owner": "Jane"},
        {"params": [{"name": "p"}]},
        {"params": [{"name": "9", "kind": "integer"}]},
    ],
)
def test_bad_workflows_do_not(change: dict[str, Any]) -> None:
    """Shapes that the check refuses, the schema refuses."""
    judge = validator("workflow")
    judge.validate(GOOD_WORKFLOW)
    assert not judge.is_valid(GOOD_WORKFLOW | change)


def test_keys_for_others_are_allowed() -> None:
    """`$schema` and x- keys conform everywhere."""
    validator("run").validate({**GOOD_RUN, "$schema": "s", "x-a": {}, "params": {"p": {"value": 1, "x-b": []}}})
    validator("workflow").validate({**GOOD_WORKFLOW, "$schema": "s", "x-a": {}})


def test_an_unknown_schema_is_an_error() -> None:
    """There are no other schemas."""
    with pytest.raises(FileNotFoundError):
        load("nope")


@pytest.mark.parametrize("name", ["workflow", "run"])
def test_every_key_says_what_it_means(name: str) -> None:
    """Editors show the descriptions, and the documentation's page on files is made of them."""
    schema = load(name)
    silent = [
        f"{place}.{key}"
        for place, part in {"": schema, **schema["$defs"]}.items()
        for key, value in part.get("properties", {}).items()
        if not key.startswith("$") and not value.get("description")
    ]
    silent += [place for place, part in schema["$defs"].items() if "properties" in part and "description" not in part]
    assert [each for each in silent if not _inherits(schema, each)] == []


def _inherits(schema: dict[str, Any], name: str) -> bool:
    """Return whether a key means what the definition says that it refers to."""
    place, _, key = name.partition(".")
    if not key:
        return False
    part = schema["$defs"][place] if place else schema
    reference = part["properties"][key].get("$ref", "")
    return "description" in schema["$defs"].get(reference.rpartition("/")[2], {})
