"""Operators are edited and their agent is restarted: what must be executed is, nothing else, and `why` tells."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, Process, cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

OPS = """
from accio import OperatorContext, operator
from memoedits.middle import scaled

@operator
def Scale(x: int) -> int:
    return scaled(x)

@operator
def Parity(x: int) -> int:
    return x % 2

@operator
def Last(parity: int, text: str = "a") -> str:
    return text * (parity + 1)

@operator
def Other(x: int) -> int:
    return x + 7

@operator(unstable=True)
def Draw(ctx: OperatorContext) -> float:
    return ctx.random.random()

@operator
def Unknown(source: str) -> int:
    return eval(source)
"""
FILES = {
    "__init__.py": "",
    "ops.py": OPS,
    "middle.py": "from memoedits.helper import factor\n\ndef scaled(x):\n    return x * factor()\n",
    "helper.py": "def factor():\n    return 2\n",
}
WORKFLOW = {
    "id": "edited",
    "params": [{"name": "x", "kind": "integer"}, {"name": "text", "kind": "string", "default_value": "a"}],
    "graph": [
        {"op": "Scale", "inputs": {"x": {"param": "x"}}},
        {"op": "Parity", "inputs": {"x": {"reference": "Scale/value"}}},
        {"op": "Last", "inputs": {"parity": {"reference": "Parity/value"}, "text": {"param": "text"}}},
        {"op": "Other", "inputs": {"x": {"param": "x"}}},
        {"op": "Draw"},
        {"op": "Unknown", "inputs": {"source": {"value": "1 + 1"}}},
    ],
}
STABLE = ("Scale", "Parity", "Last", "Other", "Draw")


def _write(made: Cluster, **changed: str) -> None:
    folder = made.root / "source" / "memoedits"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (FILES | {f"{name}.py": text for name, text in changed.items()}).items():
        (folder / name).write_text(text, encoding="utf-8")


def _agent(made: Cluster, before: Process | None = None) -> Process:
    """Start the agent, or start it anew."""
    if before is not None:
        before.kill()
        before.ended()
    path = os.pathsep.join([str(made.root / "source"), *sys.path])
    agent = made.start_agent("a1", operators=("memoedits.ops",), PYTHONPATH=path)
    made.agents_are("a1")
    return agent


def _run(client: Client, seed: int = 1, **params: Any) -> str:
    run = client.submit({"workflow": "edited", "seed": seed, "params": {"x": 1} | params}).run.id
    assert client.wait(run).state == "success", [node.failure for node in client.get_run(run).nodes]
    return run


def _executed(client: Client, run: str) -> set[str]:
    return {node.name for node in client.get_run(run).nodes if not node.cached and node.name != "Unknown"}


def _why(made: Cluster, target: str) -> Any:
    """Return what `accio why --json` prints."""
    command = [sys.executable, "-m", "accio_client.cli.main", "why", target, "--json"]
    done = subprocess.run(command, env=made.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_edits_execute_what_they_concern(tmp_path: Path) -> None:
    """A comment: nothing. A helper two calls away: its operator, and what depends on an output that changed by it."""
    with cluster(tmp_path / "made") as made:
        _write(made)
        made.start_daemon()
        agent = _agent(made)
        with made.client() as client:
            client.push(WORKFLOW)
            first = _run(client)
            assert _executed(client, first) == set(STABLE)

            _write(made, helper="# halves\ndef factor():\n    '''Two.'''\n    return 2  # two\n", ops=f"# ops\n{OPS}\n")
            agent = _agent(made, agent)
            again = _run(client)
            assert _executed(client, again) == set(), "a comment executes nothing"
            cached = _why(made, f"{again}/Scale")
            assert (cached["answer"], cached["from"], cached["agent"]) == ("cached", f"{first}/Scale", "a1")
            assert cached["computed_at"] == _why(made, f"{first}/Scale")["computed_at"]

            _write(made, helper="def factor():\n    return 4\n")
            _agent(made, agent)
            edited = _run(client)
            assert _executed(client, edited) == {"Scale", "Parity"}, "Parity's output is the same: Last is a hit"
            scale = _why(made, f"{edited}/Scale")
            assert (scale["answer"], scale["from"]) == ("executed", f"{first}/Scale")
            (changed,) = scale["differences"]
            assert changed["component"] == "function memoedits.helper.factor"
            assert changed["before"] != changed["after"]
            assert changed["before"]
            assert changed["after"]
            (value,) = _why(made, f"{edited}/Parity")["differences"]
            assert value == {"component": "input x", "before": "2", "after": "4"}


def test_why_names_what_differs(tmp_path: Path) -> None:
    """Inputs and seeds are named with both values; an operator without a digest tells why it has none."""
    with cluster(tmp_path / "made") as made:
        _write(made)
        made.start_daemon()
        agent = _agent(made)
        with made.client() as client:
            client.push(WORKFLOW)
            first = _run(client, seed=1)
            none_before = _why(made, f"{first}/Last")
            assert (none_before["answer"], none_before["differences"]) == ("executed", [])
            assert "no earlier result of Last" in none_before["reason"]
            second = _run(client, seed=2, text="b")
            (last,) = _why(made, f"{second}/Last")["differences"]
            assert last == {"component": "input text", "before": '"a"', "after": '"b"'}
            draw = _why(made, f"{second}/Draw")
            seeds = [str(client.get_node(run, "Draw").seed) for run in (first, second)]
            assert draw["differences"] == [{"component": "seed", "before": seeds[0], "after": seeds[1]}]
            assert draw["reason"] == f"the nearest earlier result differs: seed {seeds[0]} → {seeds[1]}"
            unknown = _why(made, f"{second}/Unknown")
            assert unknown["answer"] == "uncacheable"
            assert "eval" in unknown["reason"]
            key = client.get_node(second, "Other").key
            assert client.remove_from_cache(key=key) == 1
            third = _run(client, seed=2, text="b")
            assert _executed(client, third) == {"Other"}
            other = _why(made, f"{third}/Other")
            assert (other["from"], other["differences"]) == (f"{first}/Other", [])
            assert "it was invalidated" in other["reason"]
            agent.kill()
            agent.ended()
            made.agents_are()
            waiting = client.submit({"workflow": "edited", "params": {"x": 5}}).run.id
            scale = _why(made, f"{waiting}/Scale")
            assert (scale["answer"], scale["reason"]) == (
                "waiting",
                "no connected agent offers the pinned version of Scale: start one that does (--operators)",
            )
            assert _why(made, f"{waiting}/Parity")["reason"] == "waits for Scale"
