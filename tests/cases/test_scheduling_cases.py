"""Area scheduling: who is where after what happened to agents, on the real core and storage."""

from typing import Any

import pytest

from accio_daemon.core.commands import AgentDraining
from accio_daemon.core.terms import RunNo
from tests import builders
from tests.cases.loader import Case, daemon_cases, mentions, only
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

NAMES = ("Step", "Twice", "NoIn")
SPECS = {name: builders.step(name, digest=str(number)) for number, name in enumerate(NAMES)}


class Scheduler:
    """Runs of one node each, submitted one after the other; or one run of a graph."""

    def __init__(self, given: dict[str, Any]) -> None:
        """Connect the agents and submit."""
        only(given, "agents", "nodes", "graph", "events", "known")
        self.cluster = Cluster(operators=tuple(SPECS.values()))
        self.lost: list[str] = []
        self.offers: dict[str, dict[str, Any]] = {}
        for agent in given["agents"]:
            self.join(agent)
        self.runs: dict[str, RunNo] = {}
        self.graph: RunNo | None = None
        if "graph" in given:
            for agent in self.cluster.agents.values():
                self._drain(agent, draining=True)  # it has no room until an event says that a node begins
            self.graph = self.cluster.submit(builders.graph(given["graph"]))
        for node in given.get("nodes", []):
            self.submit(node)

    def join(self, agent: dict[str, Any]) -> None:
        """Connect an agent with what it offers."""
        only(agent, "name", "cpus", "gpus", "operators")
        offer = builders.offer(agent["cpus"], gpus=agent.get("gpus", 0))
        specs = tuple(SPECS[name] for name in agent.get("operators", NAMES))
        self.cluster.join(agent["name"], offer, operators=specs)
        self.offers[agent["name"]] = agent

    def submit(self, node: dict[str, Any]) -> None:
        """Submit a run of one node; `on` says which agent takes it: the others take nothing meanwhile."""
        only(node, "name", "cpus", "gpus", "on", "operator")
        others = [a for a in self.cluster.agents.values() if "on" in node and a.name != node["on"]]
        for agent in others:
            self._drain(agent, draining=True)
        demand = builders.offer(node["cpus"], gpus=node.get("gpus", 0))
        workflow = builders.graph({node["name"]: []}, op=node.get("operator", "Step"), demands={node["name"]: demand})
        self.runs[node["name"]] = self.cluster.submit(workflow)
        for agent in others:
            self._drain(agent, draining=False)
        assert "on" not in node or self.cluster.agents[node["on"]].holds(node["name"])

    def _drain(self, agent: FakeAgent, *, draining: bool) -> None:
        assert agent.session is not None
        self.cluster.ask(AgentDraining(session=agent.session, draining=draining))

    # --- events -----------------------------------------------------------------------------------------------------

    def happen(self, event: Any) -> None:
        """Carry out one event."""
        agents = self.cluster.agents
        match event:
            case ["lose_agent", name]:
                self.cluster.lose(agents.pop(name))
                self.lost.append(name)
            case ["agent_joins", agent]:
                self.join(agent)
            case ["agent_leaves", name]:
                self.cluster.leave(agents.pop(name), clean=True)
            case ["kill", name]:
                self._kill(name)
            case ["start", name]:
                (agent,) = agents.values()
                self._drain(agent, draining=False)
                assert agent.holds(name)
            case ["crash_daemon"]:
                self.cluster.restart()
            case ["start_daemon"]:
                pass  # a restart is one step
            case "w1 connects again by itself":
                self.cluster.rejoin(agents["w1"])
            case "w1 stays silent longer than the limit, w2 does not":
                self.cluster.tick(self.cluster.settings.lease + 1, silent=("w1",))
                self.lost += [name for name, record in self.cluster.world.agent_names.items() if record.lost]
            case "the dispatch of t1 to w1 fails and w1 disconnects":
                agent = agents["w1"]
                self.cluster.rejoin(agent, held={})  # it never heard of t1, comes back, and goes
                self.cluster.leave(agent, clean=True)
            case _:
                raise AssertionError(f"the adapter doesn't know the event {event}")

    def _kill(self, name: str) -> None:
        """Kill a run; its agent stops the process and says so."""
        self.cluster.kill(self.runs[name])
        for agent in self.cluster.agents.values():
            if agent.answer_stops():
                self.cluster.ask(agent.telling())

    # --- what is to be seen -------------------------------------------------------------------------------------------

    def states(self, wanted: str) -> list[str]:
        """Name the nodes in a state."""
        return [name for name, run in self.runs.items() if self.cluster.state_of(run, name) == wanted]

    def check(self, expect: dict[str, Any]) -> None:
        """Compare with what a case expects."""
        for key, wanted in expect.items():
            getattr(self, f"_expect_{key}")(wanted)

    def _expect_running(self, wanted: list[str]) -> None:
        assert self.states("running") == wanted

    def _expect_queued(self, wanted: list[str]) -> None:
        assert self.states("queued") == wanted

    def _expect_queue_order(self, wanted: list[str]) -> None:
        running = [name for name in self.states("running") if name in wanted]
        assert running + self.cluster.queue() == wanted

    def _expect_running_or_queued(self, wanted: list[str]) -> None:
        assert sorted(self.states("running") + self.states("queued")) == wanted

    def _expect_capacity(self, wanted: dict[str, float]) -> None:
        only(wanted, "cpus")
        there = [record for record in self.cluster.world.agents.values() if not record.lost]
        assert sum(record.resources.milli_cpus for record in there) == wanted["cpus"] * 1000

    def _expect_reserved(self, wanted: dict[str, dict[str, float]]) -> None:
        found = {
            record.name: {"cpus": record.account.used_cpus / 1000}
            for record in self.cluster.world.agents.values()
            if record.account.reservations
        }
        assert found == wanted

    def _expect_lost_agents(self, wanted: list[str]) -> None:
        assert self.lost == wanted

    def _expect_ended(self, wanted: dict[str, str]) -> None:
        assert {name: self.cluster.state(self.runs[name]) for name in wanted} == wanted

    def _expect_nodes(self, wanted: dict[str, str]) -> None:
        assert self.graph is not None
        assert self.cluster.nodes(self.graph) == wanted

    def _expect_run(self, wanted: str) -> None:
        assert self.graph is not None
        assert self.cluster.state(self.graph) == wanted

    def _expect_attempts_that_count_as_failures(self, wanted: int) -> None:
        found = self.cluster.disk.rows("SELECT sum(losses + failures) FROM executions")
        assert found == [(wanted,)]

    def _expect_reason_mentions(self, wanted: list[str]) -> None:
        assert all(mentions(self.cluster.why(run, 0), wanted) for run in self.runs.values())

    def _expect_gpu_indices(self, wanted: dict[str, str]) -> None:
        agent = self.cluster.agents["w1"]
        found = {name: set(agent.attempts[agent.attempt_of(name)].assignment.gpus) for name in wanted}
        assert [len(indices) for indices in found.values()] == [1, 2]
        assert set.union(*found.values()) == {0, 1, 2}
        assert list(wanted.values()) == ["one of 0, 1, 2", "the two others"]

    def _expect_at_the_end(self, wanted: dict[str, list[str]]) -> None:
        only(wanted, "success")
        for name in wanted["success"]:
            self.cluster.succeed(name)
        assert [name for name, run in self.runs.items() if self.cluster.state(run) == "success"] == wanted["success"]


@pytest.mark.parametrize("case", daemon_cases("scheduling"))
def test_scheduling(case: Case) -> None:
    """After the events, the ledger and the queue are as the case says."""
    scheduler = Scheduler(case["given"])
    try:
        for event in case["given"]["events"]:
            scheduler.happen(event)
        scheduler.check(case["expect"])
    finally:
        scheduler.cluster.close()
