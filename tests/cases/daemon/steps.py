"""The steps of scenarios: each is one action."""

import signal
from collections.abc import Callable, Mapping
from typing import Any

from accio.errors import AccioError
from tests.cases.daemon import facts
from tests.cases.daemon.scenario import Scenario
from tests.cases.loader import only


def play(scenario: Scenario, steps: list[dict[str, Any]]) -> None:
    """Carry all steps out, in order; an unknown one fails."""
    for step in steps:
        action = next((action for name, action in _ACTIONS.items() if name in step), None)
        assert action is not None, f"the adapter doesn't know the step {step}"
        action(scenario, step)


def _push(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "push", "as", "user")
    definition = scenario.words(step["push"])
    try:
        done = scenario.client_for(step).push(definition)
    except AccioError:
        assert "as" in step, f"{definition} is refused"
        scenario.command({**step, "files": {"w.json": definition}}, "push", "--json", "w.json")
        return
    scenario.created.append(done.created)
    scenario.pushed.append((done.workflow.id, done.workflow.version))
    if "as" in step:
        scenario.versions[step["as"]] = done.workflow.version


def _submit(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "submit", "as", "user", "no_cache", "refresh", "env")
    definition = scenario.words(step["submit"])
    if scenario.environment or "env" in step:
        _submit_by_command(scenario, step, definition)
        return
    mode = "none" if step.get("no_cache") else "refresh" if step.get("refresh") else "use"
    client = scenario.client_for(step)
    if scenario.hold_agents:
        with scenario.system.agents_held():
            submitted = client.submit(definition, cache=mode)  # type: ignore[arg-type]  # one of the three words
            assert not scenario.system.executions(), "a child has run before the submission was answered"
    else:
        try:
            submitted = client.submit(definition, cache=mode)  # type: ignore[arg-type]  # as above
        except AccioError:
            assert "as" in step, f"{definition} is refused"
            _submit_by_command(scenario, step, definition)
            return
    scenario.runs.setdefault(step.get("as", "(without a name)"), []).append(submitted.run.id)


def _submit_by_command(scenario: Scenario, step: Mapping[str, Any], definition: Any) -> None:
    """Submit as people do: with an environment of their own, or where it is refused."""
    options = ["-nocache"] * bool(step.get("no_cache")) + ["-refresh"] * bool(step.get("refresh"))
    step = {**step, "files": {"run.json": definition}}
    scenario.making_command(step, "submit", "--json", "run.json", *options)


def _wait(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "wait")
    for name in [step["wait"]] if isinstance(step["wait"], str) else step["wait"]:
        run = scenario.run(name)
        scenario.system.client.wait(run, patience=60)
        scenario.see_artifacts(run)


def _update(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "update", "set", "clear", "as", "env", "user")
    options = [f"-{name}={_option(value)}" for name, value in step.get("set", {}).items()]
    cleared = step.get("clear", [])
    options += [f"-{name}=" for name in ([cleared] if isinstance(cleared, str) else cleared)]
    found = scenario.command(step, "update", scenario.run(step["update"]), *options)
    assert found.exit == 0 or "as" in step, found


def _option(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _of_runs(verb: str, *words: str) -> Callable[[Scenario, Mapping[str, Any]], None]:
    """Make the action of a command that takes runs."""

    def act(scenario: Scenario, step: Mapping[str, Any]) -> None:
        only(step, verb, "as", "env", "user")
        names = [step[verb]] if isinstance(step[verb], str) else step[verb]
        for name in names:
            if verb == "delete" and scenario.is_run(name):
                scenario.see_artifacts(scenario.run(name))
                scenario.deleted[scenario.run(name)] = scenario.cached_of(scenario.run(name))
        found = scenario.command(step, *words, *(scenario.run(name) for name in names))
        assert found.exit == 0 or "as" in step, found

    return act


def _describe(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "describe", "as", "env", "user")
    name = step["describe"]
    if "/" in name:
        place = scenario.place(name)
        scenario.command(step, "describe", "node", f"{place.run}/{place.node}", "--json")
    else:
        scenario.command(step, "describe", "run", scenario.run(name), "--json")


def _export(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "export", "options", "as", "env", "user")
    names = [step["export"]] if isinstance(step["export"], str) else step["export"]
    options = [str(option) for option in step.get("options", [])]
    folder = scenario.system.cluster.root / f"export-{len(scenario.exports)}-{scenario.run(names[0])}"
    if not any(option.lstrip("-").startswith("out") for option in options):
        options.append(f"-out={folder}")
    scenario.exports[step.get("as", str(len(scenario.exports)))] = folder
    scenario.command(step, "export", *(scenario.run(name) for name in names), *options)


def _logs(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "logs", "as", "env")
    run, _, node = step["logs"].partition("/")
    scenario.command(step, "logs", scenario.run(run), *([node] if node else []))


def _why(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "why", "as", "env")
    place = scenario.place(step["why"])
    scenario.command(step, "why", f"{place.run}/{place.node}", "--json")


def _gc(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "gc", "as", "env", "dry_run", "quota")
    given = step["gc"] if isinstance(step["gc"], dict) else {}
    only(given, "dry_run", "quota", "quota_in_bytes")
    settings = {**given, **{key: step[key] for key in ("dry_run", "quota") if key in step}}
    options = ["--dry-run"] if settings.get("dry_run") else []
    quota = settings.get("quota", settings.get("quota_in_bytes"))
    options += [] if quota is None else [f"--quota={quota}"]
    found = scenario.command(step, "gc", "--json", *options)
    assert found.exit == 0 or "as" in step, found


def _args(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "args", "as", "env", "files", "user")
    scenario.making_command(step, *scenario.words(step["args"]))


def _check(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "check", "as")
    checked = step["check"]
    if isinstance(checked, dict):
        from tests.cases.daemon.expectations import assert_outcome

        assert_outcome(scenario, checked)
        return
    found = (
        facts.node_facts(scenario.system, scenario.place(checked))
        if "/" in checked
        else facts.run_facts(scenario.system, scenario.run(checked))
    )
    scenario.snapshots[step.get("as", checked)] = found


def _agents(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "agents")
    scenario.system.set_agents(step["agents"])


def _lose_agent(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "lose_agent", "kill_agent")
    scenario.system.stop_agent(step.get("lose_agent") or step["kill_agent"], signal.SIGKILL)


def _stop_agent(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "stop_agent")
    scenario.system.stop_agent(step["stop_agent"])


def _validate(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "validate", "as")
    files = {"definition.json": step["validate"]}
    scenario.command({**step, "files": files}, "validate", "--json", "definition.json")


def _watch(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "watch", "as")
    scenario.command(step, "watch", scenario.run(step["watch"]))


def _delete_workflow(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "delete_workflow", "as")
    found = scenario.command(step, "delete", "workflow", step["delete_workflow"])
    assert found.exit == 0 or "as" in step, found


def _restart_daemon(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "restart_daemon", "crash_daemon")
    scenario.system.restart_daemon(crash="crash_daemon" in step)


def _restart_agents(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "restart_agents")
    declared = scenario.system.declared
    scenario.system.set_agents([])
    scenario.system.set_agents(declared)


def _close_gate(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "close_gate")
    scenario.system.close_gate(step["close_gate"])


def _open_gate(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "open_gate")
    scenario.system.open_gate(step["open_gate"])


def _write_files(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "write_files")
    for name, text in step["write_files"].items():
        path = scenario.system.files / name.removeprefix("/data/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _delete_files(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "delete_files")
    for name in step["delete_files"]:
        (scenario.system.files / name.removeprefix("/data/")).unlink()


def _repeat(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "repeat_step", "step")
    for _ in range(step["repeat_step"]):
        play(scenario, [step["step"]])


def _daemon(scenario: Scenario, step: Mapping[str, Any]) -> None:
    only(step, "daemon")  # whoever made the system has read the settings


_ACTIONS: dict[str, Callable[[Scenario, Mapping[str, Any]], None]] = {
    "repeat_step": _repeat,
    "push": _push,
    "submit": _submit,
    "wait": _wait,
    "update": _update,
    "kill": _of_runs("kill", "kill"),
    "delete": _of_runs("delete", "delete", "run"),
    "retry": _of_runs("retry", "retry"),
    "describe": _describe,
    "export": _export,
    "logs": _logs,
    "why": _why,
    "gc": _gc,
    "args": _args,
    "check": _check,
    "agents": _agents,
    "lose_agent": _lose_agent,
    "kill_agent": _lose_agent,
    "stop_agent": _stop_agent,
    "validate": _validate,
    "watch": _watch,
    "delete_workflow": _delete_workflow,
    "restart_daemon": _restart_daemon,
    "crash_daemon": _restart_daemon,
    "restart_agents": _restart_agents,
    "close_gate": _close_gate,
    "open_gate": _open_gate,
    "write_files": _write_files,
    "delete_files": _delete_files,
    "daemon": _daemon,
}
