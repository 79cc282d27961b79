"""Scenarios: their steps, each one action, and the names under which their outcomes are known afterwards."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accio.errors import AccioError
from accio_client import Client, RunFilter
from tests.cases.daemon import facts
from tests.cases.daemon.facts import Place
from tests.cases.daemon.system import Outcome, System
from tests.cases.loader import only

DONE = {"success", "failed", "killed"}


@dataclass
class Scenario:
    """A scenario that is being played."""

    system: System
    environment: Mapping[str, str | None] = field(default_factory=dict)
    hold_agents: bool = False  # while something is submitted: so that a test sees what an answer waits for
    runs: dict[str, list[str]] = field(default_factory=dict)  # ids by name; several where a step was repeated
    versions: dict[str, str] = field(default_factory=dict)
    pushed: list[tuple[str, str]] = field(default_factory=list)  # workflow and version
    created: list[bool] = field(default_factory=list)  # what each push said
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    snapshots: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)  # content of artifacts that were seen, by R/Node/port
    deleted: dict[str, set[str]] = field(default_factory=dict)  # the cached nodes of runs that were deleted
    made: dict[str, int] = field(default_factory=dict)  # how many runs each command line made
    exports: dict[str, Path] = field(default_factory=dict)  # the folder of each export

    # ---------------------------------------------------------------------------------------------------------- names

    def run(self, name: str) -> str:
        """Give the id of `R`, or of `P#2`, the child P.1."""
        alias, _, number = name.partition("#")
        if alias not in self.runs:
            return name  # an id, or one that nobody has
        run = self.runs[alias][-1]
        return f"{run}.{int(number) - 1}" if number else run

    def place(self, name: str) -> Place:
        """Give the node that `R/Node` means."""
        run, _, node = name.partition("/")
        return Place(self.run(run), node)

    def is_run(self, name: str) -> bool:
        """Tell whether a name means a run, or a child."""
        return name.partition("#")[0] in self.runs

    def words(self, part: Any) -> Any:
        """Fill in what only the test knows: ids, versions, artifacts, and the real paths of files."""
        match part:
            case str():
                return self._filled(part)
            case dict():
                return {key: self.words(value) for key, value in part.items()}
            case list():
                return [self.words(value) for value in part]
            case _:
                return part

    def _filled(self, text: str) -> str:
        def named(match: "re.Match[str]") -> str:
            place = match[1].split("/")
            return f"accio:{self.run(place[0])}/{place[1]}/{place[2]}"

        text = re.sub(r"<id of the artifact ([^>]+)>", named, text)
        text = re.sub(r"<id of (?:run )?([^>]+)>", lambda match: self.run(match[1]), text)
        text = re.sub(r"\$(\w+)", lambda match: self.versions.get(match[1], match[0]), text)
        return str(self.system.real(text))

    def alias(self, run: str) -> str:
        """Give the name of a run's id; of a child, `P#2`."""
        parent, _, number = run.partition(".")
        for name, ids in self.runs.items():
            if parent in ids:
                return f"{name}#{int(number) + 1}" if number else name
        return run

    # ---------------------------------------------------------------------------------------------------------- steps

    def play(self, steps: list[dict[str, Any]]) -> None:
        """Carry all steps out."""
        for step in steps:
            self.step(step)

    def step(self, step: Mapping[str, Any]) -> None:
        """Carry one step out; an unknown one fails."""
        for name, action in _ACTIONS.items():
            if name in step:
                action(self, step)
                return
        raise AssertionError(f"the adapter doesn't know the step {dict(step)}")

    def command(self, step: Mapping[str, Any], *arguments: str) -> Outcome:
        """Run a command line, and remember what it did under the step's name."""
        environment = dict(self.environment) | dict(step.get("env", {}))
        if "user" in step:
            environment["ACCIO_USER"] = step["user"]
        files = self.words(step["files"]) if "files" in step else None
        found = self.system.command(*arguments, environment=environment, files=files)
        if "as" in step:
            self.outcomes[step["as"]] = found
        return found

    def making_command(self, step: Mapping[str, Any], *arguments: str) -> Outcome:
        """Run a command line that may make runs; the one that it made has the step's name, too."""
        before = {run.id for run in self.system.client.list_runs(limit=1000).runs}
        found = self.command(step, *arguments)
        made = [run.id for run in self.system.client.list_runs(limit=1000).runs if run.id not in before]
        if "as" in step:
            self.made[step["as"]] = len(made)
            if len(made) == 1:
                self.runs.setdefault(step["as"], []).append(made[0])
        return found

    def see_artifacts(self, run: str) -> None:
        """Remember the content of the artifacts of a run, as cases name them after they are gone."""
        for child in self.singles(run):
            for name, artifact in facts.artifacts(self.system, child).items():
                if artifact.type == "dataset":
                    self.digests[f"{self.alias(child)}/{name}"] = str(artifact.value)

    def cached_of(self, run: str) -> set[str]:
        """Name the nodes of a run, or of all its children, that took a result."""
        return {
            f"{self.alias(single)}/{node.name}"
            for single in self.singles(run)
            for node in self.system.client.get_run(single).nodes
            if node.cached
        }

    def singles(self, run: str) -> list[str]:
        """Give a run's id, or those of its children."""
        found = self.system.client.get_run(run, nodes=False).run
        if found.kind != "parent":
            return [run]
        return [child.id for child in self.system.client.list_runs(RunFilter(parent=run), limit=1000).runs]

    def client_for(self, step: Mapping[str, Any]) -> Client:
        """Give the client of the user that a step names."""
        if "user" not in step:
            return self.system.client
        token = (self.system.cluster.data / "token").read_text(encoding="utf-8").split()[0]
        return Client(self.system.cluster.address, token=token, user=step["user"])


# -------------------------------------------------------------------------------------------------------- the actions


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
    only(step, "lose_agent")
    import signal

    scenario.system.stop_agent(step["lose_agent"], signal.SIGKILL)


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
        scenario.step(step["step"])


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
    "restart_daemon": _restart_daemon,
    "crash_daemon": _restart_daemon,
    "restart_agents": _restart_agents,
    "close_gate": _close_gate,
    "open_gate": _open_gate,
    "write_files": _write_files,
    "delete_files": _delete_files,
    "daemon": _daemon,
}
