"""Runs whose results are given: made in a real daemon, executed by a scripted agent that answers with those results."""

import queue
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from blake3 import blake3

from accio.domain.canonical import canonical
from accio.domain.datatypes import DataType, Kind, parse_type
from accio.domain.values import parse
from accio.v1 import runs_pb2, values_pb2
from accio_client import Client
from tests.cases.daemon.scripted import ScriptedAgent, Work
from tests.cases.daemon.system import System
from tests.cases.loader import only

METRICS = {"<wall time>": "wall_us", "<peak memory>": "peak_memory"}
"""What the metrics of the cases are called."""

Given = Mapping[str, Any]


@dataclass
class Exported:
    """The runs of a case, by the names that it has for them."""

    ids: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)

    def real(self, text: str) -> str:
        """Return the id of a run, or a metric's name, for what stands for it in the case."""
        if text in self.ids:
            return self.ids[text]
        for word, name in METRICS.items():
            text = text.replace(word, name)
        return text

    def is_run(self, text: object) -> bool:
        """Return whether a cell stands for a run."""
        return isinstance(text, str) and text in self.ids


def make(system: System, runs: Sequence[Given]) -> Exported:
    """Make all runs, in order; what belongs to one parent is one sweep."""
    groups: dict[str, list[Given]] = {}
    for run in runs:
        only(
            run, "run", "seed", "artifacts", "metrics", "params", "repeat", "state", "nodes_without_result", "workflow"
        )
        groups.setdefault(run["run"].partition("#")[0], []).append(run)
    operators: list[values_pb2.Operator] = []
    plans = [_Plan(number, name, members, operators) for number, (name, members) in enumerate(groups.items())]
    exported = Exported()
    token = (system.cluster.data / "token").read_text(encoding="utf-8").split()[0]
    with ScriptedAgent(system.cluster.address, token, operators) as agent:
        for plan in plans:
            plan.execute(system.client, agent, exported)
    return exported


class _Plan:
    """One single run or parent: its workflow, its definition, and what its nodes give."""

    def __init__(self, number: int, name: str, members: list[Given], operators: list[values_pb2.Operator]) -> None:
        self._name = name
        self._members = members
        self._workflow = f"{members[0].get('workflow', 'exported')}-{number}"
        self._nodes: dict[str, dict[str, str]] = {}  # the outputs of each node: port to type
        for member in members:
            for place, (kind, _) in member.get("artifacts", {}).items():
                node, _, port = place.partition("/")
                self._nodes.setdefault(node, {})[port] = kind
            for node in (*member.get("metrics", {}), *member.get("nodes_without_result", ())):
                self._nodes.setdefault(node, {})
        self._operators = {node: f"Export{number}{node}" for node in self._nodes}
        operators += [_operator(self._operators[node], outputs) for node, outputs in self._nodes.items()]

    def execute(self, client: Client, agent: ScriptedAgent, exported: Exported) -> None:
        """Push, submit, and answer every node with what the case gives."""
        names = list(self._members[0].get("params", {}))
        kinds = {name: _kind([member["params"][name] for member in self._members]) for name in names}
        params = [{"name": name, "kind": kind} for name, kind in kinds.items()]
        graph = [{"op": operator, "name": node} for node, operator in self._operators.items()]
        client.push({"id": self._workflow, "params": params, "graph": graph})
        run = client.submit(self._definition(names)).run
        single = run.kind == "single"
        ids = [run.id] if single else [f"{run.id}.{number}" for number in range(len(self._members))]
        assert single or run.children == len(self._members), "the runs of the case are no sweep"
        members = dict(zip(ids, self._members, strict=True))
        for _ in range(len(ids) * len(self._nodes)):
            work = _next(agent)
            self._answer(agent, work, members[work.run])
        ended = client.wait(run.id, patience=60)
        exported.ids[self._name] = run.id
        for identifier, member in members.items():
            exported.ids[member["run"]] = identifier
            exported.seeds[identifier] = client.get_run(identifier, nodes=False).run.seed
            state = client.get_run(identifier, nodes=False).run.state
            assert state == member.get("state", "failed" if "nodes_without_result" in member else "success")
        assert ended.ended

    def _definition(self, names: list[str]) -> dict[str, Any]:
        """Return the run definition whose children, in the order of the sweep, are the members."""
        definition: dict[str, Any] = {"workflow": self._workflow, "params": {}}
        for name in names:
            values = list(dict.fromkeys(member["params"][name] for member in self._members))
            definition["params"][name] = values[0] if len(values) == 1 else {"values": values}
        definition["repeat"] = max(member.get("repeat", 1) for member in self._members)
        if len(self._members) == 1:
            definition["seed"] = self._members[0]["seed"]
        return definition

    def _answer(self, agent: ScriptedAgent, work: Work, member: Given) -> None:
        if work.node in member.get("nodes_without_result", ()):
            agent.fail(work)
            return
        outputs = {
            port: _canonical(parse_type(kind), member["artifacts"][f"{work.node}/{port}"][1])
            for port, kind in self._nodes[work.node].items()
        }
        measured = {
            METRICS.get(name, name): value for name, value in member.get("metrics", {}).get(work.node, {}).items()
        }
        own = {
            name: measured.pop(name)
            for name in list(measured)
            if name not in runs_pb2.Metrics.DESCRIPTOR.fields_by_name
        }
        custom = orjson.dumps(own).decode() if own else ""
        agent.succeed(work, outputs, runs_pb2.Metrics(**measured, custom_json=custom))


def _next(agent: ScriptedAgent) -> Work:
    try:
        return agent.work.get(timeout=90)
    except queue.Empty:
        raise AssertionError("the daemon has no work for the scripted agent") from None


def _operator(name: str, outputs: Mapping[str, str]) -> values_pb2.Operator:
    """Describe an operator without inputs; what can't be cached is executed once for each child."""
    return values_pb2.Operator(
        name=name,
        uncacheable="its results are given by a test",
        outputs=[values_pb2.OutputPort(name=port, type=str(parse_type(kind))) for port, kind in outputs.items()],
        resources=values_pb2.Resources(milli_cpus=1000),
    )


def _kind(values: Sequence[Any]) -> str:
    """Return the type of a parameter by its values."""
    if all(isinstance(value, bool) for value in values):
        return "boolean"
    if all(isinstance(value, int) for value in values):
        return "integer"
    return "double" if all(isinstance(value, int | float) for value in values) else "string"


def _canonical(datatype: DataType, value: Any) -> str:
    if datatype.contains(Kind.DATASET):
        return orjson.dumps(f"blake3:{blake3(str(value).encode()).hexdigest()}").decode()
    return canonical(datatype, parse(datatype, value, non_finite=True))
