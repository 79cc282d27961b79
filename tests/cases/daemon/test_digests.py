"""Area operator-digest: an operator is run, changed, and run again with equal inputs, each time by a new agent."""

import py_compile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cases.daemon.system import System
from tests.cases.loader import Case, checks, daemon_cases, mentions, only

pytestmark = pytest.mark.acceptance

_CHANGED = ["run it", "install the changed version and restart the agents", "run it again with the same inputs"]
_SAME = ["run it", "run it again with the same inputs", "ask why for the second"]
_RUN = {"workflow": "scaled", "params": {"x": 21}}


@pytest.mark.parametrize("case", daemon_cases("operator-digest"))
def test_operator_digest(case: Case, system: System, tmp_path: Path) -> None:
    """Equal inputs are answered from the cache exactly if the operator's digest is known, and still the same."""
    for number, (given, expect) in enumerate(checks(case)):
        only(given, "operator", "operator_before", "operator_after", "steps")
        only(expect, "second_run", "why")
        assert given.get("steps", _CHANGED) in (_CHANGED, _SAME)
        system.begin_case()
        folder = tmp_path / f"installed-{number}"
        before = given.get("operator_before") or given["operator"]
        install(folder, before)
        first = _run(system, folder, f"first-{number}")
        assert not first["cached"], first
        if "operator_after" in given:
            install(folder, {**before, **given["operator_after"]})
        second = _run(system, folder, f"second-{number}")
        assert second["cached"] is (expect["second_run"] == "cached"), second
        if "why" in expect:
            only(expect["why"], "says", "mentions")
            answer = system.command("why", f"{second['run']}/Scale", "--json").json
            assert answer["answer"] == expect["why"]["says"], answer
            assert mentions(str(answer), expect["why"].get("mentions", [])), answer


def install(folder: Path, files: Mapping[str, str]) -> None:
    """Write the package of a case: its files, and a module that declares the operator unless they do so themselves."""
    package = folder / "scales"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    if "@operator" in files["scale.py"]:
        (package / "declared.py").write_text("from .scale import *\n", encoding="utf-8")
        return
    target = "Scale" if "class Scale" in files["scale.py"] else "scale"
    declared = f"from accio import operator\nfrom .scale import {target} as implementation\n"
    if "from ._native" in files["scale.py"]:  # a compiled function has no hints: it is wrapped
        source = package / "_native.txt"
        source.write_text("def scale(x):\n    return x * 2\n", encoding="utf-8")
        py_compile.compile(str(source), cfile=str(package / "_native.pyc"), doraise=True)
        source.unlink()
        declared += "@operator(name='Scale')\ndef declared(x: int) -> int:\n    return implementation(x)\n"
    else:
        declared += "Scale = operator(name='Scale')(implementation)\n"
    (package / "declared.py").write_text(declared, encoding="utf-8")


def _run(system: System, folder: Path, agent: str) -> dict[str, Any]:
    """Start an agent that offers what is installed, run the operator there, and give what the node's document says."""
    process = system.cluster.start_agent(
        agent, "--cpus", "1", "--grace", "1", operators=[str(folder / "scales" / "declared.py")]
    )
    system.agents[agent] = process
    system.cluster.agents_are(*system.agents)
    try:
        params = [{"name": "x", "kind": "integer"}]
        graph = [{"op": "Scale", "inputs": {"x": {"param": "x"}}}]
        system.client.push({"id": "scaled", "params": params, "graph": graph})
        run = system.client.submit(_RUN).run.id
        assert system.client.wait(run, patience=60).state == "success", process.output()
        found: dict[str, Any] = system.command("describe", "node", f"{run}/Scale", "--json").json
        return found
    finally:
        system.stop_agent(agent)
