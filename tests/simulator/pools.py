"""A pool at an engine that loses answers, kills jobs and forgets them, in one thread and one seed.

    PoolSimulation(seed).run()      raises Violation if anything that must never happen happened

Real are the daemon's cycle with its storage, and what the process does that serves a pool (accio_pool.serving); the
engine and the agents are models. For a while everything fails; then the faults stop, all work must get done, and no
job may stay.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from accio.domain.pools import Budget, PoolSpec
from accio.domain.windows import parse_windows
from accio_daemon.core.commands import AgentHeard, Command, Tick
from accio_daemon.core.facts import AllocationFacts
from accio_daemon.core.outgoing import Outgoing, Wanted
from accio_daemon.core.pools.commands import AllocationsFound, AllocationsRefused, PoolsJoined, PoolsLeft
from accio_daemon.core.terms import SessionNo
from accio_daemon.core.world import Settings
from accio_pool.config import PoolConfig
from accio_pool.serving import Serving, Told, Wishes
from tests import builders
from tests.simulator.cluster import Cluster
from tests.simulator.events import Loop
from tests.simulator.judge import require
from tests.simulator.pool_engine import KEEP, WALLTIME, Engine

T = TypeVar("T")

FAULTS_END = 400.0
GIVE_UP = 30_000.0
POLL, MOST = 1.0, 4
GONE_WITHIN = 60.0  # from the end of all work to that of the last job
CLOSES, OPENS = 120, 300  # seconds from the story's beginning, about: windows are of whole minutes
SPEC = PoolSpec(
    name="cpu",
    provider="model",
    host=builders.offer(2),
    walltime=WALLTIME,
    maximum=MOST,
    pending=3,
    worth=20.0,
    keep=KEEP,
)

RARE = (
    "a closed pool kept nodes waiting",
    "a doubled job's agent was turned away",
    "a job died before its agent joined",
    "a job was killed",
    "a list was incomplete",
    "a submission was lost",
    "a submission was refused",
    "a submission's answer was lost",
    "an agent of what was given up was turned away",
    "an agent left with nothing to do",
    "the daemon died",
    "the daemon died between commit and act",
    "the engine forgot a job",
    "the pool's process died",
    "the walltime ended a job",
)


def time_of_day(wall_ms: int) -> str:
    """Return a time in epoch milliseconds as the hour and minute of its day, in UTC."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%H:%M")


class Process:
    """One life of the process that serves the pool: a session, and what it was told last."""

    def __init__(self, story: "PoolSimulation", number: int) -> None:
        self.story = story
        self.number = number
        self.alive = True
        self.session: SessionNo | None = None
        self.serving = Serving(
            PoolConfig(spec=story.spec, poll=POLL), story.engine, story.cluster_name, lambda: story.loop.now
        )
        self.wishes: Wishes | None = None
        self._arrivals = {"here": 0.0, "there": 0.0}  # of the last message in each direction

    def after_earlier(self, end: str, happen: Callable[[], None]) -> None:
        """Bring a message a little later, and none before an earlier one of the same stream."""
        now = self.story.loop.now
        at = self._arrivals[end] = max(self._arrivals[end], now + self.story.loop.between(0.0, 0.3))
        self.story.loop.after(at - now, happen)

    def deliver(self, outgoing: Outgoing) -> None:
        """Hear, a little later, what is wanted."""
        for wanted in outgoing.wanted.values():
            self.after_earlier("here", partial(self._want, wanted, self.session))

    def _want(self, wanted: Wanted, session: SessionNo | None) -> None:
        if self.alive and session == self.session:
            self.wishes = Wishes(dict(wanted.submit), frozenset(wanted.keep))


class PoolSimulation:
    """One seed's history."""

    cluster_name = "0123abcd"

    def __init__(self, seed: int, *, switched_off: frozenset[str] = frozenset()) -> None:
        """Set everything up; nothing has happened yet."""
        self.loop = Loop(seed)
        self.off = switched_off
        self.cluster = Cluster(settings=Settings(lease=8.0, suspect=3.0, max_losses=10_000))
        self.cluster.checked = False
        self.disk = self.cluster.disk
        self.cluster.clock = self.cluster.daemon._clock = self.loop.clock
        began_ms = self.loop.clock.now().wall_ms
        opens, closes = (time_of_day(began_ms + seconds * 1000) for seconds in (OPENS, CLOSES))
        self.spec = replace(
            SPEC, during=parse_windows(f"{opens}-{closes}"), budget=Budget(total=1000.0), operators=("*",)
        )
        self.faults = True
        self.engine = Engine(self)
        self.most_jobs = 0
        self.idle_seconds = 0.0
        self._process: Process | None = None
        self._lives = 0
        self._names = 0
        self._to_submit = 0
        self._done_at: float | None = None
        self._doomed = False  # whether the daemon dies with the next thing that it commits

    # --- the story --------------------------------------------------------------------------------------------------

    def run(self) -> "PoolSimulation":
        """Run the whole story; raise a Violation if it went wrong."""
        loop, start = self.loop, self.loop.now
        self.begin()
        for _ in range(loop.random.randint(2, 5)):
            self._to_submit += 1
            loop.after(loop.between(0.0, FAULTS_END * 0.8), self._submit_run)
        loop.after(loop.between(1.0, 20.0), self._misfortune)
        loop.run_until(start + FAULTS_END)
        self.faults = False
        done = loop.run_until(start + GIVE_UP, self.is_over)
        require(done, f"it never came to an end: {self._state()}")
        rows = self.cluster.disk.rows("SELECT count(*) FROM allocations WHERE ended_at IS NULL")
        require(rows == [(0,)], f"allocations were left open: {rows}")
        states = self.cluster.disk.rows("SELECT count(*) FROM runs WHERE state <> 3")
        require(states == [(0,)], "a run didn't succeed")
        self._check_limits()
        return self

    def _check_limits(self) -> None:
        """Compare what was asked for with the pool's times, and what hosts used with the accounts."""
        asked = self.cluster.disk.rows("SELECT requested_at FROM allocations")
        windows = self.spec.during
        late = [at for (at,) in asked if windows is not None and not windows.holds(at)]
        require(not late, f"hosts were asked for while the pool was closed: {late}")
        ((used_ms,),) = self.cluster.disk.rows("SELECT total(ended_at - began_at) FROM allocations")
        ((noted,),) = self.cluster.disk.rows("SELECT used ->> 2 FROM pools")
        should = used_ms / 1000 * SPEC.host.milli_cpus / 1000
        require(abs(noted - should) < 1e-3, f"hosts used {should} core-seconds, and {noted} are noted")

    def begin(self) -> None:
        """Advance the time, and serve the pool."""
        self._serve()
        self._every(1.0, self._tick)
        self._every(2.0, self._beat)

    def repeat(self, seconds: float) -> None:
        """Submit a node again and again."""
        self._every(seconds, partial(self.submit_nodes, 1))

    def _state(self) -> str:
        world = self.cluster.world
        decisions = [pool.decision for pool in world.pools.values()]
        return f"{world}, {list(world.pools.values())}, {decisions}, jobs {self.engine.jobs}"

    def is_over(self) -> bool:
        """Return whether all work is done and no host is left; raise a Violation where hosts stay for long."""
        world = self.cluster.world
        if self._to_submit or world.runs:
            self._done_at = None
            return False
        self._done_at = self.loop.now if self._done_at is None else self._done_at
        for job in self.engine.jobs.values():
            idle = self.loop.now - max(self._done_at, job.born)
            require(idle < GONE_WITHIN, f"hosts are kept after the work's end: {self._state()}")
        return not self.engine.jobs and not any(pool.live for pool in world.pools.values())

    def _every(self, seconds: float, what: Any) -> None:
        def again() -> None:
            what()
            self.loop.after(seconds, again)

        self.loop.after(seconds, again)

    def _submit_run(self) -> None:
        self._to_submit -= 1
        self.submit_nodes(self.loop.random.randint(1, 30))

    def submit_nodes(self, nodes: int) -> None:
        """Submit a run of independent nodes."""
        self._names += 1
        self.cluster.submit(builders.graph({f"r{self._names}n{number}": [] for number in range(nodes)}))
        self.engine.look()

    def _tick(self) -> None:
        self._post(Tick())
        if not all(pool.open for pool in self.cluster.world.pools.values()) and self.cluster.world.queue.count:
            self.loop.note("a closed pool kept nodes waiting")
        jobs = self.engine.jobs
        self.most_jobs = max(self.most_jobs, len(jobs))
        self.idle_seconds += sum(job.agent is not None and not job.agent.attempts for job in jobs.values())
        require(len({job.key for job in jobs.values()}) <= MOST + self.engine.doubled, f"too many jobs: {jobs}")

    def _post(self, command: Command[None]) -> None:
        """Send the daemon something; it may die having committed what that made it decide."""
        if not self._doomed:
            self.ask(command)
            return
        daemon = self.cluster.daemon
        daemon.post(command)
        daemon.decide()
        if daemon.seal() is not None:
            self.loop.note("the daemon died between commit and act")
            daemon.commit()
            self._doomed = False
            self._lose_daemon()
        else:
            self.engine.look()

    def ask(self, command: Command[T]) -> T:
        """Have the daemon carry out a command; agents then look at what they were given."""
        answer = self.cluster.daemon.carry_out(command)
        self.engine.look()
        return answer

    def _beat(self) -> None:
        for job in self.engine.jobs.values():
            if job.agent is not None and job.agent.session is not None:
                self.cluster.daemon.post(AgentHeard(session=job.agent.session))

    # --- misfortune -------------------------------------------------------------------------------------------------

    def _misfortune(self) -> None:
        if not self.faults:
            return
        self.loop.random.choice((self._kill_daemon, self._kill_process, self._kill_job, self._forget_job))()
        self.loop.after(self.loop.between(5.0, 60.0), self._misfortune)

    def _kill_daemon(self) -> None:
        if self.loop.chance(0.5):
            self._doomed = True
        else:
            self._lose_daemon()

    def _lose_daemon(self) -> None:
        self.loop.note("the daemon died")
        daemon = self.cluster.daemon
        for job in self.engine.jobs.values():
            if job.agent is not None and job.agent.session is not None:
                job.agent.session = None
                self.loop.after(self.loop.between(0.5, 3.0), partial(self.engine.hello, job))
        self.cluster.daemon = type(daemon)(self.cluster.disk, self.loop.clock, self.cluster.settings)
        self.cluster.daemon.finish()
        if self._process is not None:
            self._process.session = None
            self.loop.after(self.loop.between(0.5, 3.0), partial(self._dial, self._process))

    def _kill_process(self) -> None:
        if self._process is not None:
            self.loop.note("the pool's process died")
            process, self._process = self._process, None
            process.alive = False
            if process.session is not None:
                self.ask(PoolsLeft(session=process.session))
            self.loop.after(self.loop.between(0.5, 30.0), self._serve)

    def _kill_job(self) -> None:
        if self.engine.jobs:
            self.loop.note("a job was killed")
            self.engine.end_job(self.loop.random.choice(list(self.engine.jobs.values())), said=False)

    def _forget_job(self) -> None:
        """Lose a pending job, as a controller that was restarted does."""
        pending = [job for job in self.engine.jobs.values() if not job.begun]
        if pending:
            self.loop.note("the engine forgot a job")
            self.engine.end_job(pending[0], said=False)

    # --- the process that serves the pool ---------------------------------------------------------------------------

    def _serve(self) -> None:
        self._lives += 1
        self._process = process = Process(self, self._lives)
        self._dial(process)
        self._step(process)

    def _dial(self, process: Process) -> None:
        if not process.alive:
            return
        process.session = self.cluster.daemon.next_session()
        process.wishes = None
        self.cluster.daemon.links.attach(process.session, process)
        self.ask(PoolsJoined(session=process.session, server=f"s{process.number}", pools=(self.spec,)))

    def _step(self, process: Process) -> None:
        if not process.alive:
            return
        if process.session is not None and process.wishes is not None:
            told = _driven(process.serving.step(process.wishes))
            process.after_earlier("there", partial(self._tell, process, process.session, told))
        self.loop.after(self.loop.between(POLL * 0.5, POLL * 2), partial(self._step, process))

    def _tell(self, process: Process, session: SessionNo, told: Told) -> None:
        if not process.alive or process.session != session:
            return
        if told.refused:
            self.ask(AllocationsRefused(session=session, pool="cpu", refused=told.refused))
        found = tuple(
            AllocationFacts(number=each.key.number, job=each.job, begun=each.begun) for each in told.listing.found
        )
        complete = told.listing.complete
        self._post(AllocationsFound(session=session, pool="cpu", complete=complete, found=found, reasons=told.reasons))


def _driven(steps: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        steps.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("the model waits for nothing")
