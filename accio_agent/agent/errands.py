"""What takes longer than a turn of the event loop: fetching inputs, delivering outputs, digesting paths.

Each errand is a task of its own; what comes of it is fed to the core.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from accio.v1 import agents_pb2
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.work import Assignment
from accio_agent.agent.link import messages
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.offer import Offered
from accio_agent.agent.staging.staging import Staged, Staging
from accio_agent.agent.workers import outcomes


class Errands:
    """Runs errands until it is cancelled; *settle_soon* is called when one has told the core something."""

    def __init__(
        self,
        *,
        core: AgentCore,
        staging: Staging,
        operators: Sequence[Offered],
        outbound: Outbound,
        settle_soon: Callable[[], None],
    ) -> None:
        self._core = core
        self._staging = staging
        self._operators = operators
        self._outbound = outbound
        self._settle_soon = settle_soon
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Be the parent of all errands, until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.get_running_loop().create_future()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin an errand."""
        assert self._tasks is not None, "run goes on as long as events come"
        self._tasks.create_task(work, name=name)

    def stage(self, assignment: Assignment) -> None:
        """Fetch the inputs of an attempt."""
        self.spawn(self._stage(assignment), f"stage {assignment.attempt}")

    def deliver(self, attempt: int, report: bytes, saved: Awaitable[None]) -> None:
        """Bring what an attempt made to where others find it, then report: once what it *saved* has been told."""
        self.spawn(self._deliver(attempt, report, saved), f"deliver {attempt}")

    def forget(self, attempt: int) -> None:
        """Remove what was fetched for an attempt."""
        self.spawn(self._staging.forget(attempt), f"forget {attempt}")

    def digest(self, request: int, paths: list[str]) -> None:
        """Digest paths of this host for the daemon."""
        self.spawn(self._digest(request, paths), "digest")

    def drop_freed(self) -> None:
        """Free what was kept of content that the daemon has freed, perhaps while this agent was away."""
        self.spawn(self._staging.drop_freed(idle=self._core.idle), "drop freed content")

    def remove(self, folder: Path) -> None:
        """Remove what a process left."""
        self.spawn(asyncio.to_thread(shutil.rmtree, folder, True), "tidy")

    async def _stage(self, assignment: Assignment) -> None:
        task: agents_pb2.Assignment = assignment.task
        spec = self._operators[assignment.work_class.operator].spec
        staged = await self._staging.fetch(assignment.attempt, spec, task)
        if isinstance(staged, Staged):
            self._core.staged(assignment.attempt)
            if not self._core.knows(assignment.attempt):  # it was stopped meanwhile
                await self._staging.forget(assignment.attempt)
        else:
            outcome = outcomes.staging(
                staged.reason, missing=staged.missing, absent=staged.absent, disk_full=staged.disk_full
            )
            self._core.not_staged(assignment.attempt, outcome)
        self._settle_soon()

    async def _deliver(self, attempt: int, content: bytes, saved: Awaitable[None]) -> None:
        """Check the inputs again, send new content to the store, then report."""
        await saved
        report = agents_pb2.Report.FromString(content)
        problem = await self._staging.changed(attempt)
        if problem and self._core.doom(attempt) is None and await self._staging.can_repeat(attempt):
            self._core.give_back(attempt)
            await self._staging.forget(attempt)
            self._settle_soon()
            return
        outcome = outcomes.staging(problem) if problem else None
        if outcome is None and report.success:
            datasets = [each.digest for each in report.contents]
            failed = await self._staging.deliver(datasets, [each.digest for each in report.large_outputs])
            outcome = None if failed is None else outcomes.staging(failed.reason, disk_full=failed.disk_full)
        self._core.ended(attempt, content if outcome is None else messages.not_delivered(report, outcome))
        self._settle_soon()

    async def _digest(self, request: int, paths: list[str]) -> None:
        answers = await self._staging.paths.answer(request, paths)
        if answers is not None:
            self._outbound.put(agents_pb2.AgentMessage(digests=agents_pb2.DigestAnswer(request=request, paths=answers)))
