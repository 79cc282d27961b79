"""The engine: the one task that owns the World, and the only writer of the database.

Two loops share one batch. The *decider* drains the inbox and decides synchronously; the *committer* takes what has
been decided since, makes it durable in one transaction, then acts (tells agents, wakes watchers) and answers.
While batch n is being committed, batch n+1 is being decided. The order persist, act, answer is never changed:
nothing is sent, shown or acknowledged that a crash could take back.

A domain error of the core means that nothing changed, and goes to whoever asked. Any other exception ends the
daemon: it restarts from its database, never from half-changed memory.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import structlog

from accio.domain.states import RUN_TERMINAL
from accio.errors import AccioError, NotFound, ResourceExhausted
from accio_daemon.core import explain, reactor, readying
from accio_daemon.core.commands import (
    AgentLost,
    Command,
    DeleteRun,
    InstanceFacts,
    RetryRun,
    RunNo,
    SessionNo,
    StaleFacts,
    SubmitRun,
    Tick,
)
from accio_daemon.core.effects import Effects
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.plan import ClassRegistry
from accio_daemon.core.restoring import let_go, restore_run
from accio_daemon.core.world import World
from accio_daemon.engine.full_disk import FullDisk
from accio_daemon.engine.metrics import Metrics
from accio_daemon.engine.ports import AgentLink, Clock, ClusterView
from accio_daemon.engine.views import cluster_view
from accio_daemon.engine.watchers import RunWatchers
from accio_daemon.storage import restore
from accio_daemon.storage.database import Database
from accio_daemon.storage.results import find_results
from accio_daemon.storage.writer import delete_some, render, write

T = TypeVar("T")
log = structlog.get_logger()

# Rows in a batch that isn't being committed yet beyond which deciding waits: memory and latency stay bounded.
BATCH_ROWS = 6_000
# Seconds of deciding after which what has been decided may be committed and messages may come in.
SLICE = 0.005
# Children that a batch opens for which somebody waits: only as many as keep idle workers busy until it is durable; then
# its answer has seconds to go out.
OPENED_FIRST = 64
ANSWERING = 0.002
# Seconds between looks at leases, back-offs and reservations.
TICK = 0.25
# Ended children that one step of a retry reads.
RETRIED_AT_ONCE = 500
# Seconds between tries to write when the disk is full.
FULL_DISK_PAUSE = 1.0


class _Job:
    """A write that isn't the World's business, done inside the next transaction."""

    __slots__ = ("future", "run")

    def __init__(self, run: Callable[[sqlite3.Connection], Any], future: "asyncio.Future[Any]") -> None:
        self.run = run
        self.future = future


class _Batch:
    """What has been decided and isn't durable yet."""

    __slots__ = ("answers", "begun", "fx", "jobs")

    def __init__(self) -> None:
        self.begun = 0.0  # when its first decision was made
        self.fx = Effects()
        self.answers: list[tuple[asyncio.Future[Any], Any]] = []
        self.jobs: list[_Job] = []

    def is_empty(self) -> bool:
        return not (self.answers or self.jobs or self.fx.rows())


class Engine:
    """Owns the World and the writer; offers EnginePort."""

    def __init__(
        self,
        *,
        world: World,
        effects: Effects,
        database: Database,
        clock: Clock,
        being_deleted: list[int] | None = None,
        metrics: Metrics | None = None,
        crash_point: Callable[[str], None] = lambda name: None,
        disk: FullDisk | None = None,
    ) -> None:
        """Take over a restored World with the effects that restoring it had."""
        self.world = world
        self._disk = disk or FullDisk()
        self._database = database
        self._reader = database.reader()
        self._clock = clock
        self._batch = _Batch()
        self._batch.fx = effects
        self._in_commit = self._batch
        self._inbox: deque[tuple[Command, asyncio.Future[Any] | None]] = deque()
        self._wake = asyncio.Event()
        self._decided = asyncio.Event()
        self._committed = asyncio.Event()
        self._links: dict[SessionNo, AgentLink] = {}
        self._welcomed: set[SessionNo] = set()  # sessions whose agents, with their operators, are durable
        self._watchers = RunWatchers()
        self._sessions = 0
        self._deleting: deque[int] = deque(being_deleted or ())
        self.metrics = metrics or Metrics()
        self.metrics.observe_world(world)
        self._crash_point = crash_point
        self._stopping = False

    @property
    def refusing(self) -> str:
        """Why new work is refused; empty if it isn't."""
        return self._disk.refusing

    # --- what services ask --------------------------------------------------------------------------------------

    @property
    def classes(self) -> ClassRegistry:
        """The kinds of nodes that there are; see EnginePort."""
        return self.world.classes

    async def ask(self, command: Command) -> Any:
        """Post a command and wait until what it decided is durable; see EnginePort."""
        match command:
            case SubmitRun() if self.refusing:
                raise ResourceExhausted(self.refusing)
            case RetryRun() | DeleteRun():
                return await asyncio.shield(self._ask_prepared(command))
            case _:
                return await asyncio.shield(self._ask(command))

    def _ask(self, command: Command) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._inbox.append((command, future))
        self._look_at_inbox()
        return future

    def post(self, command: Command) -> None:
        """Post a command whose answer nobody waits for."""
        self._inbox.append((command, None))
        self._look_at_inbox()

    def _look_at_inbox(self) -> None:
        self._wake.set()
        if self.refusing:  # nobody waits for a commit then, but for a command that is decided nevertheless
            self._committed.set()

    async def write(self, job: Callable[[sqlite3.Connection], T], *, frees: bool = False) -> T:
        """Run a job inside the next transaction; see EnginePort."""
        if self.refusing and not frees:
            raise ResourceExhausted(self.refusing)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._batch.jobs.append(_Job(job, future))
        self._decided.set()
        return await asyncio.shield(future)

    def next_session(self) -> SessionNo:
        """Give a number for a new session."""
        self._sessions += 1
        return SessionNo(self._sessions)

    def attach(self, session: SessionNo, link: AgentLink) -> None:
        """Make a session known before its AgentJoined is posted."""
        self._links[session] = link

    def detach(self, session: SessionNo) -> None:
        """Forget a session's link."""
        self._links.pop(session, None)
        self._welcomed.discard(session)

    def watch(self, run: RunNo) -> AbstractAsyncContextManager["RunWatchers.Watch"]:
        """Watch a run."""
        return self._watching(run)

    @asynccontextmanager
    async def _watching(self, run: RunNo) -> AsyncIterator["RunWatchers.Watch"]:
        watch = self._watchers.add(run)
        try:
            yield watch
        finally:
            self._watchers.remove(watch)

    def explain(self, run: RunNo, index: int, node: int) -> str:
        """Say what a waiting or queued node waits for, now."""
        return explain.why_waiting(self.world, run, index, node, self._clock.now())

    def cluster(self) -> ClusterView:
        """Give numbers about the World, now."""
        return cluster_view(self.world, self._clock.now(), welcomed=self._welcomed, refusing=self.refusing)

    # --- commands that need stored facts first ----------------------------------------------------------------------

    async def _ask_prepared(self, command: RetryRun | DeleteRun) -> Any:
        """Give the core the stored facts that it can't know: runs that were over, children that have ended."""
        while True:
            # Afterwards everything decided so far is in the database.
            await self.write(lambda connection: None, frees=isinstance(command, DeleteRun))
            try:
                if isinstance(command, DeleteRun):
                    return await self._delete(command)
                return await self._retry(command)
            except StaleFacts:
                continue
            finally:
                let_go(self.world, command.run)

    async def _delete(self, command: DeleteRun) -> Any:
        ended = None
        if command.index is not None:
            self._revive(command.run)
            ended = restore.ended_child(self._reader, command.run, command.index)
        return await self._ask(DeleteRun(run=command.run, index=command.index, ended=ended))

    async def _retry(self, command: RetryRun) -> bool:
        self._revive(command.run)
        after, changed = -1, False
        while True:
            children: list[InstanceFacts] = restore.unsuccessful_children(
                self._reader, command.run, after=after, limit=RETRIED_AT_ONCE, index=command.index
            )
            again = RetryRun(run=command.run, index=command.index, operators=command.operators, ended=tuple(children))
            changed = await self._ask(again) or changed
            if command.index is not None or len(children) < RETRIED_AT_ONCE:
                return changed
            after = children[-1].index
            self._revive(command.run)

    def _revive(self, run_no: RunNo) -> None:
        """Put a run that was over back into the World; nothing is awaited until the command that needs it."""
        if run_no in self.world.runs:
            return
        if any(run_no in batch.fx.runs or run_no in batch.fx.removed_runs for batch in (self._batch, self._in_commit)):
            raise StaleFacts("the run has ended in between, and that isn't in the database yet")
        facts = restore.load_run(self._reader, self.world, run_no)
        if facts is None:
            raise NotFound("the run isn't there any more")
        restore_run(self.world, facts)

    # --- the two loops ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Decide and commit until stopped."""
        async with asyncio.TaskGroup() as loops:
            decider = loops.create_task(self._decide(), name="decider")
            committer = loops.create_task(self._commit(), name="committer")
            loops.create_task(self._tick(), name="ticker")
            watchdog = loops.create_task(self.metrics.watch_loop(self._clock), name="loop watchdog")
            loops.create_task(self._end_with_committer(committer, decider, watchdog))

    @staticmethod
    async def _end_with_committer(committer: "asyncio.Task[None]", *others: "asyncio.Task[None]") -> None:
        """Only the committer knows when all is durable; until then the decider stays, as more may be posted."""
        await asyncio.wait([committer])
        for other in others:
            other.cancel()

    def stop(self) -> None:
        """Let both loops end once everything that was posted is durable."""
        self._stopping = True
        self._look_at_inbox()

    async def _tick(self) -> None:
        while not self._stopping:
            await asyncio.sleep(TICK)
            if not self.refusing:
                self.post(Tick())
                continue
            self._disk.look_again()
            self._committed.set()

    async def _decide(self) -> None:
        more = True
        while True:
            if not more and not self._inbox:
                if self._stopping:
                    self._decided.set()
                self._wake.clear()
                await self._wake.wait()
            if more and self._in_commit.answers and self.world.unopened:
                await self._let_answers_out()
            while self._must_wait():
                self._committed.clear()
                self._decided.set()
                await self._committed.wait()
            more = self._decide_once()
            self._decided.set()
            await asyncio.sleep(0)  # let messages in and commits start

    async def _let_answers_out(self) -> None:
        """Children can wait for those who wait for an answer, unless something else comes in."""
        if not self._inbox:
            self._wake.clear()
            await self._wake.wait()
        if not self._inbox:
            await asyncio.sleep(ANSWERING)

    def _must_wait(self) -> bool:
        if self._batch.fx.size() > BATCH_ROWS:
            return True
        if not self.refusing or self.world.killing:
            return False
        return not any(self._disk.admits(command) for command, _ in self._inbox)

    def _decide_once(self) -> bool:
        """Drain the inbox and decide everything; nothing is awaited here."""
        now = self._clock.now()
        world, batch = self.world, self._batch
        batch.begun = batch.begun or now.mono
        inbox = self._inbox
        self.metrics.decisions.inc(len(inbox))
        for _ in range(len(inbox)):
            command, future = inbox.popleft()
            if not self._disk.admits(command):
                inbox.append((command, future))
                continue
            try:
                answer = reactor.handle(world, batch.fx, command, now)
            except AccioError as error:
                if future is not None and not future.done():
                    future.set_exception(error)
                elif future is None:
                    log.warning("refused", command=type(command).__name__, error=error.message)
                continue
            if future is not None:
                batch.answers.append((future, answer))
        if self.refusing:
            return reactor.stop_more(world, batch.fx, now)
        more = reactor.advance(world, batch.fx, now, opening=OPENED_FIRST if batch.answers else reactor.OPENED_AT_ONCE)
        while world.lookups:
            keys = [execution.key for execution in world.lookups if execution.key is not None]
            readying.resolve(world, batch.fx, find_results(self._reader, keys), now)
            more = reactor.advance(world, batch.fx, now, opening=0 if batch.answers else reactor.OPENED_AT_ONCE) or more
            if batch.fx.size() > BATCH_ROWS or self._clock.now().mono - now.mono > SLICE:
                return True
        return more

    async def _commit(self) -> None:
        while True:
            await self._decided.wait()
            self._decided.clear()
            batch = self._batch
            if batch.is_empty():
                if self._stopping and not self._deleting and (not self._inbox or self.refusing):
                    return
                if not self._deleting:
                    self._deliver(batch)
                    continue
            self._batch, self._in_commit = _Batch(), batch
            await self._persist(batch)
            self._in_commit = self._batch
            for run in batch.fx.runs.values():
                self._watchers.wake(run.no, ended=run.state in RUN_TERMINAL)
            for removed in batch.fx.removed_runs:
                self._watchers.wake(removed, ended=True)
            self._deliver(batch)
            self._crash_point("after_act")
            for future, answer in batch.answers:
                if not future.done():
                    future.set_result(answer)
            self._crash_point("after_answer")
            self._deleting.extend(batch.fx.removed_runs)
            if self._deleting or self._stopping:
                self._decided.set()
            self._committed.set()
            self._wake.set()

    async def _persist(self, batch: _Batch) -> None:
        identities = {number: identity_of(spec) for number, spec, _ in batch.fx.operators}
        rows = render(batch.fx, identities)
        jobs = batch.jobs
        deleting = self._deleting[0] if self._deleting else None
        self._crash_point("before_commit")

        def transaction(connection: sqlite3.Connection) -> tuple[list[tuple[_Job, Any, AccioError | None]], bool]:
            connection.execute("BEGIN IMMEDIATE")
            try:
                write(connection, rows)
                more = delete_some(connection, deleting) if deleting is not None else False
                outcomes = [_run_job(connection, job) for job in jobs]
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return outcomes, more

        with self.metrics.commit_seconds.time():
            outcomes, more = await self._until_there_is_space(transaction)
        if deleting is not None and not more:
            self._deleting.popleft()
        self.metrics.committed(batch.fx)
        self._crash_point("after_commit")
        for job, value, refusal in outcomes:
            if not job.future.done():
                if refusal is None:
                    job.future.set_result(value)
                else:
                    job.future.set_exception(refusal)

    async def _until_there_is_space(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction.

        As long as the disk is full, refuse new work and try again: the batch isn't acted on before.
        """
        while True:
            try:
                outcome = await self._database.writer.run_job(transaction)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL or self._stopping:
                    raise
                if not self._disk.found(str(error)):
                    await asyncio.sleep(FULL_DISK_PAUSE)
                continue
            self._disk.written()
            return outcome

    def _deliver(self, batch: _Batch) -> None:
        """Tell agents what is durable now.

        A session that has ended since hears nothing: its attempts are placed anew.
        """
        outgoing, batch.fx.outgoing = batch.fx.outgoing, {}
        for session, words in outgoing.items():
            link = self._links.get(session)
            if link is None:
                continue
            if words.work and batch.begun:
                self.metrics.dispatch_seconds.observe(self._clock.now().mono - batch.begun)
            agent = self.world.sessions.get(session)
            if agent is None and words.goodbye is None:
                continue
            words.work = [] if agent is None else [a for a in words.work if a.attempt in agent.attempts]
            if words.welcome is not None:
                self._welcomed.add(session)
            link.deliver(words)

    def lost(self, session: SessionNo, reason: str) -> None:
        """Post that a session ended without a goodbye."""
        self.detach(session)
        self.post(AgentLost(session=session, reason=reason))


def _run_job(connection: sqlite3.Connection, job: _Job) -> tuple[_Job, Any, AccioError | None]:
    connection.execute("SAVEPOINT job")
    try:
        value = job.run(connection)
    except AccioError as error:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return job, None, error
    connection.execute("RELEASE job")
    return job, value, None
