"""Area operator-digest: an operator is run, changed, and run again with equal inputs, each time by a new agent."""

import py_compile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cases.daemon.system import System
from tests.cases.loader import Case, checks, daemon_cases, mentions, only

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

_CHANGED = ["run it", "install the changed version and restart the agents", "run it again with the same inputs"]
_SAME = ["run it", "run it again with the same inputs", "ask why for the second"]


@pytest.mark.parametrize("case", daemon_cases("operator-digest"))
def test_operator_digest(case: Case, system: System, tmp_path: Path) -> None:
    """Equal inputs are answered from the cache exactly if the operator's digest is known, and still the same."""
    found = checks(case)
    for number, (given, expect) in enumerate(found):
        only(given, "operator", "operator_before", "operator_after", "steps")
        only(expect, "second_run", "why")
        assert given.get("steps", _CHANGED) in (_CHANGED, _SAME)
        install(tmp_path, number, _before(given))
    with _agent(system, tmp_path, len(found), "first"):
        assert not any(_run(system, number)["cached"] for number in range(len(found)))
    for number, (given, _) in enumerate(found):
        install(tmp_path, number, {**_before(given), **given.get("operator_after", {})})
    with _agent(system, tmp_path, len(found), "second"):
        for number, (_, expect) in enumerate(found):
            second = _run(system, number)
            assert second["cached"] is (expect["second_run"] == "cached"), (number, second)
            if "why" in expect:
                only(expect["why"], "says", "mentions")
                answer = system.command("why", f"{second['run']}/Scale{number}", "--json").json
                assert answer["answer"] == expect["why"]["says"], answer
                assert mentions(str(answer), expect["why"].get("mentions", [])), answer


def _before(given: Mapping[str, Any]) -> dict[str, str]:
    files: dict[str, str] = given.get("operator_before") or given["operator"]
    return files


def install(folder: Path, number: int, files: Mapping[str, str]) -> None:
    """Write the package of a case: its files, and a module that declares the operator."""
    package = folder / f"scales{number}"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    target = "Scale" if "class Scale" in files["scale.py"] else "scale"
    declared = f"from accio import operator\nfrom .scale import {target} as implementation\n"
    if "from ._native" in files["scale.py"]:  # a compiled function has no hints: it is wrapped
        source = package / "_native.txt"
        source.write_text("def scale(x):\n    return x * 2\n", encoding="utf-8")
        py_compile.compile(str(source), cfile=str(package / "_native.pyc"), doraise=True)
        source.unlink()
        declared += f"@operator(name='Scale{number}')\ndef declared(x: int) -> int:\n    return implementation(x)\n"
    else:
        declared += f"Scale = operator(name='Scale{number}')(implementation)\n"
    (package / "declared.py").write_text(declared, encoding="utf-8")


@contextmanager
def _agent(system: System, folder: Path, number: int, name: str) -> Iterator[None]:
    """Start an agent that offers what is installed."""
    modules = [str(folder / f"scales{each}" / "declared.py") for each in range(number)]
    process = system.cluster.start_agent(name, "--cpus", "1", "--grace", "1", operators=modules)
    system.agents[name] = process
    system.cluster.agents_are(*system.agents)
    try:
        yield
    finally:
        system.stop_agent(name)


def _run(system: System, number: int) -> dict[str, Any]:
    """Run an operator, and give what the node's document says."""
    operator = f"Scale{number}"
    params = [{"name": "x", "kind": "integer"}]
    graph = [{"op": operator, "inputs": {"x": {"param": "x"}}}]
    system.client.push({"id": "scaled", "params": params, "graph": graph})
    run = system.client.submit({"workflow": "scaled", "params": {"x": 21}}).run.id
    assert system.client.wait(run, patience=60).state == "success"
    found: dict[str, Any] = system.command("describe", "node", f"{run}/{operator}", "--json").json
    return found
