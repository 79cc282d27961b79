"""Scenarios: the names under which their outcomes are known, and what their steps have in common."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accio_client import Client, RunFilter
from tests.cases.daemon import facts
from tests.cases.daemon.facts import Place
from tests.cases.daemon.system import Outcome, System


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
        """Return the id of `R`, or of `P#2`, the child P.1."""
        alias, _, number = name.partition("#")
        if alias not in self.runs:
            return name  # an id, or one that nobody has
        run = self.runs[alias][-1]
        return f"{run}.{int(number) - 1}" if number else run

    def place(self, name: str) -> Place:
        """Return the node that `R/Node` means."""
        run, _, node = name.partition("/")
        return Place(self.run(run), node)

    def is_run(self, name: str) -> bool:
        """Return whether a name means a run, or a child."""
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
        """Return the name of a run's id; of a child, `P#2`."""
        parent, _, number = run.partition(".")
        for name, ids in self.runs.items():
            if parent in ids:
                return f"{name}#{int(number) + 1}" if number else name
        return run

    # ------------------------------------------------------------------------------------------------------- commands

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
        """Return a run's id, or those of its children."""
        found = self.system.client.get_run(run, nodes=False).run
        if found.kind != "parent":
            return [run]
        return [child.id for child in self.system.client.list_runs(RunFilter(parent=run), limit=1000).runs]

    def client_for(self, step: Mapping[str, Any]) -> Client:
        """Return the client of the user that a step names."""
        if "user" not in step:
            return self.system.client
        token = (self.system.cluster.data / "token").read_text(encoding="utf-8").split()[0]
        return Client(self.system.cluster.address, token=token, user=step["user"])
