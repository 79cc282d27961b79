"""The agent's shell: feeds events to the core, carries its effects out. One event loop, one task's worth of state.

Everything that arrives within one turn of the event loop is decided together: the journal is written once, then
workers get their work, then the daemon gets its messages.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from accio.domain.attempts import PlainReport
from accio.v1 import agents_pb2
from accio.wire.report_columns import plain_report
from accio.wire.reports import held_message, with_log, with_tails
from accio_agent.agent.assignments import Assignments
from accio_agent.agent.checkpoints import Checkpoints
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.disk.journal import Journal
from accio_agent.agent.disk.log_store import LogStore
from accio_agent.agent.errands import Errands
from accio_agent.agent.greeting import Greeting
from accio_agent.agent.link.log_answers import LogAnswers
from accio_agent.agent.link.look_answers import LookAnswers
from accio_agent.agent.link.look_line import LookLine
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.live_series import LiveSeries
from accio_agent.agent.offer import Offers
from accio_agent.agent.offering import Offering
from accio_agent.agent.orders import Orders
from accio_agent.agent.reporting import Reporting
from accio_agent.agent.second_looks import SecondLooks
from accio_agent.agent.staging.staging import Staging
from accio_agent.agent.workers import outcomes
from accio_agent.agent.workers.deaths import Deaths
from accio_agent.agent.workers.devices import Devices
from accio_agent.agent.workers.fleet import Fleet
from accio_agent.agent.workers.kills import Kills
from accio_agent.agent.workers.limits import MemoryGuard, Processors
from accio_agent.agent.workers.template_handle import TemplateHandle
from accio_agent.agent.workers.watch import Watch
from accio_agent.agent.workers.worker_handle import WorkerHandle
from accio_agent.protocol import frames
from accio_agent.protocol.frames import Flag

log = structlog.get_logger("accio.agent")

FEW_WORKERS = 32
FAILED, STORED, PRINTED, DOUBTED = (each.value for each in (Flag.FAILED, Flag.STORED, Flag.PRINTED, Flag.DOUBTED))


class Shell:
    """Implements `session.Handler` and `WorkerEvents`."""

    def __init__(
        self,
        *,
        greeting: Greeting,
        devices: Devices,
        operators: Offers,
        templates: Mapping[str, TemplateHandle],
        folder: Path,
        journal: Journal,
        logs: LogStore,
        staging: Staging,
        outbound: Outbound,
        idle_limit: int,
    ) -> None:
        self._greeting = greeting
        self._operators = operators
        self._folder = folder
        self._journal = journal
        self._logs = logs
        self._staging = staging
        self._outbound = outbound
        self._loop = asyncio.get_running_loop()
        self.core = _remembering(journal, idle_limit)
        self._errands = Errands(
            core=self.core, staging=staging, operators=operators, outbound=outbound, settle_soon=self.settle_soon
        )
        self.offering = self._make_offering()
        self.fleet = self._make_fleet(templates)
        self._second_looks = SecondLooks(
            self.core, operators, self.offering, spawn=self._errands.spawn, settle_soon=self.settle_soon
        )
        self._kills = Kills(self.core, self._loop.time)
        self._deaths = Deaths(self.core, self._loop, self.settle_soon)
        self._watch = Watch(
            self.core, self.fleet, self._kills, report_progress=self._report_progress, looked=self._answer_logs
        )
        self._assignments = Assignments(operators)
        self._orders = Orders(self._assignments, operators, staging, self.fleet, devices)
        self._answers = LogAnswers(logs, outbound, self.core.knows)
        self.looks = LookAnswers(outbound, self._errands.spawn)
        self._line = LookLine(self.looks.settled, self._errands.spawn)
        self.checkpoints = Checkpoints(staging, outbound, self._errands.spawn)
        self._series = LiveSeries(outbound)
        self._reporting = Reporting(journal, outbound, staging, self._errands, self.checkpoints, self._series)
        self._stale = agents_pb2.Stale()  # the operators whose code on disk isn't what was announced
        self._told: set[str] = set()  # why workers were replaced
        self._settling = False
        self.changed = asyncio.Event()

    def _make_offering(self) -> Offering:
        return Offering(
            self._operators,
            self.core,
            replace_templates=lambda changed, withheld: self.fleet.replace(changed, withheld),
            spawn=self._errands.spawn,
            settle=self.settle,
        )

    def _make_fleet(self, templates: Mapping[str, TemplateHandle]) -> Fleet:
        return Fleet(
            folder=self._folder / "workers",
            logs=self._logs,
            templates=templates,
            guard=MemoryGuard(self._greeting.identity.name),
            processors=Processors(os.sched_getaffinity(0)),
            is_current=self._operators.is_current,
            withhold=self.offering.withhold,
            spawn=self._errands.spawn,
            events=self,
        )

    async def run_tasks(self) -> None:
        """Watch the processes, and run what fetches inputs, delivers outputs and digests paths, until cancelled."""
        self.fleet.watch()
        await self._errands.run()

    # --- session.Handler ---------------------------------------------------------------------------------------------

    def hello(self) -> agents_pb2.Hello:
        self.offering.change_over()
        self._reporting.greet()
        return self._greeting.hello(held_message(self.core.held()), draining=self.core.leaving)

    def check_history(self, history: str) -> None:
        self._greeting.check_history(history)

    def welcomed(self, welcome: agents_pb2.Welcome) -> None:
        self._assignments.begin_session()
        self.looks.begin_session()
        self._line.begin_session(welcome.looks_at, welcome.looks_key)
        self._greeting.welcomed(welcome)
        self._staging.use_store(welcome.store_folder, welcome.store_nonce)
        self._errands.drop_freed()
        self.core.welcome(welcome.keep, welcome.drop)
        if self._stale.operators or self._stale.loading:  # the session that announces what is loaded is yet to come
            self.looks.tell(self._stale)
        if self.core.leaving:  # perhaps since the hello, which said otherwise
            self._tell_draining()
        self._reporting.session_opened()
        self.checkpoints.session_opened()
        self._series.session_opened()
        self.settle()

    def disconnected(self) -> None:
        self._line.end_session()
        self.core.disconnected()
        self.settle_soon()

    def received(self, message: agents_pb2.DaemonMessage) -> None:
        match message.WhichOneof("kind"):
            case "work":
                self.core.acknowledge(message.work.acked)
                self.core.assign(self._assignments.read(message.work))
            case "ack":
                self.core.acknowledge(message.ack.seqs)
            case "stop":
                self.core.stop(message.stop.attempts)
                self._staging.paths.give_up(message.stop.digests)
            case "recall":
                self.core.recall(message.recall.attempts)
            case "digest":
                self._errands.digest(message.digest.request, list(message.digest.paths))
            case "log":
                self._answers.ask(message.log)
            case "drain":
                self.core.drain(message.drain.draining)
            case "freed":
                self._errands.drop_freed()
            case "look":
                self.looks.ask(message.look.request)
                return  # it concerns no attempt
            case _:
                return  # a kind of a newer protocol
        self.settle_soon()

    def drain(self, *, processes_signalled: bool) -> None:
        """Accept no new work: the agent is about to end. *processes_signalled*: what tells it to may have reached its
        workers and what they started, too.
        """
        if not self.core.leaving:
            self.core.leave(True)
            self._tell_draining()
        if processes_signalled:
            self._deaths.end_all()
        self.settle_soon()

    def _tell_draining(self) -> None:
        self._outbound.put(agents_pb2.AgentMessage(draining=agents_pb2.Draining(draining=True)))

    @property
    def holds_work(self) -> bool:
        return not self.core.idle

    @property
    def holds_reports(self) -> bool:
        return self.core.unacknowledged > 0

    def code_changed(self, distributions: Collection[str], loading: bool, problem: str = "") -> None:
        """Report to the daemon of which distributions the code on disk isn't what was announced, and whether it is
        *loading* it now, or what *problem* keeps it from that.
        """
        specs = [each.spec for each in self._operators.now]
        names = [spec.name for spec in specs if spec.distribution in distributions]
        self._stale = agents_pb2.Stale(operators=names, loading=loading, problem=problem)
        self.looks.tell(self._stale)

    def announces_soon(self) -> agents_pb2.AgentMessage:
        """Return what tells that another session is about to say what is offered: who submits waits for it."""
        return agents_pb2.AgentMessage(stale=agents_pb2.Stale(operators=self._stale.operators, loading=True))

    async def idle(self, connected: Callable[[], bool]) -> None:
        """Wait until nothing runs, and the daemon (if it is there) has all reports."""
        while not self.core.idle or (self.core.unacknowledged and connected()):
            self.changed.clear()
            await self.changed.wait()

    async def checkpoints_told(self) -> None:
        """Wait until the daemon has been told of all that attempts have saved."""
        await self.checkpoints.all_settled()

    # --- effects -----------------------------------------------------------------------------------------------------

    def settle_soon(self) -> None:
        """Carry out the effects at the end of this turn of the event loop."""
        if not self._settling:
            self._settling = True
            self._loop.call_soon(self.settle)

    def settle(self) -> None:
        """Carry out the effects of everything that was fed to the core."""
        self._settling = False
        effects = self.core.take()
        reports = self._reporting.write(effects)
        for lane in effects.opened:
            self.fleet.open(lane)
        workers = self.fleet.workers  # without those that have just died
        for lane_no, no in effects.held:
            if lane_no in workers:
                self._kills.hold(workers[lane_no], no)
        for begin in effects.begun:
            if begin.lane in workers:
                self._orders.begin(workers[begin.lane], begin)
        if effects.held or effects.begun:
            self._watch.wake()
        for lane_no in effects.closed:
            if lane_no in workers:
                workers[lane_no].finish()
        for assignment in effects.stage:
            self._errands.stage(assignment)
        for no in effects.withdrawn:
            if self._staging.holds(no):
                self._errands.forget(no)
        self._reporting.tell(effects, reports)
        self.changed.set()

    # --- WorkerEvents ------------------------------------------------------------------------------------------------

    def results(self, worker: WorkerHandle, group: Sequence[frames.Result]) -> None:
        if not group:
            return
        core, capture, lane = self.core, worker.capture, worker.lane
        brought = self._staging.holds_any or self.checkpoints.any_pending  # which takes a look at each
        for no, wall_us, out, err, flags, content in group:
            log_bytes = capture.ended(no, (out, err) if flags & PRINTED else None)
            if not (flags or log_bytes or brought):  # as with most
                core.executed_and_ended(lane, no, wall_us, content)
                continue
            if not core.executed(lane, no, wall_us):
                continue
            if flags & FAILED and self._deaths.end_of_all and core.doom(no) is None:
                core.give_back(no)
                continue
            if log_bytes:
                if isinstance(content, tuple):
                    content = (*content[:-2], log_bytes, content[-1])
                else:
                    content = with_log(content, log_bytes)
                    if flags & FAILED:
                        content = with_tails(content, capture.tails())
            if flags & DOUBTED:
                report = _serialised(content)
                self._second_looks.begin(worker, no, report, partial(self._end, no, flags, report))
            else:
                self._end(no, flags, content)
        if not core.head(lane):
            self.fleet.processors.release(lane)
        self.settle_soon()

    def _end(self, no: int, flags: int, content: bytes | PlainReport) -> None:
        """End an attempt as its worker has reported, once what it made is where others find it."""
        if flags & STORED or self._staging.holds(no) or self.checkpoints.pending(no):
            self._errands.deliver(no, _serialised(content), self.checkpoints.settled(no))
        else:
            self.core.ended(no, content)

    def woken(self, worker: WorkerHandle) -> None:
        if len(self.fleet.workers) <= FEW_WORKERS:  # one group of reports for all
            for each in self.fleet.workers.values():
                each.take_results()

    def saved(self, worker: WorkerHandle, attempt: int, digest: str, size: int, saved_ms: int) -> None:
        if self.core.head(worker.lane) == attempt:
            self.checkpoints.saved(attempt, digest, size, saved_ms)

    def measured(self, worker: WorkerHandle, series: agents_pb2.AttemptSeries) -> None:
        if self.core.head(worker.lane) == series.attempt:
            self._series.measured(series)

    def handed_back(self, worker: WorkerHandle, attempts: list[int]) -> None:
        self.core.handed_back(worker.lane, attempts)
        self.settle_soon()

    def retired(self, worker: WorkerHandle, why: str) -> None:
        tell = log.debug if why in self._told else log.info
        self._told.add(why)
        tell("worker retires", worker=worker.lane, why=why)
        self.core.condemn(worker.lane)

    def garbled(self, worker: WorkerHandle, why: str) -> None:
        log.warning("an operator wrote into its worker's own files", worker=worker.lane, found=why)
        self._kills.kill(worker)
        self._watch.wake()

    def exited(self, worker: WorkerHandle, status: int | None) -> None:
        worker.drain()
        attempt, started_ns, _ = worker.page.current()
        if worker.garbled:
            attempt = self.core.head(worker.lane)
        outcome = outcomes.of_lost_worker(
            worker,
            attempt,
            started_ns,
            status,
            doom=self.core.doom(attempt),
            out_of_memory=self.fleet.guard.verdict(worker.lane),
        )
        self._deaths.lose_lane(worker.lane, attempt, outcome)
        self.fleet.bury(worker)
        self._errands.remove(self.fleet.folder_of(worker.lane))
        self.settle_soon()

    # --- what the watch asks for -------------------------------------------------------------------------------------

    def _report_progress(self, news: Mapping[int, float]) -> None:
        if news:
            progress = agents_pb2.Progress(attempt=news.keys(), fraction=news.values())
            self._outbound.put(agents_pb2.AgentMessage(progress=progress))
        self._series.tell()

    def _answer_logs(self) -> bool:
        """Answer readers of logs that wait for new output, where there is some; return whether any still waits."""
        waiting = self._answers.retry()
        self.settle_soon()
        return waiting

    def close(self) -> None:
        """End all processes."""
        self.fleet.close()
        self._line.end_session()
        self._journal.close()
        self._logs.close()


def _serialised(content: bytes | PlainReport) -> bytes:
    return content if isinstance(content, bytes) else plain_report(content)


def _remembering(journal: Journal, idle_limit: int) -> AgentCore:
    """Return a core that knows of what a journal holds: what has begun, and reports that nobody has acknowledged."""
    remembered = journal.remembered
    return AgentCore(
        idle_limit=idle_limit,
        gone=remembered.begun,
        outbox={seq: attempt for seq, (attempt, _) in remembered.reports.items()},
        next_seq=remembered.next_seq,
    )
