"""Areas workflow-validation, default-values and run-validation: what is accepted, and every issue of what isn't."""

import json
from pathlib import PurePath
from typing import Any

import pytest

from tests.cases.language import Library, check, check_a_run, library
from tests.cases.loader import VALIDITY, Case, assert_valid, checks, only, pure_cases

GOOD_NODE = {"op": "MakeData", "inputs": {"foo": 42}}


@pytest.mark.parametrize("case", pure_cases("workflow-validation"))
def test_workflow_validation(case: Case) -> None:
    """A workflow is accepted or refused with exactly these errors and warnings."""
    for given, expect in checks(case):
        if "names" in given:
            check_names(given, expect)
            continue
        only(given, "workflow", "text", "file")
        only(expect, *VALIDITY, "id")
        definition = given["workflow"] if "workflow" in given else given["text"]
        default_id = PurePath(given["file"]).stem if "file" in given else None
        checked = check(definition, default_id=default_id)
        assert_valid(checked, expect)
        assert "id" not in expect or (checked.value is not None and checked.value.id == expect["id"])


def check_names(given: dict[str, Any], expect: dict[str, Any]) -> None:
    """Try each name in its place of a workflow."""
    only(given, "names")
    only(expect, "legal", "all_others")
    assert expect["all_others"] == "one error with the pointer /id, /graph/0/name or /params/0/name"
    for place, names in given["names"].items():
        for name in names:
            document: dict[str, Any] = {"id": "w", "graph": [GOOD_NODE]}
            path = "/id"
            match place:
                case "workflow":
                    document["id"] = name
                case "node":
                    document["graph"], path = [{**GOOD_NODE, "name": name}], "/graph/0/name"
                case "parameter":
                    document["params"], path = [{"name": name, "kind": "integer"}], "/params/0/name"
                case _:
                    pytest.fail(f"the adapter doesn't know names of a {place}")
            errors = check(document).errors
            if name in expect["legal"][place]:
                assert not errors
            else:
                assert [issue.path for issue in errors] == [path]


@pytest.mark.parametrize("case", pure_cases("default-values"))
def test_default_values(case: Case) -> None:
    """A run is refused where a parameter without a value feeds a port that needs one."""
    given, expect = case["given"], case["expect"]
    only(given, "workflow", "run")
    only(expect, *VALIDITY)
    workflows = library()
    workflows.push(given["workflow"])
    assert_valid(check_a_run(given["run"], workflows), expect)


@pytest.mark.parametrize("case", pure_cases("run-validation"))
def test_run_validation(case: Case) -> None:
    """A run is accepted with these fields, or refused with exactly these errors."""
    for given, expect in checks(case):
        only(given, "run", "text", "steps")
        only(expect, *VALIDITY, "name", "notes", "tags", "repeat", "seed", "workflow_version")
        workflows = library()
        versions = push_all(workflows, given.get("steps", []))
        text = given["text"] if "text" in given else json.dumps(given["run"])
        for name, version in versions.items():
            text = text.replace(f"${name}", version)
        checked = check_a_run(text, workflows)
        assert_valid(checked, expect)
        run = checked.value
        if run is None:
            continue
        latest = workflows.get(run.workflow_id, None)
        assert latest is not None
        found: dict[str, Any] = {
            "name": run.name,
            "notes": run.notes,
            "tags": list(run.tags),
            "repeat": run.repeat,
            "seed": "random" if run.seed is None else run.seed,
        }
        for key, value in found.items():
            assert key not in expect or value == expect[key]
        if "workflow_version" in expect:
            assert run.version == (versions | {"latest": latest.version})[expect["workflow_version"]]


def push_all(workflows: Library, steps: list[dict[str, Any]]) -> dict[str, str]:
    """Push the workflows of the steps; give the version by the name of each."""
    versions: dict[str, str] = {}
    for step in steps:
        only(step, "push", "as")
        versions[step["as"]] = workflows.push(step["push"]).version
    return versions
