"""A whole cluster in one thread and one seed: the real cores of daemon and agents, the real storage, and bad luck.

    Simulation(seed).run()      raises Violation if anything that must never happen happened

For a minute everything fails: processes die between any two steps, freeze, links are cut one way or both, messages come
late or twice, clients lose their answers. Then the faults stop, and everything must come to its end.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from accio_daemon.core import attempts, on_nodes
from accio_daemon.core.commands import (
    AgentLost,
    AgentReports,
    Command,
)
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.terms import AttemptNo, ExecutionNo
from accio_daemon.core.turn import Turn
from accio_daemon.engine.commits import FULL_DISK_PAUSE
from accio_daemon.engine.cycle import Batch, Bounds
from accio_daemon.engine.full_disk import FullDisk
from accio_daemon.storage.writing.transactions import Committed, DiskFull, Outcome
from tests import builders
from tests.fakes import FakeAgent, Reply
from tests.simulator import judge
from tests.simulator.agent import SimulatedAgent
from tests.simulator.arrivals import Arrivals
from tests.simulator.caps import served_by, settings_of
from tests.simulator.clients import LONGEST_COMMIT, Clients
from tests.simulator.daemon import Daemon
from tests.simulator.disk import CarefreeDisk, Disk
from tests.simulator.events import Loop
from tests.simulator.gathering import answering
from tests.simulator.invariants import check_invariants
from tests.simulator.judge import Judge, require
from tests.simulator.misfortune import Misfortune
from tests.simulator.network import Stream
from tests.simulator.sessions import Sessions, UnboundLinks
from tests.simulator.snapshot import assert_same, check_leftovers, check_recount, restored, snapshot
from tests.simulator.truth import OPERATORS, Machine

SAFEGUARDS = (
    "fence",
    "outbox",
    "journal",
    "reconcile",
    "commit before act",
    "bind the send",
    "dedup of starts",
    "idempotency key",
    "lease order",
    "grace after restart",
    "admission",
    "retry on a full disk",
    "histories",
)
Answer = Callable[[Any], None]

FAULTS_END = 45.0
GIVE_UP = 400.0
# Small: large batches wait for a commit, submissions open most children later, retries take several pages.
BOUNDS = Bounds(rows=24, opened_first=2, retried=3, settled=3)
TICK = 1.0
DRIFT = 0.02  # of the clocks of agents, in seconds a second: a hundred times that of bad ones


class Simulation:
    """One seed's history."""

    def __init__(self, seed: int, *, switched_off: frozenset[str] = frozenset()) -> None:
        """Set everything up; nothing has happened yet."""
        unknown = switched_off - set(SAFEGUARDS)
        require(not unknown, f"no such safeguards: {', '.join(sorted(unknown))}")
        self.loop = Loop(seed)
        self.off = switched_off
        self.disk = Disk()
        self.judge = Judge(self.loop, self.disk)
        self.faults = True
        self.life = 0
        self.daemon: Daemon | None = None
        self._deciding = False
        self._more = False  # whether the last decision left something to do
        self.slow_until = 0.0
        self.sessions = Sessions(self)
        self._owner: dict[AttemptNo, ExecutionNo] = {}  # attempt -> execution, for a daemon without a fence
        self.settings = settings_of(seed, lease=0.0 if "lease order" in switched_off else judge.LEASE)
        self._numbers = self._announce()
        self._apart = Random(seed)  # noqa: S311 - it must be repeatable, and leave all other chances as they are
        machine = Machine(self.loop, {number: name for name, number in self._numbers.items()})
        self.agents = [
            SimulatedAgent(
                self.loop,
                f"w{number}",
                resources=builders.offer(cpus, gpus=1),
                operators=OPERATORS,
                execute=machine.execute,
                dial=self.sessions.dial,
                witness=self.judge,
                switched_off=switched_off,
                deaths=0.003,
                pace=self._apart.uniform(1 - DRIFT, 1 + DRIFT),
                owners=owners,
            )
            for number, (cpus, owners) in enumerate(zip((1, 2, 3), served_by(seed), strict=True), start=1)
        ]
        self.streams: list[Stream] = []
        self.arrivals = Arrivals(self)
        self.restored = 0  # how often a backup was
        self._to_submit = self.loop.random.randint(3, 6)
        self.clients = Clients(self, self._numbers)
        self.misfortune = Misfortune(self, self._apart, seed)

    def _announce(self) -> dict[str, int]:
        """Announce the operators on an earlier day, so that runs can be submitted at once."""
        daemon = Daemon(self.disk, self.loop.clock, self.settings)
        herald = FakeAgent(name="herald", operators=OPERATORS)
        session = daemon.next_session()
        daemon.links.attach(session, herald)
        daemon.carry_out(herald.hello(session))
        daemon.carry_out(AgentLost(session=session, reason="done", clean=True))
        return {spec.name: daemon.world.operators[(spec.name, identity_of(spec))] for spec in OPERATORS}

    # --- the whole story --------------------------------------------------------------------------------------------

    def run(self) -> "Simulation":
        """Run the whole story; raise a Violation if it went wrong."""
        start = self.loop.now
        self._start_daemon()
        for agent in self.agents:
            agent.start()
        for number in range(self._to_submit):
            self.loop.after(self.loop.between(0, FAULTS_END * 0.7), partial(self.clients.submit, f"key {number}"))
        self.loop.after(self.loop.between(0.2, 2.0), self.misfortune.strike)
        self.misfortune.plan()
        self.loop.run_until(start + FAULTS_END)
        self.faults = False
        self.slow_until = 0.0
        self.disk.empty()
        self.misfortune.end()
        for agent in self.agents:
            agent.deaths = 0.0
            agent.standstill.end()
            agent.link.up_cut = agent.link.down_cut = 0.0
            agent.serve_everybody()
        done = self.loop.run_until(start + GIVE_UP, self._quiet)
        self._check_end(done)
        return self

    def _quiet(self) -> bool:
        daemon = self.daemon
        if daemon is None or len(self.judge.acked) < self._to_submit or self.clients.busy:
            return False
        if daemon.world.runs or daemon.world.by_attempt or daemon.deleting or daemon.in_commit or daemon.inbox:
            return False
        return all(agent.alive and agent.core.idle and not agent.core.unacknowledged for agent in self.agents)

    def _check_end(self, done: bool) -> None:
        daemon = self.daemon
        require(daemon is not None, "the daemon never came back")
        assert daemon is not None
        daemon.finish()
        stuck = f"{list(daemon.world.runs.values())}, {daemon.world.queue}, {daemon.world.by_attempt}"
        agents = [(agent.name, agent.core.running(), agent.core.unacknowledged) for agent in self.agents]
        require(done, f"it never came to an end: {stuck}, {agents}, clients {self.clients.busy}")
        check_invariants(daemon.world)
        check_recount(self.disk)
        check_leftovers(self.disk, daemon.world)
        for record in daemon.world.agents.values():
            require(record.account.reservations == 0, f"{record} leaks {record.account}")
        require(not self.disk.rows("SELECT 1 FROM executions"), "an execution is left in the database")
        self.judge.at_the_end()

    # --- the daemon -------------------------------------------------------------------------------------------------

    def _start_daemon(self) -> None:
        self.life += 1
        self.sessions.names = {}
        self.arrivals = Arrivals(self)
        self.daemon = daemon = Daemon(
            self.disk,
            self.loop.clock,
            self.settings,
            bounds=BOUNDS,
            gather=answering(self, "values were gathered"),
            measure=answering(self, "a point was measured", slowly=False),
            ask_sampler=answering(self, "a trial was chosen"),
            links=UnboundLinks(self.sessions.names) if "bind the send" in self.off else None,
            full_disk=CarefreeDisk(self.disk) if "admission" in self.off else FullDisk(self.disk),
        )
        self.judge.daemon_starts()
        self._deciding = self._more = False
        if "grace after restart" in self.off:
            for agent in daemon.world.agents.values():
                agent.heard_mono = -1e9
        self._decide_soon()
        self.in_this_life(TICK, self._tick)

    def in_this_life(self, seconds: float, what: Callable[[], None]) -> None:
        life = self.life
        self.loop.after(seconds, lambda: what() if life == self.life and self.daemon is not None else None)

    def crash_daemon(self) -> None:
        """Kill the daemon: what isn't committed never was. All connections break."""
        if self.daemon is None:
            return
        self.loop.note("the daemon died")
        if self.daemon.in_commit is not None:
            self.loop.note("the daemon died while committing")
        if self.daemon.world.killing:
            self.loop.note("the daemon died during a kill")
        self.daemon = None
        self.life += 1
        for stream in self.streams:
            stream.snap(notice=2.0)
        self.streams = []
        self.loop.after(self.loop.between(0.1, 30.0 if self.loop.chance(0.15) else 3.0), self._start_daemon)

    def _tick(self) -> None:
        assert self.daemon is not None
        self.daemon.tick()
        self._decide_soon()
        self.in_this_life(TICK, self._tick)

    def post(self, command: Command[object]) -> None:
        if self.daemon is not None:
            self.daemon.post(command)
            self._decide_soon()

    def ask(self, command: Command[object], answered: Answer | None = None, refused: Answer | None = None) -> None:
        if self.daemon is not None:
            self.daemon.ask(command, Reply(answered, refused))
            self._decide_soon()

    def _decide_soon(self) -> None:
        if not self._deciding:
            self._deciding = True
            self.in_this_life(self.loop.between(0.0001, judge.DECIDED_WITHIN), self._decide)

    def _decide(self) -> None:
        self._deciding = False
        daemon = self.daemon
        assert daemon is not None
        if daemon.must_wait():
            self.loop.note("deciding waited for a commit")
            self._commit(daemon)
            return
        if "fence" in self.off:
            self._unfence(daemon)
        self._more = daemon.decide()
        self.judge.decided(daemon.batch.fx, daemon.world)
        self._owner.update((attempt, execution.id) for attempt, execution in daemon.world.by_attempt.items())
        if daemon.batch.fx.rows():
            check_invariants(daemon.world)
        if "commit before act" in self.off:
            self._act_undurable(daemon, daemon.batch)
        if self._more:
            self._decide_soon()
        self._commit(daemon)

    def _act_undurable(self, daemon: Daemon, batch: Batch) -> None:
        outgoing, batch.fx.outgoing = batch.fx.outgoing, {}
        daemon.links.deliver(daemon.world, outgoing)
        answers, batch.answers = batch.answers, []
        for reply, answer in answers:
            reply.set_result(answer)

    def _unfence(self, daemon: Daemon) -> None:
        """Accept reports of old attempts as reports of the current one."""
        world, turn = daemon.world, Turn(daemon.world, daemon.batch.fx, self.loop.clock.now())
        posted = [command for command, _ in daemon.inbox if isinstance(command, AgentReports)]
        for session, report in [(each.session, report) for each in posted for report in each.reports]:
            execution = world.executions.get(self._owner.get(report.attempt, ExecutionNo(-1)))
            agent = world.sessions.get(session)
            if execution is None or agent is None or report.attempt in world.by_attempt or report.outputs is None:
                continue
            if execution.agent is not None:
                attempts.detach(turn, execution.agent, execution, passes_on=True)
            on_nodes._succeeded(turn, agent, execution, report)

    def _commit(self, daemon: Daemon) -> None:
        """Begin to commit what was decided, if nothing is being committed; what comes after takes its time."""
        if daemon.in_commit is None and daemon.seal() is not None:
            self.in_this_life(self._commit_time(), partial(self._write, daemon))

    def _commit_time(self) -> float:
        if self.loop.now < self.slow_until:
            return self.loop.between(0.3, LONGEST_COMMIT)
        if self.loop.chance(0.9):
            return self.loop.between(0.0002, 0.002)
        # Now and then a commit is so slow that an agent can leave, or come back, before its work is sent.
        return self.loop.between(0.002, 0.3) if self.loop.chance(0.7) else self.loop.between(0.3, LONGEST_COMMIT)

    def _write(self, daemon: Daemon) -> None:
        batch = daemon.in_commit
        assert batch is not None
        self.judge.before_commit(batch.fx, batch.rows, daemon.world)
        try:
            committed = daemon.commit()
        except DiskFull as error:
            self.loop.note("a commit found the disk full")
            if "retry on a full disk" in self.off:
                committed = Committed(outcomes=(Outcome(),) * len(batch.jobs))
            else:
                again = daemon.full_disk.found(str(error))
                if again:
                    self.judge.found_disk_full([batch.fx, daemon.batch.fx])
                    self.clients.free_space()
                self.in_this_life(0.0001 if again else FULL_DISK_PAUSE, partial(self._write, daemon))
                return
        if self.faults and self.loop.chance(0.002):
            self.loop.note("the daemon died between commit and act")
            self.crash_daemon()
            return
        self.in_this_life(0.0001, partial(self._act, daemon, committed))

    def _act(self, daemon: Daemon, committed: Committed) -> None:
        batch = daemon.in_commit
        assert batch is not None
        for attempt in [a for words in batch.fx.outgoing.values() for a in words.work]:
            if attempt.attempt not in daemon.world.by_attempt:
                self.loop.note("work was taken back between decision and send")
        daemon.act(committed)
        daemon.answer(committed)
        if self.faults and daemon.world.killing and self._apart.random() < 0.7:
            self.crash_daemon()
            return
        if self.loop.chance(0.01):
            self._check_restart(daemon)
        self._commit(daemon)
        if self._more or daemon.inbox:
            self._decide_soon()

    def _check_restart(self, daemon: Daemon) -> None:
        """Now and then: if nothing waits to be decided or committed, a restart finds what is there."""
        world = daemon.world
        decided = not (daemon.inbox or world.ready or world.lookups or world.killing)
        if daemon.in_commit is None and decided and not daemon.batch.fx.rows() and not self.off:
            now = self.loop.clock.now()
            assert_same(snapshot(world, now), snapshot(restored(self.disk, world, now), now))
            check_recount(self.disk)
