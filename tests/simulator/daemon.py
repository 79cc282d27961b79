"""The daemon without an event loop: the engine's own cycle and storage, each step taken when a test says so.

Between the steps a test may crash it, or let another batch be decided while one is being committed, as the engine does.
"""

from typing import Any, TypeVar

from accio_daemon.core.commands import Command
from accio_daemon.core.terms import SessionNo
from accio_daemon.core.world import Settings
from accio_daemon.engine.cycle import Cycle
from accio_daemon.storage.writing.transactions import Committed
from tests.fakes import FakeClock, Reply
from tests.simulator.disk import Disk
from tests.simulator.outside import Outside

T = TypeVar("T")


class Daemon(Cycle):
    """One life of the daemon, from its start on a disk to its crash."""

    def __init__(self, disk: Disk, clock: FakeClock, settings: Settings, **parts: Any) -> None:
        """Start on what is on the disk; *parts* are those of a cycle."""
        super().__init__(restored=disk.restore(settings, clock.now()), records=disk.records, clock=clock, **parts)
        self.outside = Outside(disk)
        self._database = disk
        self._sessions = 0

    def next_session(self) -> SessionNo:
        """Number a new session."""
        self._sessions += 1
        return SessionNo(self._sessions)

    def commit(self) -> Committed:
        """Write what was sealed: `act` and `answer` come next."""
        assert self.in_commit is not None, "nothing was sealed"
        return self._database.commit(self.in_commit)

    def finish(self) -> None:
        """Decide, commit, act and answer until nothing is left to do."""
        more = True
        while more or not self.is_done():
            if self.in_commit is None:
                more = self.decide()
            while self.in_commit is not None or self.seal() is not None:
                committed = self.commit()
                self.act(committed)
                self.answer(committed)
            for requests in (self.gathers, self.measures, self.asks):
                while requests:
                    more = True
                    self.post(self.outside.answer_to(requests.popleft()))

    def carry_out(self, command: Command[T], *, prepared: bool = True) -> T:
        """Carry a command out, with all that follows, and give its answer; not *prepared*, it goes without facts."""
        reply = Reply()
        if prepared:
            self.ask(command, reply)
        else:
            self.inbox.append((command, reply))
        self.finish()
        if reply.error is not None:
            raise reply.error
        result: T = reply.result
        return result
