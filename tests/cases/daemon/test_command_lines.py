"""Command lines as typed after `accio`: what they print, how they exit, and what they make."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from accio_client import documents
from tests.cases.daemon.conftest import Fresh
from tests.cases.daemon.described import assert_command, assert_described, is_command_word
from tests.cases.daemon.system import Outcome, System
from tests.cases.loader import FIXTURES, Case, areas, checks, daemon_cases, only, same

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

_OF_THE_RUN = ("kind", "children", "params", "tags", "name", "notes", "seed", "repeat", "owner", "workflow", "state")


def command_lines() -> list[Any]:
    """Return the cases that are command lines, alone or several under one rule."""
    found = [case for area in areas() for case in daemon_cases(area)]
    return [case for case in found if _is_command_line(case.values[0])]  # type: ignore[arg-type]  # a case


def _is_command_line(case: Case) -> bool:
    return any("args" in given or "same" in given for given in case["given"].get("checks", [case["given"]]))


@pytest.mark.parametrize("case", command_lines())
def test_command_line(case: Case, request: pytest.FixtureRequest) -> None:
    """Each command line exits, prints and makes what the case says."""
    for given, expect in checks(case):
        only(given, "args", "files", "env", "daemon", "same")
        system = _system(given, request)
        if "same" in given:
            only(expect, "same_effect")
            effects = [_effect(system, arguments) for arguments in given["same"]]
            assert all(effect == effects[0] for effect in effects) is expect["same_effect"], effects
            continue
        before = _ids(system)
        pushed = {workflow.id: workflow.version for workflow in system.all_workflows()}
        found = system.command(*given["args"], files=given.get("files"), environment=given.get("env"))
        made = [run for run in _ids(system) if run not in before]
        _assert(system, found, made, pushed, expect)


def _system(given: Mapping[str, Any], request: pytest.FixtureRequest) -> System:
    if "daemon" in given:
        fresh: Fresh = request.getfixturevalue("fresh")
        return fresh(given["daemon"])
    shared: System = request.getfixturevalue("system")
    return shared


def _ids(system: System) -> list[str]:
    return [run.id for run in system.client.list_runs(limit=1000).runs]


def _assert(
    system: System, found: Outcome, made: list[str], pushed: Mapping[str, str], expect: Mapping[str, Any]
) -> None:
    assert_command(found, {word: value for word, value in expect.items() if is_command_word(word)})
    for word, wanted in expect.items():
        if is_command_word(word):
            continue
        match word:
            case "runs_created":
                assert len(made) == wanted
            case "pushed":
                now = {workflow.id: workflow.version for workflow in system.all_workflows()}
                assert sorted(name for name, version in now.items() if pushed.get(name) != version) == sorted(wanted)
            case _ if word in _OF_THE_RUN:
                assert len(made) == 1, f"{made} were created: {found}"
                assert_run(system, made[0], word, wanted)
            case _:
                raise AssertionError(f"the adapter doesn't know {word} of a command line")


def assert_run(system: System, run: str, word: str, wanted: Any) -> None:
    """Compare one field of a run that a command made with what is expected of it."""
    view = system.client.get_run(run, nodes=False).run
    document = system.as_in_case(documents.run(view))
    match word:
        case "children":
            assert (view.children or 0) == wanted
        case "tags":
            assert sorted(document["tags"]) == sorted(wanted)
        case "seed":
            assert int(document["seed"]) == int(wanted)
        case "workflow":
            assert f"{view.workflow_id}:{view.workflow_version}".startswith(wanted)
        case "params":
            for name, value in wanted.items():
                found = document["params"][name]
                assert same(found, value) or (isinstance(value, list) and same(found, {"values": value})), document
        case _:
            assert_described(document[word], wanted, word)


def _effect(system: System, arguments: Iterable[str]) -> object:
    """Run a command line twice, and say what it printed (ids aside) and made, and what its runs executed."""
    system.begin_case()
    seen: list[object] = []
    for _ in range(2):
        before = set(_ids(system))
        found = system.command(*arguments)
        made = [run for run in _ids(system) if run not in before]
        views = [system.client.wait(run, patience=60) for run in made]
        told = found.stdout + found.stderr
        for view in views:
            told = told.replace(view.id, "ID").replace(str(view.seed), "SEED")
        nodes = [
            sorted((node.name, str(node.state), node.cached) for node in system.client.get_run(run).nodes)
            for run in made
        ]
        of_runs = [(view.kind, view.workflow_version, view.tags, view.name, str(view.state)) for view in views]
        seen.append((found.exit, told, nodes, of_runs, Counter(one.operator for one in system.executions())))
    return seen


def test_nothing_is_done_under_a_wrong_name(system: System) -> None:
    """The words of fixtures are those that the command lines of cases assume: the caller, and the workflows."""
    run = system.command("submit", "--json", "probe").json["run"]
    assert f"{run['owner']['name']} <{run['owner']['email']}>" == FIXTURES["caller"]
    assert {document["id"] for document in FIXTURES["workflows"]} <= {one.id for one in system.all_workflows()}
