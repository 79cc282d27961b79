"""The engine of the simulated pool: queues jobs, loses answers, forgets jobs; and the agents that run in them."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from accio.domain.pools import AllocationKey
from accio.errors import FailedPrecondition
from accio_daemon.core.commands import AgentLost, Command
from accio_pool.providers.ports import Found, Listing, Order, Refused, Unsure
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster
from tests.simulator.events import Loop
from tests.simulator.judge import require

T = TypeVar("T")

KEEP, WALLTIME = 10.0, 90.0
STARTS_WITHIN = 12.0  # from a job's beginning to its agent's hello


class Story(Protocol):
    """What an engine is part of: the daemon, the time, and whether anything fails."""

    loop: Loop
    cluster: Cluster
    faults: bool
    off: frozenset[str]

    def ask(self, command: Command[T]) -> T:
        """Have the daemon carry out a command; agents then look at what they were given."""
        ...


@dataclass(eq=False)
class Job:
    """A job of the engine, and the agent in it."""

    no: int
    key: AllocationKey
    born: float  # when the engine took it in
    begun: bool = False
    over: bool = False
    agent: FakeAgent | None = None
    planned: set[int] = field(default_factory=set)  # attempts whose end is planned
    idle_since: float = 0.0


class Engine:
    """Implements `accio_pool.providers.ports.Provider`; its jobs begin, end and are lost as luck will have it."""

    def __init__(self, story: Story) -> None:
        """Begin without a job."""
        self._story = story
        self._loop = story.loop
        self._cluster = story.cluster
        self.jobs: dict[int, Job] = {}
        self.submissions = 0
        self.doubled = 0

    # --- the engine, as a provider ----------------------------------------------------------------------------------

    async def submit(self, order: Order) -> str:
        """Queue a job, or lose it, or lose the answer."""
        self.submissions += 1
        luck = self._loop.random.random() if self._story.faults else 1.0
        if luck < 0.05:
            self._loop.note("a submission was refused")
            raise Refused("no such partition")
        if luck < 0.10:
            self._loop.note("a submission was lost")
            raise Unsure("timed out")
        late = self._loop.between(30.0, 500.0) if luck < 0.15 else 0.0  # a frozen controller takes it in much later
        self._loop.after(late, partial(self._take_in, order.key, 0.1 if late else 30.0))
        if luck < 0.20:
            self._loop.note("a submission's answer was lost")
            self.doubled += 1
            raise Unsure("timed out")
        return "job"

    def _take_in(self, key: AllocationKey, waits: float) -> None:
        number = self.submissions * 1000 + len(self.jobs)
        while number in self.jobs:
            number += 1
        job = self.jobs[number] = Job(no=number, key=key, born=self._loop.now)
        self._loop.after(self._loop.between(0.0, waits), partial(self._begin_job, job))

    async def list(self, cluster: str) -> Listing:
        """List all jobs, unless it fails."""
        if self._story.faults and self._loop.chance(0.1):
            self._loop.note("a list was incomplete")
            return Listing(found=(), problem="timed out")
        return Listing(found=[Found(key=job.key, job=str(job.no), begun=job.begun) for job in self.jobs.values()])

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """End a job, at once or after its agent has said goodbye."""
        job = self.jobs.get(int(found.job))
        if job is not None:
            self.end_job(job, said=gently)

    async def last_words(self, key: AllocationKey) -> str:
        """Know nothing."""
        return ""

    def preview(self, order: Order) -> str:
        """Show nothing."""
        return ""

    # --- jobs and their agents --------------------------------------------------------------------------------------

    def _begin_job(self, job: Job) -> None:
        if job.over:
            return
        job.begun = True
        self._loop.after(WALLTIME, partial(self._walltime, job))
        if self._story.faults and self._loop.chance(0.05):
            self._loop.note("a job died before its agent joined")
            self.end_job(job, said=False)
            return
        self._loop.after(self._loop.between(0.1, STARTS_WITHIN), partial(self._start_agent, job))

    def _walltime(self, job: Job) -> None:
        if not job.over:
            self._loop.note("the walltime ended a job")
            self.end_job(job, said=True, walltime=True)

    def _start_agent(self, job: Job) -> None:
        if job.over:
            return
        job.agent = FakeAgent(
            name=f"h{job.no}",
            resources=builders.offer(2),
            operators=self._cluster.operators,
            ends_in=WALLTIME * 0.8,
        )
        job.idle_since = self._loop.now
        self.hello(job)
        self._look_idle(job)

    def hello(self, job: Job) -> None:
        agent = job.agent
        if job.over or agent is None:
            return
        session = self._cluster.daemon.next_session()
        self._cluster.daemon.links.attach(session, agent)
        if "fence" in self._story.off:
            self._unfence(job)
        try:
            self._story.ask(agent.hello(session, allocation=(job.key.pool, job.key.number)))
        except FailedPrecondition as error:
            doubled = "was started for it, too" in error.message
            self._loop.note(
                "a doubled job's agent was turned away" if doubled else "an agent of what was given up was turned away"
            )
            agent.session = None
            self.end_job(job, said=False)
            return
        here = [
            other
            for other in self.jobs.values()
            if other.key == job.key and other.agent is not None and other.agent.session is not None
        ]
        require(len(here) == 1, f"two agents work for one allocation: {here}")

    def _unfence(self, job: Job) -> None:
        """Make an allocation anybody's."""
        pool = self._cluster.world.pools["cpu"]
        if job.agent is not None and (allocation := pool.live.get(job.key.number)) is not None:
            allocation.agent = ""

    def look(self) -> None:
        """Begin what agents were given."""
        for job in list(self.jobs.values()):
            agent = job.agent
            if agent is None:
                continue
            for attempt, held in agent.attempts.items():
                if held.granted and attempt not in job.planned:
                    job.planned.add(attempt)
                    self._loop.after(self._loop.between(0.5, 12.0), partial(self._succeed, job, attempt))

    def _succeed(self, job: Job, attempt: Any) -> None:
        agent = job.agent
        if job.over or agent is None or attempt not in agent.attempts:
            return
        job.idle_since = self._loop.now
        node = agent.attempts[attempt].node
        agent.end(builders.success(agent.next_seq, attempt, {"data": f'"{node}"'}, wall_us=6_000_000))
        if agent.session is not None:
            self._story.ask(agent.telling())
        else:
            self.look()

    def _look_idle(self, job: Job) -> None:
        """End an agent that has nothing to do; one that the daemon doesn't hear waits for it."""
        agent = job.agent
        if job.over or agent is None:
            return
        if agent.session is not None and agent.outbox:
            self._story.ask(agent.telling())
        if agent.attempts or agent.outbox or agent.session is None:
            job.idle_since = self._loop.now
        elif self._loop.now - job.idle_since >= KEEP:
            self._loop.note("an agent left with nothing to do")
            self.end_job(job, said=True)
            return
        self._loop.after(1.0, partial(self._look_idle, job))

    def end_job(self, job: Job, *, said: bool, walltime: bool = False) -> None:
        """End a job; its agent says goodbye or vanishes."""
        job.over = True
        self.jobs.pop(job.no, None)
        agent = job.agent
        if agent is None or agent.session is None:
            return
        session, agent.session = agent.session, None
        self._cluster.daemon.links.detach(session)
        self._story.ask(AgentLost(session=session, reason="it ended", clean=said, walltime=walltime))
