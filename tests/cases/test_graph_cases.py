"""Areas states, failure, kill, parent, delete and retry: the cases that are about a graph and what happens to it.

They run on the real core and storage; agents do what the events say. A node begins only when an event says so: until
then no agent has room for it.
"""

import random
from typing import Any

import orjson
import pytest

from accio.domain.failures import Failure
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import Settings
from tests import builders
from tests.cases.loader import Case, daemon_cases, only
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

AREAS = ("states", "failure", "kill", "parent", "delete", "retry")
GRAPH_CASES = [case for area in AREAS for case in daemon_cases(area) if "graph" in case.values[0]["given"]]  # type: ignore[index]  # a case is a dictionary


class GraphDriver:
    """One run of a graph, whose nodes begin one by one."""

    def __init__(self, given: dict[str, Any]) -> None:
        """Submit the run; nothing has begun."""
        shape: dict[str, list[str]] = given["graph"]
        self.names = list(shape)
        self.children: int = given.get("sweep", 1)
        self.cluster = Cluster(settings=Settings(max_losses=given.get("max_losses", 3)))
        workflow = builders.graph(shape, swept=self.names)
        self.run: RunNo = self.cluster.submit(workflow, sweep=builders.sweep_of(self.children))
        self.id = self.cluster.run(self.run).id
        self.kept: dict[str, FakeAgent] = {}  # nodes that began, and where
        self.executions: dict[str, int] = {}
        self.progress = [self.share()]
        self._next = 0

    def close(self) -> None:
        """End."""
        self.cluster.close()

    # --- events -----------------------------------------------------------------------------------------------------

    def happen(self, event: list[Any]) -> None:
        """Carry out one event."""
        kind, *rest = event
        match kind:
            case "start":
                self.start(rest[0])
            case "succeed":
                self.end(rest[0], well=True)
            case "fail":
                self.end(rest[0], well=False)
            case "lose_agent_of":
                self.cluster.lose(self.kept.pop(self.node(rest[0])))
            case "kill":
                self.cluster.kill(self.run, self.index(rest[0]) if rest else None)
            case "delete":
                self.cluster.delete(self.run, self.index(rest[0]) if rest else None)
            case "retry":
                assert self.cluster.retry(self.run)
            case "fill_slots":
                pass  # nobody has room but for what `start` names
            case _:
                raise AssertionError(f"the adapter doesn't know the event {event}")
        self.progress.append(self.share())

    def node(self, name: str) -> str:
        """Return a node's name as agents tell it: "A", or "1/A" of the second child."""
        return f"{self.index(name)}/{name.partition('/')[2]}" if name.startswith("#") else name

    @staticmethod
    def index(name: str) -> int:
        """Read "#2" or "#2/A": children count from 0."""
        return int(name[1:].partition("/")[0]) - 1

    def start(self, name: str) -> None:
        """Connect an agent that has room for one node.

        Those that stand before it are held elsewhere for a moment, and given back with a goodbye, which counts nothing.
        """
        node = self.node(name)
        queue = self.cluster.queue()
        assert node in queue, f"{name} isn't ready: {queue}"
        shields = [self._busy(other) for other in queue[: queue.index(node)]]
        agent = self._busy(node)
        self.kept[node] = agent
        self.executions[node] = self.executions.get(node, 0) + 1
        for shield in shields:
            self.cluster.leave(shield, clean=True)
            shield.attempts.clear()

    def _busy(self, node: str) -> FakeAgent:
        """Begin the first node of the queue."""
        self._next += 1
        agent = self.cluster.join(f"w{self._next}")
        assert agent.holds(node), f"{node} stands first, and {agent.running()} began"
        return agent

    def end(self, name: str, *, well: bool) -> None:
        """End a node; its agent takes nothing else."""
        node = self.node(name)
        agent = self.kept.pop(node)
        agent.draining = True
        self.cluster.rejoin(agent)
        if well:
            self.cluster.succeed(node)
        else:
            self.cluster.fail(node)
        self.cluster.leave(agent, clean=True)

    # --- what is to be seen -----------------------------------------------------------------------------------------

    def share(self) -> float:
        """Return the progress: the share of ended nodes."""
        if not self.cluster.exists(self.run):
            return 1.0
        ((ended, children, closed, removed, size),) = self.cluster.disk.rows(
            "SELECT nodes_ended, children, closed, removed, nodes FROM runs WHERE no = ?", self.run
        )
        if closed and self.cluster.run_is_over(self.run):
            return 1.0
        left = children - sum(last - first + 1 for first, last in orjson.loads(removed))
        return float(sum(orjson.loads(ended).values()) / (left * size))

    def check(self, expect: dict[str, Any]) -> None:
        """Compare with what a case expects."""
        for key, wanted in expect.items():
            getattr(self, f"_expect_{key}")(wanted)

    def _expect_nodes(self, wanted: dict[str, str]) -> None:
        found = self.cluster.nodes(self.run)
        assert {name: found[name] for name in wanted} == wanted

    def _expect_run(self, wanted: str) -> None:
        assert self.cluster.state(self.run) == wanted

    def _expect_progress(self, wanted: float) -> None:
        assert self.share() == wanted

    def _expect_run_ended(self, wanted: str) -> None:
        assert wanted == "set"
        assert self.cluster.disk.rows("SELECT ended_at IS NOT NULL FROM runs WHERE no = ?", self.run) == [(1,)]

    def _expect_queue(self, wanted: list[str]) -> None:
        assert self.cluster.queue() == [self.node(name) for name in wanted]

    def _expect_children(self, wanted: list[str]) -> None:
        implied = self.cluster.state(self.run)
        found = [self.cluster.child(self.run, index) or implied for index in range(self.children)]
        assert found == wanted

    def _expect_exists(self, wanted: dict[str, bool]) -> None:
        for name, there in wanted.items():
            if name == "parent":
                assert self.cluster.exists(self.run) == there
            else:
                found = self.cluster.disk.rows(
                    "SELECT 1 FROM instances WHERE run_no = ? AND idx = ?", self.run, self.index(name)
                )
                assert bool(found) == there

    def _expect_processes_left(self, wanted: int) -> None:
        left = [no for a in self.cluster.agents.values() for no in a.attempts if no not in a.stopped]
        assert len(left) == wanted

    def _expect_cause(self, wanted: dict[str, str]) -> None:
        for name, cause in wanted.items():
            failure = Failure.from_json(orjson.loads(self.cluster.cause(self.run, self.names.index(name))))
            assert failure.cause == cause

    def _expect_attempts(self, wanted: dict[str, int]) -> None:
        for name, count in wanted.items():
            query = "SELECT count(*) FROM attempts WHERE run_no = ? AND node = ?"
            assert self.cluster.disk.rows(query, self.run, self.names.index(name)) == [(count,)]

    def _expect_failures_counted(self, wanted: dict[str, int]) -> None:
        for name, count in wanted.items():
            query = "SELECT failures FROM executions WHERE run_no = ? AND node = ?"
            assert self.cluster.disk.rows(query, self.run, self.names.index(name)) == [(count,)]

    def _expect_executions(self, wanted: dict[str, int]) -> None:
        assert {name: self.executions[name] for name in wanted} == wanted

    def _expect_same_run_id(self, wanted: bool) -> None:
        assert self.cluster.disk.rows("SELECT id FROM runs") == [(self.id,)]
        assert wanted

    def _expect_then(self, wanted: dict[str, Any]) -> None:
        wanted = dict(wanted)
        for event in wanted.pop("events"):
            self.happen(event)
        self.check(wanted)

    def _expect_progress_never_decreases(self, wanted: bool) -> None:
        assert wanted
        assert self.progress == sorted(self.progress)

    _expect_run_at_the_end = _expect_run
    _expect_progress_at_the_end = _expect_progress


@pytest.mark.parametrize("case", GRAPH_CASES)
def test_graph(case: Case) -> None:
    """After the last event, nodes, run, queue and rows are as the case says."""
    given = case["given"]
    only(given, "graph", "events", "free_slots", "max_losses", "sweep")
    assert given.get("free_slots", 0) == 0, "the adapter gives room by `start` alone"
    driver = GraphDriver(given)
    try:
        if isinstance(given["events"], str):
            _end_in_random_order(driver, given["events"])
        else:
            for event in given["events"]:
                driver.happen(event)
        driver.check(case["expect"])
    finally:
        driver.close()


def _end_in_random_order(driver: GraphDriver, words: str) -> None:
    """Do what the one event in words says."""
    assert words.startswith("the children end in a random order while later ones are still being started"), words
    chance = random.Random(7)  # noqa: S311 — a test repeats
    waiting = list(range(1, driver.children + 1))
    begun: list[int] = []
    while waiting or begun:
        if waiting and (not begun or chance.random() < 0.5):
            begun.append(waiting.pop(0))
            driver.happen(["start", f"#{begun[-1]}/A"])
        else:
            driver.happen(["succeed", f"#{begun.pop(chance.randrange(len(begun)))}/A"])
