"""All templates and workers of an agent: opened by pool and lane, buried when their processes are gone."""

import asyncio
from collections.abc import Callable, Container, Coroutine, Mapping, Sequence
from pathlib import Path

import structlog

from accio_agent.agent.core.work import Lane
from accio_agent.agent.disk.log_store import LogStore
from accio_agent.agent.workers.limits import MemoryGuard, Processors
from accio_agent.agent.workers.strays import Strays
from accio_agent.agent.workers.template_handle import TemplateHandle, parse_pool
from accio_agent.agent.workers.worker_handle import WorkerEvents, WorkerHandle

log = structlog.get_logger("accio.agent")


class Fleet:
    """Implements `TemplateEvents`. It starts no code other than what the agent announced (*is_current*)."""

    def __init__(
        self,
        *,
        folder: Path,
        logs: LogStore,
        templates: Mapping[str, TemplateHandle],
        guard: MemoryGuard,
        processors: Processors,
        is_current: Callable[[Sequence[str]], bool],
        withhold: Callable[[Sequence[str]], None],
        events: WorkerEvents,
        spawn: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        """*folder* is where workers have theirs; *templates* run already, by pool, *spawn* runs tasks.

        *withhold* is told of references whose code on disk isn't what is offered: `replace` is to follow.
        """
        self.workers: dict[int, WorkerHandle] = {}
        self.guard = guard
        self.processors = processors
        self._folder = folder
        self._logs = logs
        self._templates = dict(templates)
        self._is_current = is_current
        self._withhold = withhold
        self._events = events
        self._spawn = spawn
        self._replaced: set[TemplateHandle] = set()  # those with other code than is offered now
        self._approved: set[TemplateHandle] = set()  # those that may start workers
        self._strays = Strays(lambda: {template.pid for template in (*self._templates.values(), *self._replaced)})

    def watch(self) -> None:
        """Listen to the templates that have been started already, and be there for what they leave."""
        self._strays.adopt()
        for template in self._templates.values():
            template.watch(self)

    def open(self, lane: Lane) -> None:
        """Start a worker, once its operators are imported and are what was announced."""
        template = self._template(lane.pool)
        self.workers[lane.no] = WorkerHandle(lane.no, template, self.folder_of(lane.no), self._logs, self._events)

    def bury(self, worker: WorkerHandle) -> None:
        """Release what a worker had whose process is gone; its folder is left."""
        self.workers.pop(worker.lane, None)
        self.guard.release(worker.lane)
        self.processors.release(worker.lane)
        worker.close()
        self._close_replaced()

    def replace(self, changed: Container[Sequence[str]], withheld: Container[Sequence[str]] = ()) -> list[str]:
        """Start the templates of *changed* references anew, but for *withheld* ones; what runs below the old ones ends
        there. Return the pools.

        What is started later must be what is announced now: the caller has seen to `is_current`.
        """
        pools = [pool for pool in self._templates if parse_pool(pool)[0] in changed]
        for pool in pools:
            template = self._templates.pop(pool)
            self._replaced.add(template)
            if template.imported and template not in self._approved:  # nothing will ever run below it
                self._spawn(self._end(template), f"end {template!r}")
            if parse_pool(pool)[0] not in withheld:
                self._template(pool)
        self._close_replaced()
        return pools

    def folder_of(self, lane: int) -> Path:
        """Return the folder in which a lane's worker works."""
        return self._folder / str(lane)

    def close(self) -> None:
        """End all processes."""
        for template in (*self._templates.values(), *self._replaced):
            template.close()
        for worker in self.workers.values():
            worker.close()
        self._strays.close()
        self.guard.close()

    def _template(self, pool: str) -> TemplateHandle:
        template = self._templates.get(pool)
        if template is None:
            references, threads = parse_pool(pool)
            template = self._templates[pool] = TemplateHandle(pool, references, threads, self._folder.parent)
            template.watch(self)
        return template

    async def _approve(self, template: TemplateHandle) -> None:
        """Approve what a template has imported, unless it may have imported other code than was announced: then what
        waits for it goes on waiting, until `replace` gives it back.

        The look reads files, many if packages have changed: it is no business of the event loop.
        """
        references, _ = parse_pool(template.pool)
        current = await asyncio.to_thread(self._is_current, references)
        if not template.alive:
            return
        if template in self._replaced:  # whatever it has imported, it isn't known to be what was announced then
            await self._end(template)
        elif current:
            self._approved.add(template)
            template.approve()
        else:
            self._withhold(references)

    async def _end(self, template: TemplateHandle) -> None:
        """End a template whose workers have begun nothing."""
        template.close()
        self._bury_template(template)

    async def _end_unimported(self, template: TemplateHandle) -> None:
        """Bury a template that couldn't import its operators.

        What waits for it fails only if the code on disk is still what was announced; otherwise a file was just being
        written, and the next template may succeed.
        """
        references, _ = parse_pool(template.pool)
        if await asyncio.to_thread(self._is_current, references):
            log.error("operators can't be loaded", pool=template.pool, reason=template.failure)
        elif self._templates.get(template.pool) is template:
            self._withhold(references)
            return
        self._bury_template(template)

    def _close_replaced(self) -> None:
        """End the replaced templates that have nothing left to do. Those that import still end once they listen."""
        for template in [each for each in self._replaced if each.imported and not each.lanes]:
            self._replaced.discard(template)
            self._approved.discard(template)
            template.close()
            self._strays.bury()

    # --- TemplateEvents ----------------------------------------------------------------------------------------------

    def template_ready(self, template: TemplateHandle, failure: str) -> None:
        if failure:
            return  # it ends
        self._spawn(self._approve(template), f"approve {template!r}")

    def template_lost(self, template: TemplateHandle) -> None:
        """Note that all its workers are gone; the next lane starts another one."""
        if template.failure and template not in self._replaced:
            self._spawn(self._end_unimported(template), f"bury {template!r}")
        else:
            self._bury_template(template)

    def _bury_template(self, template: TemplateHandle) -> None:
        if self._templates.get(template.pool) is template:
            del self._templates[template.pool]
        self._replaced.discard(template)
        self._approved.discard(template)
        self._strays.bury()
        for lane in sorted(template.lanes):
            self.exited(lane, None)
        template.lanes.clear()

    def spawned(self, lane: int, pid: int) -> None:
        self.workers[lane].pid = pid

    def exited(self, lane: int, status: int | None) -> None:
        self._events.exited(self.workers[lane], status)
