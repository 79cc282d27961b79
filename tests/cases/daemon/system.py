"""A running system for cases: a daemon, agents that offer the fixtures' operators, the client and the command line.

One system serves many cases: `begin_case` brings it back to its beginning, by the product's own means. The command line
runs within this process.
"""

import fcntl
import io
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from accio_client import Client
from accio_client.cli.main import main
from tests.acceptance.processes import Cluster, Process, eventually
from tests.cases.loader import FIXTURES
from tests.cases.operators.ledger import GATES

HERE = Path(__file__).parent
OPERATORS = HERE.parent / "operators"
MODULES = ("tests.cases.operators.data", "tests.cases.operators.values", "tests.cases.operators.behaviour")
QUIT = str(OPERATORS / "quit.json")
GEOLIFE = "/data/geolife"
TOKEN = "a-token-that-names-its-caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One line of the ledger."""

    node: str  # RUN/NODE
    attempt: int
    pid: int
    operator: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command line did."""

    exit: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.stdout)


@dataclass
class System:
    """A daemon, its agents, and a folder that stands for the paths of the cases."""

    cluster: Cluster
    client: Client
    agents: dict[str, Process] = field(default_factory=dict)
    declared: list[dict[str, Any]] = field(default_factory=list)
    gates: dict[str, IO[bytes]] = field(default_factory=dict)
    workflows: dict[str, str] = field(default_factory=dict)  # the version of each fixture

    # ------------------------------------------------------------------------------------------------------ lifecycle

    def begin_case(self) -> None:
        """Bring everything back to the state that the cases' fixtures describe."""
        self.open_gates()
        self.remove_runs()
        for operator in self.client.cache().operators:
            self.client.remove_from_cache(operator=operator.operator)
        self._push_fixtures()
        self.set_agents(FIXTURES["agents"])
        eventually(lambda: self.client.cluster_state().running_nodes == 0, what="an idle cluster")
        self.cluster.ledger.unlink(missing_ok=True)

    def remove_runs(self) -> None:
        """Delete every run, stopping first what still runs."""
        while found := self.client.list_runs(limit=1000).runs:
            self.client.delete([run.id for run in found])

    def _push_fixtures(self) -> None:
        for workflow in self.all_workflows():
            if workflow.versions != 1 or self.workflows.get(workflow.id) != workflow.version:
                self.client.delete_workflow(workflow.id)
        known = {workflow.id for workflow in self.all_workflows()}
        for document in FIXTURES["workflows"]:
            if document["id"] not in known:
                self.workflows[document["id"]] = self.client.push(self.real(document)).workflow.version

    def all_workflows(self) -> list[Any]:
        """List the latest version of every workflow, the one pushed last first."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.client.list_workflows(limit=1000, cursor=cursor)
            found += page.workflows
            cursor = page.next
            if cursor is None:
                return found

    # --------------------------------------------------------------------------------------------------------- agents

    def set_agents(self, declared: Sequence[Mapping[str, Any]]) -> None:
        """From now on there are exactly these agents."""
        wanted = [dict(agent) for agent in declared]
        if wanted == self.declared and all(agent.popen.poll() is None for agent in self.agents.values()):
            return
        names = {agent["name"] for agent in wanted}
        for name in list(self.agents):
            if name not in names or next(one for one in wanted if one["name"] == name) not in self.declared:
                self.stop_agent(name)
        for agent in wanted:
            if agent["name"] not in self.agents or self.agents[agent["name"]].popen.poll() is not None:
                self.agents[agent["name"]] = self.start_agent(agent)
        self.declared = wanted
        self.cluster.agents_are(*names)

    def start_agent(self, declared: Mapping[str, Any]) -> Process:
        """Start one agent as a case declares it."""
        known = {"name", "cpus", "memory", "disk", "gpus", "operators", "resources", "custom"}
        assert set(declared) <= known, declared
        arguments = ["--grace", "1"]
        for option in ("cpus", "memory", "disk", "gpus"):
            if option in declared:
                arguments += [f"--{option}", str(declared[option])]
        for name, amount in (declared.get("resources") or declared.get("custom") or {}).items():
            arguments += ["--resource", f"{name}={amount}"]
        offered = declared.get("operators", "all of them")
        references = [*MODULES, QUIT] if isinstance(offered, str) else [_reference(name) for name in offered]
        return self.cluster.start_agent(declared["name"], *arguments, operators=references)

    def stop_agent(self, name: str, number: int = signal.SIGTERM) -> None:
        """End an agent: by a signal that it hears, or one that it doesn't."""
        process = self.agents.pop(name)
        process.kill(number)
        process.ended()
        self.declared = [agent for agent in self.declared if agent["name"] != name]
        eventually(lambda: name not in self.connected(), what=f"the daemon's taking note of the end of {name}")

    def connected(self) -> set[str]:
        """Name the agents that are connected."""
        return {agent.name for agent in self.client.list_agents() if agent.state == "connected"}

    @contextmanager
    def agents_held(self) -> Iterator[None]:
        """Stop the agents' processes for a while: nothing runs meanwhile."""
        for agent in self.agents.values():
            agent.kill(signal.SIGSTOP)
        try:
            yield
        finally:
            for agent in self.agents.values():
                agent.kill(signal.SIGCONT)

    def restart_daemon(self, *, crash: bool = True) -> None:
        """End the daemon, without a warning if *crash*, and start it again; the agents come back by themselves."""
        assert self.cluster.daemon is not None
        command = self.cluster.daemon.popen.args
        assert isinstance(command, list)
        arguments = [str(word) for word in command[command.index("accio_daemon") + 1 :]]
        self.cluster.daemon.kill(signal.SIGKILL if crash else signal.SIGTERM)
        self.cluster.daemon.ended()
        self.cluster.start_daemon(*arguments)
        self.cluster.agents_are(*self.agents)

    # ---------------------------------------------------------------------------------------------------------- gates

    def close_gate(self, name: str) -> None:
        """Hold a gate closed: operators `Gate` wait."""
        file = (self.cluster.root / "gates" / (name or "-")).open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        self.gates[name] = file

    def open_gate(self, name: str) -> None:
        """Open the gate that operators `Gate` wait for."""
        self.gates.pop(name).close()

    def open_gates(self) -> None:
        """Open every gate, and forget that there were any."""
        for name in list(self.gates):
            self.open_gate(name)
        for gate in (self.cluster.root / "gates").iterdir():
            gate.unlink()

    def tell_step(self, label: str, outcome: str) -> None:
        """Make an operator `Step` succeed or fail."""
        folder = self.cluster.root / "steps"
        folder.mkdir(exist_ok=True)
        draft = folder / f".{label}"
        draft.write_text(outcome, encoding="utf-8")
        draft.rename(folder / label)

    def executions(self) -> list[Execution]:
        """Read the ledger."""
        found = []
        for line in self.cluster.executed():
            node, attempt, pid, operator, text = line.split(" ", 4)
            found.append(Execution(node=node, attempt=int(attempt), pid=int(pid), operator=operator, text=text))
        return found

    # ---------------------------------------------------------------------------------------------------------- paths

    @property
    def files(self) -> Path:
        """The folder that stands for `/data`."""
        return self.cluster.root / "files"

    def real(self, part: Any) -> Any:
        """Replace the paths of cases (`/data/in`) by those of files that are really there."""
        match part:
            case str() if "/data/" in part:
                begin = part.index("/data/")
                if begin and part[begin - 1] not in "=/":
                    return part
                self._provide(part[begin:])
                return f"{part[:begin].removesuffix('file://')}{self.files}{part[begin + len('/data') :]}"
            case dict():
                return {key: self.real(value) for key, value in part.items()}
            case list():
                return [self.real(value) for value in part]
            case _:
                return part

    def _provide(self, path: str) -> None:
        """Make the folder that a path of a case stands for."""
        place = self.files / path.removeprefix("/data/")
        if not place.exists() and not any(word in path for word in ("missing", "absent", "nowhere", "ghost")):
            place.mkdir(parents=True)
            (place / "a.txt").write_text("a", encoding="utf-8")

    def as_in_case(self, part: Any) -> Any:
        """Undo `real` in an answer."""
        match part:
            case str():
                return part.replace(str(self.files), "/data")
            case dict():
                return {key: self.as_in_case(value) for key, value in part.items()}
            case list() | tuple():
                return [self.as_in_case(value) for value in part]
            case _:
                return part

    # --------------------------------------------------------------------------------------------------- command line

    def command(
        self,
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Run `accio ARGUMENTS` within this process, in a folder that holds *files*."""
        folder = self.cluster.root / "work"
        folder.mkdir(exist_ok=True)
        for name, content in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(self.real(content))
            path.write_text(text, encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        with self._surroundings(folder, environment or {}), redirect_stdout(out), redirect_stderr(err):
            code = main(self.real(list(arguments)))
        for name in files or {}:
            (folder / name).unlink()
        return Outcome(exit=code, stdout=self.as_in_case(out.getvalue()), stderr=self.as_in_case(err.getvalue()))

    @contextmanager
    def _surroundings(self, folder: Path, environment: Mapping[str, str | None]) -> Iterator[None]:
        kept, before = dict(os.environ), Path.cwd()
        os.environ.update(self.cluster.environment())
        os.environ.pop(GATES, None)
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(kept)


def _reference(operator: str) -> str:
    """Return the reference of one fixture operator."""
    if operator == "Quit":
        return QUIT
    for module in MODULES:
        text = (OPERATORS / f"{module.rpartition('.')[2]}.py").read_text(encoding="utf-8")
        if f"\ndef {operator}(" in text:
            return f"{module}:{operator}"
    raise AssertionError(f"there is no operator {operator}")


# ----------------------------------------------------------------------------------------------------- making a system


def start(root: Path, settings: Mapping[str, Any] | None = None, *, agents: bool = True) -> System:
    """Start a daemon with the settings that a case gives it, and the agents of the fixtures."""
    given = dict(settings or {})
    caller = given.pop("caller", FIXTURES["caller"])
    (root / "gates").mkdir(parents=True, exist_ok=True)
    (root / "home").mkdir(exist_ok=True)
    cluster = Cluster(root)
    if given.pop("authentication", False):
        cluster.data.mkdir()
        token = cluster.data / "token"
        token.touch(mode=0o600)
        token.write_text(f"{TOKEN} {caller}\n", encoding="utf-8")
    try:
        cluster.start_daemon(*_options(given), HOME=str(root / "home"))
        system = System(cluster=cluster, client=cluster.client())
        if agents:
            system.set_agents(FIXTURES["agents"])
            system.begin_case()
    except BaseException:
        cluster.stop()
        raise
    return system


def _options(settings: Mapping[str, Any]) -> list[str]:
    """Return the daemon's options for the settings of a case."""
    names = {
        "quota_in_bytes": "--quota",
        "quota": "--quota",
        "sweep_limit": "--sweep-limit",
        "open_children": "--open-children",
        "lease": "--lease",
        "max_losses": "--max-losses",
        "reserve_after": "--reserve-after",
    }
    options: list[str] = []
    for name, value in settings.items():
        match name, value:
            case "configuration", None:
                continue  # there is no configuration file anyway
            case "env", {"ACCIO_DATA_DIR": "a fresh folder"}:
                continue  # as for every system
            case _ if name in names:
                options += [names[name], str(value)]
            case _:
                raise AssertionError(f"the adapter doesn't know the daemon's setting {name}: {value}")
    return options


def stop(system: System) -> None:
    """End everything."""
    for gate in system.gates.values():
        gate.close()
    system.client.close()
    system.cluster.stop()
