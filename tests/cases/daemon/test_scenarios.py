"""Scenarios: steps in order on a running system, and what must have come of them."""

from typing import Any

import pytest

from tests.cases.daemon.conftest import Fresh
from tests.cases.daemon.expectations import assert_outcome
from tests.cases.daemon.scenario import Scenario
from tests.cases.daemon.steps import play
from tests.cases.daemon.system import System
from tests.cases.loader import Case, areas, daemon_cases, only

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def scenarios() -> list[Any]:
    """Return the cases that consist of steps, except those that other adapters read in their own way."""
    found = [case for area in areas() for case in daemon_cases(area)]
    return [case for case in found if _is_scenario(case.values[0])]  # type: ignore[arg-type]  # a case


def _is_scenario(case: Case) -> bool:
    steps = case["given"].get("steps")
    return isinstance(steps, list) and all(isinstance(step, dict) for step in steps)


@pytest.mark.parametrize("case", scenarios())
def test_scenario(case: Case, request: pytest.FixtureRequest) -> None:
    """After all steps, runs, nodes and commands are as the case says."""
    given, expect = case["given"], case["expect"]
    only(given, "steps", "env", "daemon", "agents")
    scenario = Scenario(
        _system(given, request),
        environment=given.get("env", {}),
        hold_agents="submit_answers_before" in expect,
    )
    play(scenario, given["steps"])
    assert_outcome(scenario, expect)


def _system(given: dict[str, Any], request: pytest.FixtureRequest) -> System:
    """Return the shared system, or a fresh one where the case says how the daemon is set up."""
    settings = [step["daemon"] for step in given["steps"] if "daemon" in step]
    settings += [given["daemon"]] if "daemon" in given else []
    if settings:
        fresh: Fresh = request.getfixturevalue("fresh")
        system = fresh(settings[0])
    else:
        system = request.getfixturevalue("system")
    if "agents" in given:
        system.set_agents(given["agents"])
    return system
