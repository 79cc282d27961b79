"""The cycle of a batch: decide, seal, act, answer. Synchronous, so that the engine and the simulator drive the same.

    decide()                      while nothing says that it must wait
    seal() -> Batch or None       what is to be committed next; one batch at a time
    act(), then answer()          once the store has committed it, and never before

Whoever drives it commits what was sealed, and tries again when the disk is full. While one batch is being committed the
next one is decided. Nothing is sent, shown or acknowledged that a crash could take back.

A domain error of the core means that nothing changed, and goes to whoever asked. Any other exception must end the
daemon: it restarts from its database, never from half-changed memory.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Protocol

import structlog

from accio.domain.states import RUN_TERMINAL
from accio.errors import AccioError, ResourceExhausted
from accio.late import dataclass
from accio_daemon.core import reactor, readying
from accio_daemon.core.commands import AgentReports, Command, DeleteRun, RetryRun, SubmitRun, Tick
from accio_daemon.core.effects import AskRequest, Effects, GatherRequest, MeasureRequest, NodeKey
from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.records import Agent, Run
from accio_daemon.core.terms import RunNo
from accio_daemon.core.turn import Turn
from accio_daemon.engine.delivery import Links
from accio_daemon.engine.full_disk import FullDisk
from accio_daemon.engine.ports import Clock, Records, Reply
from accio_daemon.engine.prepare import RETRIED_AT_ONCE, Preparation, Step, Walk
from accio_daemon.engine.restart import Restored
from accio_daemon.storage.jobs import WriteJob
from accio_daemon.storage.writing.transactions import Committed

log = structlog.get_logger()


class Watchers(Protocol):
    """Who is told what of runs is committed."""

    def sealed(self, nodes: Collection[NodeKey], runs: Collection[Run]) -> None:
        """Note the nodes and runs of a batch that is about to be committed, as the one before it has been."""
        ...

    def wake(self, run: RunNo, *, ended: bool) -> None:
        """Wake whoever watches the run: something about it was committed."""
        ...

    def committed(self, *, more: bool) -> None:
        """Wake whoever watches everything: a batch was committed, which may have changed *more* than runs' states."""
        ...


_FEWEST_OPENED = 32
_BRIEFER = 4
_FEW_REPORTS = 32
"""Reports of a message that a brief step looks at first; what follows waits like another message."""
_ENOUGH_AHEAD = 256
"""Short nodes that an agent has been sent ahead, with which it is busy for longer than a commit waits for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much one step takes on, so that memory and latency stay bounded."""

    # Of a batch that isn't being committed yet, beyond which deciding waits; long texts count as several. Two batches,
    # one of which is being committed, take less than what is set aside for a full disk.
    rows: int = 6_000
    rows_due: int = 1_500  # of a batch for which nobody waits, from which on it is worth a commit while more is decided
    seconds: float = 0.005  # of deciding, after which messages may come in and what was decided may be committed
    # Children that a batch opens for which somebody waits: only as many as keep idle workers busy until it is durable;
    # then its answer has seconds to go out.
    opened_first: int = 64
    retried: int = RETRIED_AT_ONCE
    settled: int = reactor.SETTLED_AT_ONCE  # ready nodes that a step looks at
    ahead: int | None = None  # nodes that a step sends ahead of free workers; None: as many as there is room for
    reports: int | None = None  # of one message that are looked at before others have their turn; None: all

    def brief(self) -> "Bounds":
        """Return the bounds of steps between which others' calls come in all the time: each waits for one of them."""
        settled = max(1, self.settled // _BRIEFER)
        rows_due = self.rows_due // 2  # to make them ready for their transaction is one piece, too
        return replace(
            self,
            seconds=self.seconds / _BRIEFER,
            settled=settled,
            ahead=settled,
            reports=_FEW_REPORTS,
            rows_due=rows_due,
        )


class Batch:
    """What has been decided and isn't durable yet."""

    __slots__ = ("answers", "begun", "deleting", "fx", "jobs", "rows")

    def __init__(self, fx: Effects | None = None) -> None:
        self.begun = 0.0  # when its first decision was made
        self.fx = Effects() if fx is None else fx
        self.answers: list[tuple[Reply, Any]] = []
        self.jobs: list[tuple[WriteJob[Any], Reply]] = []
        self.rows: Any = None  # of the store, once it is sealed
        self.deleting: RunNo | None = None  # a deleted run, some rows of which go with it

    def is_empty(self) -> bool:
        """Return whether committing it would do nothing."""
        return not (self.answers or self.jobs) and self.fx.is_empty()


class Cycle:
    """The World with all that waits to be decided, and what was decided and isn't durable yet."""

    def __init__(
        self,
        *,
        restored: Restored,
        records: Records,
        clock: Clock,
        full_disk: FullDisk | None = None,
        links: Links | None = None,
        watchers: Watchers | None = None,
        bounds: Bounds | None = None,
        gather: Callable[[GatherRequest], None] | None = None,
        measure: Callable[[MeasureRequest], None] | None = None,
        ask_sampler: Callable[[AskRequest], None] | None = None,
        allocation_over: Callable[[int, int], None] | None = None,
    ) -> None:
        """Start from a restored World; what restoring it decided is the first batch."""
        self.world = restored.world
        self.records = records
        self.full_disk = full_disk or FullDisk()
        self.links = links or Links()
        self.bounds = self._usual = bounds or Bounds()  # of this step, and of most
        self._brief = self._usual.brief()
        self.inbox: deque[tuple[Command[object], Reply | None]] = deque()
        self.batch = Batch(restored.effects)
        self.in_commit: Batch | None = None
        self.deleting: deque[RunNo] = deque(restored.being_deleted)  # runs whose rows are still being removed
        self.gathers: deque[GatherRequest] = deque()  # what is to be gathered now, if nobody else takes it
        self.measures: deque[MeasureRequest] = deque()  # the same of points
        self.asks: deque[AskRequest] = deque()  # and of trials
        self._gather = gather or self.gathers.append
        self._measure = measure or self.measures.append
        self._ask_sampler = ask_sampler or self.asks.append
        self._allocation_over = allocation_over
        self._clock = clock
        self._opening = reactor.OPENED_AT_ONCE  # children at once; fewer where that takes long
        self._watchers: Watchers = watchers or _Nobody()
        self._preparation = Preparation(self.world, records, self.is_undurable, self.bounds.retried)

    @property
    def refusing(self) -> str:
        """Why new work is refused; empty if it isn't."""
        return self.full_disk.refusing

    # --- what comes in ----------------------------------------------------------------------------------------------

    def ask(self, command: Command[object], reply: Reply) -> None:
        """Post a command; *reply* gets its answer once what it decided is durable, or at once why it is refused."""
        if isinstance(command, SubmitRun) and self.refusing:
            reply.set_exception(ResourceExhausted(self.refusing))
        elif isinstance(command, RetryRun | DeleteRun):
            Walk(self._preparation.steps(command), self._take_step(command), reply).begin()
        else:
            self.inbox.append((command, reply))

    def _take_step(self, command: RetryRun | DeleteRun) -> Callable[[Step, Reply], None]:
        def take(step: Step, reply: Reply) -> None:
            if step is None:
                self.write(_nothing, reply, frees=isinstance(command, DeleteRun))
            else:
                self.inbox.append((step, reply))

        return take

    def post(self, command: Command[object]) -> None:
        """Post a command whose answer nobody waits for."""
        self.inbox.append((command, None))

    def write(self, job: WriteJob[Any], reply: Reply, *, frees: bool = False) -> None:
        """Run a job inside the next transaction; while the disk is full only one that *frees* space."""
        if self.refusing and not frees:
            reply.set_exception(ResourceExhausted(self.refusing))
        else:
            self.batch.jobs.append((job, reply))

    def tick(self) -> None:
        """Look at leases, back-offs and reservations; while the disk is full, look whether it has space again."""
        if self.refusing:
            self.full_disk.look_again()
        else:
            self.post(Tick())

    # --- decide -----------------------------------------------------------------------------------------------------

    def must_wait(self) -> bool:
        """Return whether deciding has to wait for a commit, or for space on the disk."""
        if self.batch.fx.weight() > self.bounds.rows:
            return True
        if not self.refusing or self.world.killing:
            return False
        return not any(self.full_disk.admits(command) for command, _ in self.inbox)

    def has_askers(self) -> bool:
        """Return whether somebody waits for the batch that is being committed, or else for the next one."""
        return bool((self.in_commit or self.batch).answers)

    def is_due(self) -> bool:
        """Return whether what was decided should be committed now though more will be decided.

        Somebody waits for it, or it is so much that a commit of its own costs little beside it.
        """
        return bool(self.batch.fx.outgoing) or self.is_full()

    def is_full(self) -> bool:
        """Return whether somebody waits for what was decided, or it is so much that it needn't grow."""
        batch = self.batch
        return bool(batch.answers or batch.jobs) or batch.fx.weight() > self.bounds.rows_due

    def can_wait(self) -> bool:
        """Return whether a commit of what was decided may wait for more, which makes both cheaper: nobody waits for it,
        and every agent that is told of something has enough to do meanwhile.
        """
        fx, sessions = self.batch.fx, self.world.sessions
        if self.is_full() or self.deleting or not fx.outgoing:
            return False
        if any(run.state in RUN_TERMINAL for run in fx.runs.values()):
            return False
        return all(_has_enough(sessions.get(no), told) for no, told in fx.outgoing.items())

    def decide(self, *, briefly: bool = False) -> bool:
        """Decide what was posted, and a step of what follows, or a brief one of each; True if there is more to do."""
        self.bounds = self._brief if briefly else self._usual
        turn = Turn(self.world, self.batch.fx, self._clock.now())
        self.batch.begun = self.batch.begun or turn.now.mono
        self._decide_inbox(turn)
        if self.refusing:
            return reactor.stop_more(turn)
        return self._advance(turn)

    def _decide_inbox(self, turn: Turn) -> None:
        """Drain the inbox as far as a step has time for; what a full disk doesn't admit waits, in order."""
        inbox, batch = self.inbox, self.batch
        for taken in range(len(inbox)):
            if taken and not self.refusing and self._is_enough(turn):
                return
            command, reply = inbox.popleft()
            if not self.full_disk.admits(command):
                inbox.append((command, reply))
                continue
            if isinstance(command, AgentReports):
                command = self._first_of(command)
            try:
                answer = reactor.handle(turn, command, settling=self.bounds.settled)
            except AccioError as error:
                if reply is None:
                    log.warning("refused", command=type(command).__name__, error=error.message)
                elif not reply.done():
                    reply.set_exception(error)
                continue
            if reply is not None:
                batch.answers.append((reply, answer))

    def _first_of(self, command: AgentReports) -> AgentReports:
        """Return as many reports of a message as a step looks at in one go, and leave the others to be next."""
        most, session = self.bounds.reports, command.session
        if most is None or len(command.reports) <= most:
            return command
        self.inbox.appendleft((AgentReports(session=session, reports=command.reports[most:]), None))
        return AgentReports(session=session, reports=command.reports[:most])

    def _is_enough(self, turn: Turn) -> bool:
        """Return whether a turn has decided as much as a step may."""
        if self.batch.fx.weight() > self.bounds.rows:
            return True
        return self._clock.now().mono - turn.now.mono > self.bounds.seconds

    def _advance(self, turn: Turn) -> bool:
        world, batch, bounds = turn.world, self.batch, self.bounds
        first, later = (min(bounds.opened_first, self._opening), 0) if batch.answers else (self._opening, self._opening)
        begun, opened = self._clock.now().mono, world.opened
        opening = 0 if world.lookups else first  # those of the step before come first
        more = reactor.advance(turn, opening=opening, settling=bounds.settled, ahead=bounds.ahead)
        while world.lookups:
            keys = [execution.key for execution in world.lookups if execution.key is not None]
            readying.resolve(turn, self.records.results(keys))
            more = reactor.advance(turn, opening=later, settling=bounds.settled, ahead=bounds.ahead) or more
            ended = self._clock.now().mono
            self._adapt(world.opened - opened, ended - begun)
            if batch.fx.weight() > bounds.rows or ended - turn.now.mono > bounds.seconds:
                return True
            begun, opened = ended, world.opened
        self._adapt(world.opened - opened, self._clock.now().mono - begun)
        return more

    def _adapt(self, count: int, seconds: float) -> None:
        """Open as many children at once next time as a step has time for, given how long so many took."""
        if count >= _FEWEST_OPENED:
            fitting = int(count * self.bounds.seconds / seconds) if seconds > 0 else reactor.OPENED_AT_ONCE
            self._opening = max(_FEWEST_OPENED, min(fitting, 2 * self._opening, reactor.OPENED_AT_ONCE))

    # --- persist ----------------------------------------------------------------------------------------------------

    def seal(self) -> Batch | None:
        """Return what is to be committed next, as rows; None if that is nothing. The one before must be answered."""
        assert self.in_commit is None, "one batch is committed at a time"
        batch = self.batch
        if batch.is_empty() and not self.deleting:
            batch.begun, batch.fx.heavy = 0.0, 0  # or texts of what was taken back would count for ever
            return None
        batch.rows = self.records.render(batch.fx)
        batch.deleting = self.deleting[0] if self.deleting else None
        self._watchers.sealed(batch.fx.nodes.keys(), batch.fx.runs.values())
        self.batch, self.in_commit = Batch(), batch
        return batch

    def is_undurable(self, run: RunNo) -> bool:
        """Return whether something was decided about a run that isn't in the database yet."""
        batches = [self.batch] if self.in_commit is None else [self.batch, self.in_commit]
        return any(run in batch.fx.runs or run in batch.fx.removed_runs for batch in batches)

    # --- act, answer ------------------------------------------------------------------------------------------------

    def act(self, committed: Committed) -> int:
        """Wake watchers and tell agents what has been committed; return how many agents were told of work."""
        batch = self._committed_batch()
        self.full_disk.written()
        if batch.deleting is not None and not committed.more:
            self.deleting.popleft()
        for run in batch.fx.runs.values():
            self._watchers.wake(run.no, ended=run.state in RUN_TERMINAL)
        for removed in batch.fx.removed_runs:
            self._watchers.wake(removed, ended=True)
        self._watchers.committed(more=bool(batch.jobs or batch.fx.removed_runs))
        for request in batch.fx.gathers:
            self._gather(request)
        for point in batch.fx.measures:
            self._measure(point)
        for trial in batch.fx.asks:
            self._ask_sampler(trial)
        if self._allocation_over is not None:
            for each in batch.fx.allocations.values():
                if each.ended_ms is not None:
                    self._allocation_over(each.no, each.ended_ms)
        return self.links.deliver(self.world, batch.fx.outgoing)

    def answer(self, committed: Committed) -> None:
        """Answer whoever asked for what has been committed; the next batch may be sealed then."""
        batch = self._committed_batch()
        self.deleting.extend(batch.fx.removed_runs)
        self.in_commit = None
        for (_, reply), outcome in zip(batch.jobs, committed.outcomes, strict=True):
            if reply.done():
                continue
            if outcome.refusal is None:
                reply.set_result(outcome.value)
            else:
                reply.set_exception(outcome.refusal)
        for reply, answer in batch.answers:
            if not reply.done():
                reply.set_result(answer)

    def _committed_batch(self) -> Batch:
        assert self.in_commit is not None, "nothing was sealed"
        return self.in_commit

    def is_done(self) -> bool:
        """Return whether nothing is left that could be made durable now."""
        idle = self.in_commit is None and self.batch.is_empty() and not self.deleting
        return idle and (not self.inbox or bool(self.refusing))


def _nothing(_: object) -> None:
    """Do nothing: when it is done, everything decided before is in the database."""


def _has_enough(agent: Agent | None, outgoing: Outgoing) -> bool:
    """Return whether an agent that is told of nothing but work and acknowledgements has much that was sent ahead."""
    if agent is None or outgoing.is_urgent():
        return False
    return sum(map(len, agent.prefetched.values())) - len(outgoing.work) >= _ENOUGH_AHEAD


class _Nobody:
    """Nobody watches."""

    def sealed(self, nodes: Collection[NodeKey], runs: Collection[Run]) -> None:
        """Do nothing."""

    def wake(self, run: RunNo, *, ended: bool) -> None:
        """Do nothing."""

    def committed(self, *, more: bool) -> None:
        """Do nothing."""
