"""Definitions that are pushed and run on a real system: outputs, owners, and that what is valid is taken everywhere."""

import json
from typing import Any

import pytest

from accio.domain.datatypes import DataType, Kind, parse_type
from accio_client import documents
from tests.cases.daemon import facts
from tests.cases.daemon.conftest import Fresh
from tests.cases.daemon.described import assert_described
from tests.cases.daemon.facts import Place
from tests.cases.daemon.give import INFINITE, source
from tests.cases.daemon.system import TOKEN, System
from tests.cases.loader import DOC, FIXTURES, Case, areas, checks, daemon_cases, only

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

_VALUES: dict[Kind, Any] = {
    Kind.BYTE: 1,
    Kind.INTEGER: 1,
    Kind.LONG: 1,
    Kind.DOUBLE: 0.5,
    Kind.BOOLEAN: True,
    Kind.STRING: "text",
    Kind.DISTANCE: "200.meters",
    Kind.DURATION: "1.seconds",
    Kind.TIMESTAMP: "2014-01-02T23:58:29Z",
    Kind.LOCATION: "48.85,2.35",
    Kind.DATASET: "/data/in",
}


def having(key: str, *, but_not: str = "") -> list[Any]:
    """Return the cases with this key in `given`, or in one of its checks; a workflow must be a definition."""
    found = []
    for param in (param for area in areas() for param in daemon_cases(area)):
        case: Any = param.values[0]
        parts = case["given"].get("checks", [case["given"]])
        if all(key in part and but_not not in part and isinstance(part.get("workflow", {}), dict) for part in parts):
            found.append(param)
    return found


@pytest.mark.parametrize("case", having("workflow", but_not="authentication"))
def test_outputs(case: Case, system: System) -> None:
    """A workflow is pushed and run, and gives these outputs."""
    for given, expect in checks(case):
        only(given, "workflow", "run")
        only(expect, "valid", "outputs", "state")
        validation = system.client.validate_workflow(system.real(given["workflow"]))
        assert validation.valid is expect.get("valid", True), validation
        system.client.push(system.real(given["workflow"]))
        run = system.client.submit(system.real(given["run"])).run.id
        assert system.client.wait(run, patience=60).state == expect.get("state", "success")
        for name, wanted in expect.get("outputs", {}).items():
            node, _, port = name.partition("/")
            assert_described(facts.value_of(system, Place(run, node), port), wanted, name)


@pytest.mark.parametrize("case", having("authentication"))
def test_owner(case: Case, request: pytest.FixtureRequest) -> None:
    """The owner is the caller where authentication is on, else whom the definition names."""
    given, expect = case["given"], case["expect"]
    only(given, "workflow", "caller", "authentication")
    only(expect, "valid", "owner")
    environment: dict[str, str | None] = {"ACCIO_USER": given.get("caller", FIXTURES["caller"])}
    if given["authentication"]:
        fresh: Fresh = request.getfixturevalue("fresh")
        system = fresh({"authentication": True, "caller": given["caller"]})
        environment = {"ACCIO_TOKEN": TOKEN, "ACCIO_USER": "Somebody Else <else@example.org>"}
    else:
        system = request.getfixturevalue("system")
    found = system.command("push", "w.json", files={"w.json": given["workflow"]}, environment=environment)
    assert (found.exit == 0) is expect["valid"], found
    workflow = documents.workflow(system.client.get_workflow(given["workflow"].get("id", "w")))
    assert_described(workflow["owner"], expect["owner"], "the owner")


# ------------------------------------------------------------------------------------------------- accepted everywhere


@pytest.mark.parametrize("case", having("for_each"))
def test_accepted_everywhere(case: Case, system: System) -> None:
    """Whatever is valid can be pushed, and a run of it submitted."""
    given, expect = case["given"], case["expect"]
    assert given == {
        "for_each": "workflow definition of this file whose expectation is valid, "
        "then a run of it with a value for every required parameter"
    }
    assert expect == {"push": "exit 0", "submit": "exit 0"}
    valid = list(_valid_definitions())
    assert len(valid) > 5
    for number, text in enumerate(valid):
        name = f"definition-{number}.json"
        pushed = system.command("push", "--json", name, files={name: text})
        assert pushed.exit == 0, (text, pushed)
        workflow = pushed.json["workflows"][0]["id"]
        document = json.loads(text.removeprefix("\ufeff"))  # which Accio takes
        params = {one["name"]: _value(parse_type(one["kind"])) for one in document.get("params", [])}
        files = {"run.json": {"workflow": workflow, "params": params}}
        submitted = system.command("submit", "run.json", files=files)
        assert submitted.exit == 0, (text, submitted)


def _valid_definitions() -> list[str]:
    """Return the texts of the workflows that are expected to be valid."""
    found: list[str] = []
    for case in DOC["cases"]:
        for given, expect in checks(case):
            definition = given.get("workflow", given.get("text"))
            a_definition = isinstance(definition, dict) or case["area"] == "workflow-validation"
            if definition is not None and a_definition and expect.get("valid", "outputs" in expect) is True:
                found.append(definition if isinstance(definition, str) else json.dumps(definition))
    return found + [json.dumps(document) for document in FIXTURES["workflows"]]


def _value(datatype: DataType) -> Any:
    """Return some value of a type, as a definition gives it."""
    match datatype.kind:
        case Kind.LIST | Kind.SET:
            return {"value": [_value(datatype.args[0])]}
        case Kind.MAP:
            return {"value": {str(_value(datatype.args[0])): _value(datatype.args[1])}}
        case _:
            return _VALUES[datatype.kind]


# ------------------------------------------------------------------------------------------------------------ artifacts


@pytest.mark.parametrize("case", having("behaviour"))
def test_artifact(case: Case, system: System) -> None:
    """An operator of the family Give[T] returns what the case says, and the artifact holds it."""
    given, expect = case["given"], case["expect"]
    only(given, "kind", "operator", "behaviour")
    only(expect, "run", "artifact")
    assert given["operator"] == f"Give[{given['kind']}]"
    value = next(text for words, text in INFINITE.items() if words in given["behaviour"].lower())
    module = system.cluster.root / "given_operators.py"
    module.write_text(source("GiveThis", given["kind"], value), encoding="utf-8")
    process = system.cluster.start_agent("giver", operators=[str(module)])
    system.agents["giver"] = process
    system.cluster.agents_are(*system.agents)
    try:
        system.client.push({"id": "w", "graph": [{"op": "GiveThis", "inputs": {"x": 1}}]})
        run = system.client.submit({"workflow": "w"}).run.id
        assert system.client.wait(run, patience=60).state == expect["run"]
        assert_described(facts.value_of(system, Place(run, "GiveThis"), "y"), expect["artifact"], "the artifact")
    finally:
        system.stop_agent("giver")
