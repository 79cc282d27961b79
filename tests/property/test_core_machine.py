"""Anything may happen to the core, in any order, and at any point the daemon may die: it contradicts itself never.

After each step: the World's invariants, the ledger, the counters against the rows, and that what a restart restores
equals what was live. At the end everything that was submitted comes to an end.
"""

import os
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from accio.domain.precision import Until
from accio.domain.resources import Resources
from accio.domain.retry_demand import read_retry_demand
from accio.domain.runs import OnFailure
from accio.domain.states import Cause
from accio.errors import AccioError
from accio_daemon.core.commands import AgentDraining, DeleteRun, DrainAgent, KillRun, PruneTrial, RetryRun, Tick
from accio_daemon.core.terms import AttemptNo, CacheMode, RunNo
from accio_daemon.core.world import Settings
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

OPERATORS = (
    builders.step(),
    builders.step("Random", digest="2", unstable=True),
    builders.step("Again", digest="3", retries=1, backoff_ms=3000),
    builders.step("Secret", digest=None),
    builders.step("Large", digest="4", demand=Resources(milli_cpus=2000, gpus=1)),
)
SHAPES: tuple[dict[str, list[str]], ...] = (
    {"A": []},
    {"A": [], "B": ["A"]},
    {"A": [], "B": []},
    {"A": [], "B": [], "C": ["A", "B"]},
    {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"]},
)
NAMES = ("w1", "w2", "w3")

pick = st.integers(0, 1000)
nodes_of = st.sampled_from([(), ("A",), ("B",), ("A", "B"), ("A", "B", "C", "D")])


class CoreMachine(RuleBasedStateMachine):
    """One cluster; agents join, lose their connection, die; clients do what clients do."""

    def __init__(self) -> None:
        super().__init__()
        options = Settings(open_children=3, backlog=2, max_losses=1, prefetch_window=10.0, reserve_after=5.0)
        self.cluster = Cluster(settings=options, operators=OPERATORS, restored_every=3)
        self.runs: list[RunNo] = []

    # --- clients --------------------------------------------------------------------------------------------------

    @rule(
        shape=st.sampled_from(SHAPES),
        op=st.sampled_from([spec.name for spec in OPERATORS]),
        where=st.sampled_from(["A", "B", "C"]),
        children=st.sampled_from([1, 1, 2, 5, 9]),
        repeat=st.sampled_from([1, 1, 2]),
        until=st.sampled_from([None, None, 0.5, 15.0]),
        at_once=st.sampled_from([None, None, None, 1, 2]),
        swept=nodes_of,
        same=st.booleans(),
        policy=st.sampled_from([OnFailure(), OnFailure(), builders.STOP, builders.at_most(1)]),
        cache=st.sampled_from([CacheMode.USE, CacheMode.USE, CacheMode.USE, CacheMode.NONE, CacheMode.REFRESH]),
        nice=st.booleans(),
    )
    def submit(
        self,
        shape: dict[str, list[str]],
        op: str,
        where: str,
        children: int,
        repeat: int,
        until: float | None,
        at_once: int | None,
        swept: tuple[str, ...],
        same: bool,
        policy: OnFailure,
        cache: CacheMode,
        nice: bool,
    ) -> None:
        labels = dict.fromkeys(shape, "same") if same else {}
        workflow = builders.graph(shape, op={where: op}, swept=swept, labels=labels)
        sweep = builders.sweep_of(children, repeat=repeat if until is None else 6)
        if until is not None:
            sweep = sweep.repeated_until(Until(node="A", port="data", ci95=until, least=2))
        elif at_once is not None:
            sweep = builders.study_of(children + 2, at_once=at_once, repeat=repeat)
        run = self.cluster.submit(
            workflow,
            sweep=sweep,
            on_failure=policy,
            cache=cache,
            nice=nice,
            seed=len(self.runs),
        )
        self.runs.append(run)

    def _run(self, which: int) -> RunNo | None:
        return self.runs[which % len(self.runs)] if self.runs else None

    def _index(self, run: RunNo, which: int) -> int | None:
        ((children,),) = self.cluster.disk.rows("SELECT children FROM runs WHERE no = ?", run) or [(1,)]
        return None if children == 1 or which % 3 == 0 else which % children

    def _try(self, command: Any) -> None:
        try:
            self.cluster.ask(command)
        except AccioError:
            self.cluster.check()

    @precondition(lambda self: self.runs)
    @rule(which=pick, child=pick)
    def kill(self, which: int, child: int) -> None:
        run = self._run(which)
        if run is not None and self.cluster.exists(run):
            self._try(KillRun(run=run, index=self._index(run, child)))

    @precondition(lambda self: self.runs)
    @rule(which=pick, trial=pick)
    def prune(self, which: int, trial: int) -> None:
        run = self._run(which)
        if run is not None and self.cluster.exists(run):
            self._try(PruneTrial(run=run, trial=trial % 8, why="behind"))

    @precondition(lambda self: self.runs)
    @rule(which=pick, child=pick)
    def delete(self, which: int, child: int) -> None:
        run = self._run(which)
        if run is not None and self.cluster.exists(run):
            self._try(DeleteRun(run=run, index=self._index(run, child)))

    @precondition(lambda self: self.runs)
    @rule(which=pick, child=pick, cpus=st.sampled_from(["", "", "2", "64"]), forced=st.booleans())
    def retry(self, which: int, child: int, cpus: str, forced: bool) -> None:
        run = self._run(which)
        if run is not None and self.cluster.exists(run):
            index, demand = self._index(run, child), read_retry_demand(cpus=cpus) or None
            try:
                self.cluster.ask(RetryRun(run=run, index=index, demand=demand, forced=forced))
            except AccioError:
                self.cluster.check()

    # --- agents ---------------------------------------------------------------------------------------------------

    def _agents(self, *, connected: bool) -> list[FakeAgent]:
        return [agent for agent in self.cluster.agents.values() if (agent.session is not None) == connected]

    @rule(
        name=st.sampled_from(NAMES),
        cpus=st.sampled_from([1, 2, 3]),
        gpus=st.sampled_from([0, 1]),
        prefetch=st.sampled_from([0, 4]),
    )
    def join(self, name: str, cpus: int, gpus: int, prefetch: int) -> None:
        if name not in self.cluster.agents:
            self.cluster.join(name, builders.offer(cpus, gpus=gpus), prefetch=prefetch)

    @rule(which=pick)
    def rejoin(self, which: int) -> None:
        """A session ends and another one begins, or the daemon doesn't even notice the end; reports are handed over."""
        agents = list(self.cluster.agents.values())
        if agents:
            agent = agents[which % len(agents)]
            self.cluster.rejoin(agent)
            if agent.outbox:
                self.cluster.ask(agent.telling())

    @rule(which=pick)
    def die(self, which: int) -> None:
        """An agent's process dies and starts again on the same folder."""
        agents = list(self.cluster.agents.values())
        if agents:
            agent = agents[which % len(agents)]
            held = agent.die()
            self.cluster.rejoin(agent, held=held)
            if agent.outbox:
                self.cluster.ask(agent.telling())

    @rule(which=pick, clean=st.booleans())
    def leave(self, which: int, clean: bool) -> None:
        agents = self._agents(connected=True)
        if agents:
            agent = agents[which % len(agents)]
            self.cluster.leave(agent, clean=clean)
            if clean:
                agent.attempts.clear()
                agent.open_grants.clear()

    @rule(which=pick, attempt=pick, outcome=st.sampled_from(["success", "success", "success", "failure", "input"]))
    def end(self, which: int, attempt: int, outcome: str) -> None:
        """An attempt that holds a grant ends; the daemon hears of it if the agent is connected."""
        agents = [agent for agent in self.cluster.agents.values() if agent.running()]
        if not agents:
            return
        agent = agents[which % len(agents)]
        granted = [no for no, held in agent.attempts.items() if held.granted]
        self._end(agent, granted[attempt % len(granted)], outcome)
        if agent.session is not None:
            self.cluster.ask(agent.telling())

    @rule(which=pick)
    def end_all(self, which: int) -> None:
        """Everything that an agent may execute ends well, so that whole points of a sweep come to an end."""
        agents = self._agents(connected=True)
        if agents:
            agent = agents[which % len(agents)]
            for no in [no for no, held in agent.attempts.items() if held.granted]:
                self._end(agent, no, "success")
            if agent.outbox:
                self.cluster.ask(agent.telling())

    def _end(self, agent: FakeAgent, no: AttemptNo, outcome: str) -> None:
        if outcome == "success":
            sent = agent.attempts[no].assignment
            text = f'"{sent.inputs.count("x") + (sent.seed or 0) % 5}"'
            agent.end(builders.success(agent.next_seq, no, {"data": text}, wall_us=1000))
        else:
            cause = Cause.EXCEPTION if outcome == "failure" else Cause.BAD_INPUT
            agent.end(builders.failure(agent.next_seq, no, cause))

    @rule(which=pick)
    def repeat_reports(self, which: int) -> None:
        """A report is handed over although the daemon has it: it is late, and changes nothing."""
        agents = self._agents(connected=True)
        if agents:
            agent = agents[which % len(agents)]
            self.cluster.ask(
                agent.telling(builders.success(agent.next_seq + 1000, AttemptNo(1 + which), {"data": '"late"'}))
            )

    @rule(which=pick)
    def answer(self, which: int) -> None:
        """An agent answers what it was asked to stop and to give back."""
        agents = self._agents(connected=True)
        if agents:
            agent = agents[which % len(agents)]
            if agent.answer_stops():
                self.cluster.ask(agent.telling())
            if agent.recalled:
                self.cluster.ask(agent.answer_recalls())

    @rule(which=pick, draining=st.booleans(), by_user=st.booleans())
    def drain(self, which: int, draining: bool, by_user: bool) -> None:
        agents = self._agents(connected=True)
        if agents:
            agent = agents[which % len(agents)]
            assert agent.session is not None
            if by_user:
                self.cluster.ask(DrainAgent(name=agent.name, draining=draining))
            else:
                self.cluster.ask(AgentDraining(session=agent.session, draining=draining))

    # --- time and crashes -----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.25, 1.0, 6.5, 16.0]), silent=st.sampled_from([(), (), ("w1",), NAMES]))
    def tick(self, seconds: float, silent: tuple[str, ...]) -> None:
        self.cluster.tick(seconds, silent=silent)

    @rule()
    def crash(self) -> None:
        """The daemon dies between two batches."""
        self.cluster.restart()

    @precondition(lambda self: self.runs)
    @rule(which=pick)
    def crash_before_commit(self, which: int) -> None:
        """The daemon dies having decided, and not committed: nobody was told, so nothing happened."""
        run = self._run(which)
        if run is None:
            return
        before = self.cluster.nodes(run) if self.cluster.exists(run) else None
        self.cluster.daemon.post(KillRun(run=run))
        self.cluster.daemon.decide()
        self.cluster.restart()
        assert (self.cluster.nodes(run) if self.cluster.exists(run) else None) is None or before is not None

    def teardown(self) -> None:
        """Once the faults stop, everything ends, and nothing is reserved any more."""
        cluster = self.cluster
        try:
            cluster.checked = False
            self._finish()
            cluster.checked = True
            cluster.check()
        finally:
            cluster.close()

    def _serve(self, agent: FakeAgent) -> None:
        """Report success of everything that an agent holds."""
        assert agent.session is not None
        if agent.drained:
            self.cluster.ask(DrainAgent(name=agent.name, draining=False))
        agent.answer_stops()
        for no in [no for no, held in agent.attempts.items() if held.granted]:
            self._end(agent, no, "success")
        if agent.outbox:
            self.cluster.ask(agent.telling())
        if agent.recalled:
            self.cluster.ask(agent.answer_recalls())

    def _finish(self) -> None:
        cluster = self.cluster
        if not self.runs:
            return
        for name in NAMES:
            if name not in cluster.agents:
                cluster.join(name, builders.offer(3, gpus=1))
        for agent in cluster.agents.values():
            cpus = 64 if agent.name == NAMES[0] else 3  # what was forced waits for so many
            agent.resources = builders.offer(cpus, gpus=1)
            agent.draining = False
            cluster.rejoin(agent)
        for _ in range(400):
            for agent in cluster.agents.values():
                self._serve(agent)
            if not cluster.world.runs and not cluster.world.by_attempt:
                break
            cluster.tick(2.0)
        assert not cluster.world.runs, f"never ended: {list(cluster.world.runs.values())}, {cluster.world.queue}"
        assert not cluster.world.by_attempt, f"still dispatched: {cluster.world.by_attempt}"
        for agent_record in cluster.world.agents.values():
            assert agent_record.account.reservations == 0, f"{agent_record} leaks {agent_record.account}"
        cluster.ask(Tick())


TestCore = pytest.mark.slow(pytest.mark.timeout(300)(CoreMachine.TestCase))
TestCore.settings = settings(
    max_examples=int(os.environ.get("ACCIO_MACHINE_EXAMPLES", "300")),
    stateful_step_count=20,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=list(HealthCheck),
)
