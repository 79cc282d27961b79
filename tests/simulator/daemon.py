"""The daemon without an event loop: the engine's steps (decide, commit, act, answer), each taken when told to.

The core and the storage are the real ones. Between the steps a test may crash it, or let another batch be decided while
one is being committed, as the engine does. `switched_off` names safeguards to do without.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from accio.errors import AccioError, NotFound
from accio_daemon.core import reactor, readying
from accio_daemon.core.commands import Command, DeleteRun, InstanceFacts, RetryRun, RunNo, SessionNo, StaleFacts
from accio_daemon.core.effects import Effects
from accio_daemon.core.outgoing import Outgoing
from accio_daemon.core.restoring import let_go, restore_run
from accio_daemon.core.world import Settings, World
from accio_daemon.storage import restore
from accio_daemon.storage.results import find_results
from accio_daemon.storage.writer import Batch as Rows
from tests.fakes import FakeClock
from tests.simulator.disk import Disk

Deliver = Callable[[Outgoing], None]
Answer = Callable[[Any], None]


@dataclass(slots=True)
class Batch:
    """What has been decided and isn't durable yet."""

    fx: Effects = field(default_factory=Effects)
    answers: list[tuple[Answer, Any]] = field(default_factory=list)
    rows: Rows | None = None  # once it is being committed


class Daemon:
    """One life of the daemon, from its start on a disk to its crash."""

    def __init__(
        self, disk: Disk, clock: FakeClock, settings: Settings, *, switched_off: frozenset[str] = frozenset()
    ) -> None:
        """Start: restore what is on the disk. What restoring decided is the first batch."""
        restored = disk.restore(settings, clock.now())
        self.disk = disk
        self.clock = clock
        self.world: World = restored.world
        self.batch = Batch(fx=restored.effects)
        self.committing: Batch | None = None
        self.deleting: deque[int] = deque(restored.being_deleted)
        self.links: dict[SessionNo, Deliver] = {}
        self.inbox: deque[tuple[Command, Answer | None, Answer | None]] = deque()
        self.off = switched_off
        self._sessions = 0

    # --- what comes in --------------------------------------------------------------------------------------------

    def next_session(self) -> SessionNo:
        """Give a number for a new session."""
        self._sessions += 1
        return SessionNo(self._sessions)

    def post(self, command: Command, answer: Answer | None = None, refused: Answer | None = None) -> None:
        """Post a command; *answer* is called once what it decided is durable, *refused* with an error at once."""
        self.inbox.append((command, answer, refused))

    def ask(self, command: Command) -> Any:
        """Carry a command out, to the end: decide, commit, act, answer, and whatever follows from it."""
        answers: list[Any] = []
        errors: list[Any] = []
        if isinstance(command, DeleteRun | RetryRun):
            self.finish()
            return self._ask_prepared(command)
        self.post(command, answers.append, errors.append)
        self.finish()
        if errors:
            raise errors[0]
        return answers[0]

    def _ask_prepared(self, command: DeleteRun | RetryRun) -> Any:
        """Give the core the stored facts that it can't know, as the engine does."""
        try:
            return self._ask_with_facts(command)
        finally:
            let_go(self.world, command.run)

    def _ask_with_facts(self, command: DeleteRun | RetryRun) -> Any:
        if isinstance(command, DeleteRun):
            return self._ask_now(self.prepared_delete(command))
        after, changed = -1, False
        while True:
            again = self.prepared_retry(command, after)
            changed = self._ask_now(again) or changed
            if command.index is not None or len(again.ended) < 500:
                return changed
            after = again.ended[-1].index

    def _ask_now(self, command: Command) -> Any:
        answers: list[Any] = []
        errors: list[Any] = []
        self.post(command, answers.append, errors.append)
        self.finish()
        if errors:
            raise errors[0]
        return answers[0]

    def prepared_delete(self, command: DeleteRun) -> DeleteRun:
        """Read what deleting needs; everything decided must be durable."""
        if command.index is None:
            return command
        self._revive(command.run)
        ended = restore.ended_child(self.disk.connection, command.run, command.index)
        return DeleteRun(run=command.run, index=command.index, ended=ended)

    def prepared_retry(self, command: RetryRun, after: int = -1) -> RetryRun:
        """Read what retrying needs; everything decided must be durable."""
        self._revive(command.run)
        children: list[InstanceFacts] = restore.unsuccessful_children(
            self.disk.connection, command.run, after=after, limit=500, index=command.index
        )
        return RetryRun(run=command.run, index=command.index, operators=command.operators, ended=tuple(children))

    def _revive(self, run: RunNo) -> None:
        if run not in self.world.runs:
            undurable = [self.batch.fx] + ([self.committing.fx] if self.committing is not None else [])
            if any(run in fx.runs or run in fx.removed_runs for fx in undurable):
                raise StaleFacts("what ended it isn't in the database yet")
            facts = restore.load_run(self.disk.connection, self.world, run)
            if facts is None:
                raise NotFound("there is no such run")
            restore_run(self.world, facts)

    # --- the engine's steps ---------------------------------------------------------------------------------------

    def decide(self) -> bool:
        """Decide everything that was posted, and one step of what follows; True if there is more to do."""
        now = self.clock.now()
        world, fx = self.world, self.batch.fx
        while self.inbox:
            command, answer, refused = self.inbox.popleft()
            try:
                value = reactor.handle(world, fx, command, now)
            except AccioError as error:
                if refused is not None:
                    refused(error)
                continue
            if answer is not None:
                self.batch.answers.append((answer, value))
        more = reactor.advance(world, fx, now)
        while world.lookups:
            keys = [execution.key for execution in world.lookups if execution.key is not None]
            readying.resolve(world, fx, find_results(self.disk.connection, keys), now)
            more = reactor.advance(world, fx, now) or more
        if "commit before act" in self.off:
            self._act(self.batch)
        return more

    def begin_commit(self) -> bool:
        """Take what has been decided; False if that is nothing, or another batch is still being committed."""
        batch = self.batch
        if self.committing is not None or not (batch.answers or batch.fx.rows() or self.deleting):
            return False
        self.batch = Batch()
        batch.rows = self.disk.render(batch.fx)
        self.committing = batch
        return True

    def finish_commit(self) -> Batch:
        """Make it durable. What acts on it comes next: `act`."""
        batch = self.committing
        assert batch is not None, "there is nothing to commit"
        assert batch.rows is not None, "what is being committed was rendered"
        self.committing = None
        deleting = self.deleting[0] if self.deleting else None
        if not self.disk.commit(batch.rows, deleting) and deleting is not None:
            self.deleting.popleft()
        return batch

    def act(self, batch: Batch) -> None:
        """Tell agents, then answer."""
        self._act(batch)
        self.deleting.extend(batch.fx.removed_runs)

    def _act(self, batch: Batch) -> None:
        outgoing, batch.fx.outgoing = batch.fx.outgoing, {}
        for session, words in outgoing.items():
            self._deliver(session, words)
        answers, batch.answers = batch.answers, []
        for answer, value in answers:
            answer(value)

    def _deliver(self, session: SessionNo, words: Outgoing) -> None:
        """As Engine._deliver: a session that has ended hears nothing."""
        link = self.links.get(session)
        agent = self.world.sessions.get(session)
        if link is None or (agent is None and words.goodbye is None):
            return
        words.work = [] if agent is None else [a for a in words.work if a.attempt in agent.attempts]
        link(words)

    def finish(self) -> None:
        """Decide, commit and act until nothing is left to do."""
        if self.committing is not None:
            self.act(self.finish_commit())
        more = True
        while more or self.inbox or self.deleting or self.batch.answers:
            more = self.decide()
            while self.begin_commit():
                self.act(self.finish_commit())
