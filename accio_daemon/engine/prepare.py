"""Retries and deletions need what the core can't know: runs that were over, and children that have ended.

First everything that was decided has to be durable. Then the run is put back into the World and its children are read,
with nothing in between, and the core is asked; if it finds that the facts have changed meanwhile, all begins anew.
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from accio.domain.children import OWN
from accio.domain.states import RUN_TERMINAL
from accio.errors import AccioError, FailedPrecondition, NotFound
from accio_daemon.core.commands import Command, DeleteRun, RetryRun
from accio_daemon.core.facts import StaleFacts
from accio_daemon.core.restoring import let_go, restore_children, restore_run
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import World
from accio_daemon.engine.ports import Records, Reply

# What the core is asked next, or None to wait until everything decided is durable; the steps go on with the answer.
Step = Command[object] | None
Steps = Generator[Step, Any, Any]

# Ended children that one step of a retry reads.
RETRIED_AT_ONCE = 500


class Preparation:
    """Commands that need stored facts, and what their steps look at."""

    def __init__(
        self, world: World, records: Records, is_undurable: Callable[[RunNo], bool], page: int = RETRIED_AT_ONCE
    ) -> None:
        self._world = world
        self._records = records
        self._is_undurable = is_undurable
        self._page = page

    def steps(self, command: RetryRun | DeleteRun) -> Steps:
        """Yield what has to be done for *command*, one thing after the other; return its answer."""
        while True:
            yield None
            try:
                if isinstance(command, DeleteRun):
                    return (yield from self._delete(command))
                return (yield from self._retry(command))
            except StaleFacts:
                continue
            finally:
                let_go(self._world, command.run)

    def _delete(self, command: DeleteRun) -> Steps:
        ended = None
        if command.index is not None:
            self._revive(command.run)
            ended = self._records.ended_child(command.run, command.index)
        return (yield DeleteRun(run=command.run, index=command.index, ended=ended))

    def _retry(self, command: RetryRun) -> Steps:
        """Retry page by page: memory and latency stay bounded, however many children there are."""
        after, changed = -1, False
        while True:
            self._revive(command.run, set_aside=True)
            children = self._records.unsuccessful_children(
                command.run, after=after, limit=self._page, index=command.index
            )
            own = self._records.ended_child(command.run, OWN)
            again = replace(command, ended=tuple(children), own=own, goes_on=after >= 0)
            changed = (yield again) or changed
            if command.index is not None or len(children) < self._page:
                return changed
            after = children[-1].index

    def _revive(self, run: RunNo, *, set_aside: bool = False) -> None:
        """Put a run that was over back into the World; the command that needs it is posted in the same step.

        One that hasn't ended, either, was *set aside*: if that is expected, it goes on.
        """
        if run in self._world.runs:
            return
        if self._is_undurable(run):
            raise StaleFacts("the run has ended in between, and that isn't in the database yet")
        try:
            self._restore(run, set_aside=set_aside)
        except AccioError:
            raise
        except Exception as error:
            if found := self._world.runs.pop(run, None):
                self._world.unopened.remove(found)
            raise FailedPrecondition(
                f"what is stored of the run can't be restored ({type(error).__name__}: {error}); delete it"
            ) from error

    def _restore(self, run: RunNo, *, set_aside: bool) -> None:
        facts = self._records.load_run(run, self._world.specs)
        if facts is None:
            raise NotFound("the run isn't there any more")
        ended = facts.state in RUN_TERMINAL
        if not ended and not set_aside:
            raise FailedPrecondition(f"run {facts.id} is quarantined: accio retry {facts.id} makes it go on")
        children = [] if ended else self._records.open_children(run)
        restore_children(self._world, restore_run(self._world, facts), children)


class Walk:
    """Carries out steps one after the other: it is the reply to each of them, until its own reply is due."""

    def __init__(self, steps: Steps, take: Callable[[Step, Reply], None], reply: Reply) -> None:
        self._steps = steps
        self._take = take
        self._reply = reply

    def begin(self) -> None:
        """Request the first step."""
        self._go_on(lambda: next(self._steps))

    def done(self) -> bool:
        """Return whether answers are unwanted: never, as what was begun is carried out."""
        return False

    def set_result(self, value: Any, /) -> None:
        """Go on with what a step was answered."""
        self._go_on(lambda: self._steps.send(value))

    def set_exception(self, error: BaseException, /) -> None:
        """Go on with why a step was refused."""
        self._go_on(lambda: self._steps.throw(error))

    def _go_on(self, resume: Callable[[], Step]) -> None:
        try:
            step = resume()
        except StopIteration as end:
            if not self._reply.done():
                self._reply.set_result(end.value)
        except Exception as error:  # noqa: BLE001 — who asked learns of it; reading what is stored changed nothing
            if not self._reply.done():
                self._reply.set_exception(error)
        else:
            self._take(step, self)
