"""A daemon and its fake agents, step by step: what tests of the core drive. After each step everything is checked.

Checked are the World's invariants, the counters against the rows, and that a restart would find the same World.
"""

from typing import Any, TypeVar

from accio.domain.operators import OperatorSpec
from accio.domain.people import parse_person
from accio.domain.resources import Resources
from accio.domain.states import RUN_TERMINAL, Cause, NodeState, RunState
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio_daemon.core.commands import (
    AgentHeard,
    AgentLost,
    Command,
    DeleteRun,
    KillRun,
    RemoveAgent,
    RetryRun,
    SubmitRun,
    Submitted,
    Tick,
)
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.readings.explain import why_waiting
from accio_daemon.core.records import Run
from accio_daemon.core.terms import Announced, CacheMode, RunNo
from accio_daemon.core.world import Settings, World
from accio_daemon.storage.codes import NODE_STATE_OF, RUN_STATE_OF
from tests import builders
from tests.fakes import FakeAgent, FakeClock
from tests.simulator.daemon import Daemon
from tests.simulator.disk import Disk
from tests.simulator.invariants import check_invariants
from tests.simulator.snapshot import assert_same, check_leftovers, check_recount, restored, snapshot

T = TypeVar("T")


class Cluster:
    """One daemon on one disk, and the agents that a test lets join."""

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        operators: tuple[OperatorSpec, ...] = (),
        restored_every: int = 1,
        disk: Disk | None = None,
    ) -> None:
        """Start; the operators (a `Step` by default) are known though no agent offers them yet.

        What a restart would find is looked at after every step, or after each *restored_every*-th one.
        """
        self.clock = FakeClock()
        self.settings = settings or Settings()
        self.disk = disk or Disk()
        self.daemon = Daemon(self.disk, self.clock, self.settings)
        self.agents: dict[str, FakeAgent] = {}
        self.operators = operators or (builders.step(),)
        self.checked = True
        self._restored_every = restored_every
        self._steps = 0
        self._next_id = 1
        herald = FakeAgent(name="herald", operators=self.operators)
        self._connect(herald)
        self.leave(herald, clean=True)
        self.ask(RemoveAgent(name="herald"))

    @property
    def world(self) -> World:
        """Return the live World."""
        return self.daemon.world

    def close(self) -> None:
        """End."""
        self.disk.close()

    # --- steps ----------------------------------------------------------------------------------------------------

    def ask(self, command: Command[T]) -> T:
        """Carry out a command and everything that follows; then check."""
        value = self.daemon.carry_out(command)
        self.check()
        return value

    def check(self) -> None:
        """Check everything."""
        if not self.checked:
            return
        check_invariants(self.world)
        check_recount(self.disk)
        check_leftovers(self.disk, self.world)
        self._steps += 1
        if self._steps % self._restored_every:
            return
        now = self.clock.now()
        again = restored(self.disk, self.world, now)
        assert_same(snapshot(self.world, now), snapshot(again, now))

    def restart(self) -> None:
        """Kill the daemon and start another one on its disk; agents aren't connected then."""
        self.daemon = Daemon(self.disk, self.clock, self.settings)
        for agent in self.agents.values():
            agent.session = None
        self.daemon.finish()
        self.check()

    def tick(self, seconds: float = 0.25, *, silent: tuple[str, ...] = ()) -> None:
        """Advance time in short steps; connected agents are heard, but for the *silent* ones."""
        while seconds > 0:
            step = min(seconds, 2.0)
            seconds -= step
            self.clock.advance(step)
            for agent in self.agents.values():
                if agent.session is not None and agent.name not in silent:
                    self.daemon.post(AgentHeard(session=agent.session))
            self.daemon.carry_out(Tick())
        self.check()

    # --- agents ---------------------------------------------------------------------------------------------------

    def join(
        self,
        name: str = "w1",
        resources: Resources | None = None,
        *,
        operators: tuple[OperatorSpec, ...] | None = None,
        prefetch: int = 0,
        ends_in: float | None = None,
        owners: tuple[str, ...] = (),
    ) -> FakeAgent:
        """Join an agent, with all operators and for everybody unless told otherwise."""
        agent = self.agents[name] = FakeAgent(
            name=name,
            resources=resources or Resources(),
            operators=self.operators if operators is None else operators,
            prefetch_limit=prefetch,
            ends_in=ends_in,
            owners=frozenset(owners),
        )
        self._connect(agent)
        return agent

    def rejoin(self, agent: FakeAgent, **changes: Any) -> None:
        """Open another session of an agent, with what it holds."""
        self._connect(agent, **changes)

    def _connect(self, agent: FakeAgent, **changes: Any) -> None:
        session = self.daemon.next_session()
        self.daemon.links.attach(session, agent)
        agent.no = self.ask(agent.hello(session, **changes))

    def end_time(self, agent: FakeAgent) -> None:
        """End an agent's session as its host's time is over."""
        assert agent.session is not None
        session, agent.session = agent.session, None
        self.daemon.links.detach(session)
        self.ask(AgentLost(session=session, reason="the end of its time", clean=True, walltime=True))
        agent.attempts.clear()

    def leave(self, agent: FakeAgent, *, clean: bool = False, reason: str = "connection lost") -> None:
        """End an agent's session, with a goodbye or without."""
        assert agent.session is not None
        session, agent.session = agent.session, None
        self.daemon.links.detach(session)
        self.ask(AgentLost(session=session, reason=reason, clean=clean))

    def lose(self, agent: FakeAgent) -> None:
        """Cut an agent off for good: what others can take over goes to them after the lease, the rest is lost, too."""
        self.vanish(agent)
        self.ask(RemoveAgent(name=agent.name))
        agent.attempts.clear()

    def vanish(self, agent: FakeAgent) -> None:
        """Cut an agent off for longer than the lease, with what it holds."""
        self.leave(agent)
        self.tick(self.settings.lease + 1)

    def holder(self, node: str) -> FakeAgent:
        """Find the agent that holds a node."""
        found = [agent for agent in self.agents.values() if agent.holds(node)]
        assert len(found) == 1, f"{node} is held by {[agent.name for agent in found]}"
        return found[0]

    def succeed(self, node: str, output: str | None = None, **rest: Any) -> None:
        """End a node in success, wherever it is held; its output tells its name unless told otherwise."""
        agent = self.holder(node)
        attempt = agent.attempt_of(node)
        text = output if output is not None else f'"{node}"'
        self.ask(agent.telling(agent.end(builders.success(agent.next_seq, attempt, {"data": text}, **rest))))

    def fail(self, node: str, cause: Cause = Cause.EXCEPTION, *, wall_us: int = 1_000) -> None:
        """End a node badly."""
        agent = self.holder(node)
        report = builders.failure(agent.next_seq, agent.attempt_of(node), cause, wall_us=wall_us)
        self.ask(agent.telling(agent.end(report)))

    # --- runs -----------------------------------------------------------------------------------------------------

    def pinned(self, workflow: Workflow) -> tuple[Announced, ...]:
        """Return the latest version of the operator of each node."""
        numbers = {spec.name: self.world.operators[(spec.name, identity_of(spec))] for spec in self.operators}
        specs = {spec.name: spec for spec in self.operators}
        return tuple(Announced(no=numbers[node.op], spec=specs[node.op]) for node in workflow.graph)

    def submission(
        self,
        workflow: Workflow,
        *,
        sweep: Sweep | None = None,
        cache: CacheMode = CacheMode.USE,
        seed: int = 1,
        **fields: Any,
    ) -> SubmitRun:
        """Make a submission."""
        idempotency = fields.pop("idempotency", None)
        pins = fields.pop("pins", {})
        owner = parse_person(fields.pop("owner", "Ada <ada@example.org>"))
        self._next_id += 1
        return SubmitRun(
            id=builders.run_id(self._next_id),
            definition=builders.definition(workflow, sweep=sweep, **fields),
            workflow_no=self.disk.add_workflow(workflow),
            workflow=workflow,
            operators=self.pinned(workflow),
            owner_name=owner.name,
            owner_email=owner.email,
            cache=cache,
            seed=seed,
            pins=pins,
            idempotency=idempotency,
        )

    def submit(self, workflow: Workflow, **fields: Any) -> RunNo:
        """Submit a run."""
        answer: Submitted = self.ask(self.submission(workflow, **fields))
        return answer.no

    def kill(self, run: RunNo, index: int | None = None) -> bool:
        """Kill a run or a child."""
        return bool(self.ask(KillRun(run=run, index=index)))

    def delete(self, run: RunNo, index: int | None = None) -> bool:
        """Delete a run or a child."""
        return bool(self.ask(DeleteRun(run=run, index=index)))

    def retry(self, run: RunNo, index: int | None = None) -> bool:
        """Retry a run or a child."""
        return bool(self.ask(RetryRun(run=run, index=index)))

    # --- what is to be seen ---------------------------------------------------------------------------------------

    def run(self, run: RunNo) -> Run:
        """Return a run that hasn't ended."""
        return self.world.runs[run]

    def run_is_over(self, run: RunNo) -> bool:
        """Return whether a stored run has ended, and the World doesn't hold it any more."""
        return self.state(run) in RUN_TERMINAL and run not in self.world.runs

    def state(self, run: RunNo) -> RunState:
        """Return the state of a run, as it is stored."""
        ((state,),) = self.disk.rows("SELECT state FROM runs WHERE no = ?", run)
        return RUN_STATE_OF[state]

    def exists(self, run: RunNo) -> bool:
        """Return whether a run is stored."""
        return bool(self.disk.rows("SELECT 1 FROM runs WHERE no = ? AND closed <> 3", run))

    def nodes(self, run: RunNo, index: int = 0) -> dict[str, str]:
        """Return the state of each node of a child: live if it is open, else as it is stored."""
        ((definition,),) = self.disk.rows(
            "SELECT w.definition FROM runs r JOIN workflows w ON w.no = r.workflow_no WHERE r.no = ?", run
        )
        names = [node.name for node in Workflow.from_canonical_json(definition).graph]
        live = self.world.runs.get(run)
        if live is not None and index in live.open:
            return {name: live.open[index].states[no].value for no, name in enumerate(names)}
        stored = {no: NODE_STATE_OF[state].value for no, state in self._stored(run, index)}
        return {name: stored.get(no, "none") for no, name in enumerate(names)}

    def _stored(self, run: RunNo, index: int) -> list[tuple[int, int]]:
        return [
            (no, state)
            for no, state in self.disk.rows("SELECT node, state FROM nodes WHERE run_no = ? AND idx = ?", run, index)
        ]

    def child(self, run: RunNo, index: int) -> RunState | None:
        """Return the stored state of a child that has begun or ended."""
        found = self.disk.rows("SELECT state FROM instances WHERE run_no = ? AND idx = ?", run, index)
        return RUN_STATE_OF[found[0][0]] if found else None

    def cause(self, run: RunNo, node: int, index: int = 0) -> str:
        """Return why a node ended, as it is stored (JSON)."""
        ((cause,),) = self.disk.rows(
            "SELECT cause FROM nodes WHERE run_no = ? AND idx = ? AND node = ?", run, index, node
        )
        return str(cause)

    def queue(self) -> list[str]:
        """Name the queued executions in order, "NODE" or "INDEX/NODE" of their first subscribers."""
        return [_name(execution.first[0].run, *_first(execution)) for execution in self.world.queue]

    def why(self, run: RunNo, node: int, index: int = 0) -> str:
        """Say what a node waits for."""
        return why_waiting(self.world, run, index, node, self.clock.now())

    def state_of(self, run: RunNo, name: str, index: int = 0) -> NodeState:
        """Return the state of one node."""
        return NodeState(self.nodes(run, index)[name])


def _first(execution: Any) -> tuple[int, str]:
    instance, _ = execution.first
    return instance.index, execution.node.name


def _name(run: Run, index: int, node: str) -> str:
    return node if run.single else f"{index}/{node}"
