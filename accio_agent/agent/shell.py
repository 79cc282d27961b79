"""The agent's shell: feeds events to the core, carries its effects out. One event loop, one task's worth of state.

Everything that arrives within one turn of the event loop is decided together: the journal is written once, then
workers get their work, then the daemon gets its messages.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.v1 import agents_pb2
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.work import Assignment, Begin, Effects, Lane, Publication, WorkClass
from accio_agent.agent.disk.aside import OtherHistory, label_logs
from accio_agent.agent.disk.journal import Journal
from accio_agent.agent.disk.log_store import LogStore
from accio_agent.agent.link import messages
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.staging.staging import Staged, Staging
from accio_agent.agent.workers import outcomes
from accio_agent.agent.workers.handles import Template, Worker
from accio_agent.agent.workers.limits import MemoryGuard, Processors
from accio_agent.agent.workers.log_answers import LogAnswers
from accio_agent.agent.workers.watch import Supervisor
from accio_agent.protocol import frames
from accio_agent.protocol.frames import Flag

log = structlog.get_logger("accio.agent")

PREFETCH_LIMIT = 1024
_CHANGED = "its files have changed since the agent started; start the agent again"
FEW_WORKERS = 32
FAILED, STORED, PRINTED = Flag.FAILED.value, Flag.STORED.value, Flag.PRINTED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the agent is; see state_folder."""

    name: str
    agent_id: str
    incarnation: int
    boot_id: str
    version: str
    life: str
    predecessors: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An operator, and the references that its template imports."""

    spec: OperatorSpec
    references: tuple[str, ...]
    takes_datasets: bool


class Agent:
    """Implements `session.Handler` and `workers.Events`."""

    def __init__(
        self,
        *,
        identity: Identity,
        resources: Resources,
        operators: Sequence[Offered],
        templates: Mapping[str, Template],
        folder: Path,
        journal: Journal,
        logs: LogStore,
        staging: Staging,
        outbound: Outbound,
        idle_limit: int,
        is_current: Callable[[Sequence[str]], bool],
    ) -> None:
        self.identity = identity
        self.resources = resources
        self._operators = operators
        self._templates = dict(templates)
        self._folder = folder
        self._journal = journal
        self._logs = logs
        self._staging = staging
        self._outbound = outbound
        self._is_current = is_current
        self._loop = asyncio.get_running_loop()
        self._tasks: asyncio.TaskGroup | None = None
        remembered = journal.remembered
        self.core = AgentCore(
            idle_limit=idle_limit,
            gone=remembered.begun,
            outbox={seq: attempt for seq, (attempt, _) in remembered.reports.items()},
            next_seq=remembered.next_seq,
        )
        self.workers: dict[int, Worker] = {}
        self._classes: dict[tuple[int, Any, int], WorkClass] = {}
        self._session_classes: dict[int, WorkClass] = {}
        self._class_numbers: dict[WorkClass, int] = {}
        self._changed_pools: set[str] = set()
        self._told: set[str] = set()  # why workers were replaced
        self._settling = False
        self._connected = False
        self._disk_refuses = False
        self._guard = MemoryGuard(identity.name)
        self._processors = Processors(os.sched_getaffinity(0))
        self._answers = LogAnswers(logs, self._outbound)
        self.supervisor = Supervisor(self, self._guard, self._answers)
        self.changed = asyncio.Event()

    async def run_tasks(self) -> None:
        """Be the parent of the tasks that fetch inputs, deliver outputs and digest paths, until cancelled."""
        for template in self._templates.values():
            template.watch(self)
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.get_running_loop().create_future()

    # --- session.Handler ---------------------------------------------------------------------------------------------

    def hello(self) -> agents_pb2.Hello:
        identity = self.identity
        return agents_pb2.Hello(
            name=identity.name,
            agent_id=identity.agent_id,
            incarnation=identity.incarnation,
            boot_id=identity.boot_id,
            version=identity.version,
            resources=messages.resources(self.resources),
            operators=[messages.operator(each.spec) for each in self._operators],
            held=messages.held(self.core.held()),
            draining=self.core.leaving,
            prefetch_limit=PREFETCH_LIMIT,
            history=self._journal.remembered.history,
            life=identity.life,
            predecessors=identity.predecessors,
            place=identity.place,
        )

    def check_history(self, history: str) -> None:
        """Raise OtherHistory if what is held belongs to another history than the daemon's."""
        own = self._journal.remembered.history
        if own and own != history:
            raise OtherHistory(history)

    def welcomed(self, welcome: agents_pb2.Welcome) -> None:
        self._session_classes.clear()
        self._connected = True
        if welcome.history and not self._journal.remembered.history:
            self._journal.belongs_to(welcome.history)
            label_logs(self._folder, welcome.history)
        self._staging.use_store(welcome.store_folder, welcome.store_nonce)
        self.core.welcome(welcome.keep, welcome.drop)
        self.settle()

    def disconnected(self) -> None:
        self._connected = False
        self.core.disconnected()

    def received(self, message: agents_pb2.DaemonMessage) -> None:
        match message.WhichOneof("kind"):
            case "work":
                self._take_work(message.work)
            case "ack":
                self.core.acknowledge(message.ack.seqs)
            case "stop":
                for no in message.stop.attempts:
                    self.supervisor.stop(no, outcomes.killed())
            case "recall":
                self.core.recall(message.recall.attempts)
            case "digest":
                self._spawn(self._digest(message.digest.request, list(message.digest.paths)), "digest")
            case "log":
                request = message.log
                self._answers.ask(
                    request.request, request.attempt, request.offset, alive=self.core.knows(request.attempt)
                )
            case "drain":
                self.core.drain(message.drain.draining)
            case _:
                return  # a kind of a newer protocol
        self.settle_soon()

    def drain(self) -> None:
        """Take no new work: the agent is about to end."""
        self.core.leave(True)
        self._outbound.put(agents_pb2.AgentMessage(draining=agents_pb2.Draining(draining=True)))
        self.settle_soon()

    async def idle(self, connected: Callable[[], bool]) -> None:
        """Wait until nothing runs, and the daemon (if it is there) has all reports."""
        while not self.core.idle or (self.core.unacknowledged and connected()):
            self.changed.clear()
            await self.changed.wait()

    def tell(self, message: agents_pb2.AgentMessage) -> None:
        """Send a message, if there is a session."""
        if self._connected:
            self._outbound.put(message)

    def _take_work(self, work: agents_pb2.Work) -> None:
        self.core.acknowledge(work.acked)
        for node_class in work.classes:
            self._session_classes[node_class.id] = self._class_of(node_class)
        classes = self._session_classes
        operators = self._operators
        assignments = []
        for each in work.assignments:
            work_class = classes[getattr(each, "class")]
            ready = not (operators[work_class.operator].takes_datasets or each.large_inputs)
            assignments.append(
                Assignment(
                    attempt=each.attempt,
                    work_class=work_class,
                    task=each,
                    reserved=each.reserved,
                    gpus=tuple(each.gpus) if work_class.gpus else (),
                    ready=ready,
                )
            )
        self.core.assign(assignments)

    def _class_of(self, node_class: agents_pb2.NodeClass) -> WorkClass:
        demand = node_class.resources
        custom = tuple(sorted(demand.custom.items()))
        amounts = (demand.milli_cpus, demand.memory, demand.disk, demand.gpus, custom)
        key = (node_class.operator, amounts, node_class.timeout_ms)
        found = self._classes.get(key)
        if found is None:
            offered = self._operators[node_class.operator]
            threads = max(1, demand.milli_cpus // 1000)
            found = self._classes[key] = WorkClass(
                pool=pool_name(offered.references, threads),
                operator=node_class.operator,
                alone=offered.spec.isolated,
                ahead=not offered.spec.isolated and not demand.gpus,
                gpus=demand.gpus,
                milli_cpus=demand.milli_cpus,
                memory=demand.memory,
                timeout_ms=node_class.timeout_ms,
            )
            self._class_numbers[found] = len(self._classes)
        return found

    async def _digest(self, request: int, paths: list[str]) -> None:
        answers = await self._staging.digest_paths(paths)
        self._outbound.put(agents_pb2.AgentMessage(digests=agents_pb2.DigestAnswer(request=request, paths=answers)))

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
        reports = self._write_journal(effects)
        refused = [lane for lane in effects.opened if not self._open(lane)]
        for lane_no, no in effects.held:
            if lane_no in self.workers:  # else it has just died
                self.supervisor.hold(self.workers[lane_no], no)
        for begin in effects.begun:
            if begin.lane in self.workers:
                self._begin(begin)
        for lane_no in effects.closed:
            if lane_no in self.workers:
                self.workers[lane_no].finish()
        for assignment in effects.stage:
            self._spawn(self._stage(assignment), f"stage {assignment.attempt}")
        self._tell(effects, reports)
        for lane in refused:
            self.core.lane_lost(lane.no, None, outcomes.not_started(_CHANGED))
            self.settle_soon()
        self.changed.set()

    def _write_journal(self, effects: Effects) -> list[bytes]:
        """Write down what is about to happen; the serialised new reports."""
        journal = self._journal
        journal.acknowledged(effects.acked)
        journal.forgotten(effects.forgotten)
        reports = [self._keep_report(journal, each) for each in effects.published]
        for begin in effects.begun:
            journal.begun([each.attempt for each in begin.attempts])
        try:
            journal.write()
        except OSError as error:  # it is kept in memory, and written once there is room
            if not self._disk_refuses:
                log.warning("the agent's folder can't be written to; reports wait in memory", reason=str(error))
            self._disk_refuses = True
        else:
            self._disk_refuses = False
        return reports

    def _keep_report(self, journal: Journal, publication: Publication) -> bytes:
        seq, attempt, ending = publication.seq, publication.attempt, publication.outcome
        if self._staging.holds(attempt):
            self._spawn(self._staging.forget(attempt), f"forget {attempt}")
        content = messages.numbered(seq, ending if isinstance(ending, bytes) else messages.report(ending, attempt))
        journal.report(seq, attempt, content)
        return content

    def _tell(self, effects: Effects, reports: Iterable[bytes]) -> None:
        if not self._connected:
            return
        outbound = self._outbound
        remembered = self._journal.remembered.reports
        for seq in effects.resend:
            if seq in remembered:
                outbound.put_report(remembered[seq][1])
        again = set(effects.resend)
        for publication, content in zip(effects.published, reports, strict=True):
            if publication.seq not in again:
                outbound.put_report(content)
        if effects.withdrawn or effects.started:
            answer = agents_pb2.RecallAnswer(withdrawn=effects.withdrawn, started=effects.started)
            outbound.put(agents_pb2.AgentMessage(recalled=answer))

    def _open(self, lane: Lane) -> bool:
        """Start a worker; False if its operators aren't any more what was announced."""
        template = self._template(lane.pool)
        if template is None:
            return False
        folder = self._folder / "workers" / str(lane.no)
        self.workers[lane.no] = Worker(lane.no, template, folder, self._logs, self)
        return True

    def _template(self, pool: str) -> Template | None:
        template = self._templates.get(pool)
        if template is None and pool not in self._changed_pools:
            references, threads = parse_pool(pool)
            if not self._is_current(references):  # it would import other code than was announced
                log.error("operators changed since the agent started", references=references, reason=_CHANGED)
                self._changed_pools.add(pool)
                return None
            template = self._templates[pool] = Template(pool, references, threads)
            template.watch(self)
        return template

    def _begin(self, begin: Begin) -> None:
        worker = self.workers[begin.lane]
        work_class = begin.work_class
        store = self._staging.store_for_outputs
        described = None
        if (work_class, store) not in worker.classes:
            worker.classes = {each for each in worker.classes if each[0] is not work_class} | {(work_class, store)}
            described = {
                "operator": self._operators[work_class.operator].spec.name,
                "alone": work_class.alone,
                "cgroup": self._guard.prepare(worker.lane, work_class.memory),
                "store": store,
            }
        worker.work_class = work_class
        told = {str(each.attempt): found for each in begin.attempts if (found := self._staging.told(each.attempt))}
        cpus = self._processors.take(begin.lane, work_class.milli_cpus)
        head = (self._class_numbers[work_class], described, [begin.gpus, cpus], told or None)
        work = agents_pb2.Work(assignments=[each.task for each in begin.attempts])
        worker.send(frames.work(head, work.SerializeToString()))
        self.supervisor.wake()

    # --- staging -----------------------------------------------------------------------------------------------------

    def _spawn(self, work: Any, name: str) -> None:
        assert self._tasks is not None, "run_tasks runs as long as events come"
        self._tasks.create_task(work, name=name)

    async def _stage(self, assignment: Assignment) -> None:
        task: agents_pb2.Assignment = assignment.task
        spec = self._operators[assignment.work_class.operator].spec
        staged = await self._staging.fetch(assignment.attempt, spec, task)
        if isinstance(staged, Staged):
            self.core.staged(assignment.attempt)
            if not self.core.knows(assignment.attempt):  # it was stopped meanwhile
                await self._staging.forget(assignment.attempt)
        else:
            outcome = outcomes.staging(staged.reason, missing=staged.missing, absent=staged.absent)
            self.core.not_staged(assignment.attempt, outcome)
        self.settle_soon()

    async def _deliver(self, attempt: int, content: bytes) -> None:
        """Check the inputs again, send new content to the store, then report."""
        report = agents_pb2.Report.FromString(content)
        problem = await self._staging.changed(attempt)
        if not problem and report.success:
            datasets = [each.digest for each in report.contents]
            problem = await self._staging.deliver(datasets, [each.digest for each in report.large_outputs])
        self.core.ended(attempt, messages.not_delivered(report, outcomes.staging(problem)) if problem else content)
        self.settle_soon()

    # --- workers.Events ----------------------------------------------------------------------------------------------

    def result(self, worker: Worker, result: frames.Result) -> None:
        no, flags, content = result.attempt, result.flags, result.report
        log_bytes = worker.capture.ended(no, (result.out, result.err) if flags & PRINTED else None)
        news = self.core.executed(worker.lane, no, result.wall_us)
        if not self.core.head(worker.lane):
            self._processors.release(worker.lane)
        if not news:
            return
        if log_bytes:
            content = messages.with_log(content, log_bytes)
            if flags & FAILED:
                content = messages.with_tails(content, worker.capture.tails())
        if flags & STORED or self._staging.holds(no):
            self._spawn(self._deliver(no, content), f"deliver {no}")
        else:
            self.core.ended(no, content)
        self.settle_soon()

    def woken(self, worker: Worker) -> None:
        if len(self.workers) <= FEW_WORKERS:  # one group of reports for all
            for each in self.workers.values():
                each.take_results()

    def handed_back(self, worker: Worker, attempts: list[int]) -> None:
        self.core.handed_back(worker.lane, attempts)
        self.settle_soon()

    def retired(self, worker: Worker, why: str) -> None:
        tell = log.debug if why in self._told else log.info
        self._told.add(why)
        tell("worker retires", worker=worker.lane, why=why)
        self.core.condemn(worker.lane)

    def garbled(self, worker: Worker, why: str) -> None:
        log.warning("an operator wrote into its worker's own files", worker=worker.lane, found=why)
        self.core.condemn(worker.lane)
        self.supervisor.end(worker)

    def exited(self, worker: Worker, status: int | None) -> None:
        worker.drain()
        attempt, started_ns, _ = worker.page.current()
        if worker.garbled:
            attempt = self.core.head(worker.lane)
        outcome = self.supervisor.outcome_of_death(worker, attempt, started_ns, status)
        self.core.lane_lost(worker.lane, attempt or None, outcome)
        self.workers.pop(worker.lane, None)
        self._guard.release(worker.lane)
        self._processors.release(worker.lane)
        worker.close()
        self._spawn(asyncio.to_thread(shutil.rmtree, self._folder / "workers" / str(worker.lane), True), "tidy")
        self.settle_soon()

    def template_ready(self, template: Template, failure: str) -> None:
        if failure:
            log.error("operators can't be loaded", pool=template.pool, reason=failure)
            return
        references, _ = parse_pool(template.pool)
        if not self._is_current(references):  # it was changed while the template imported it
            log.error("operators changed since the agent started", references=references, reason=_CHANGED)
            self._changed_pools.add(template.pool)
            template.close()
            self.template_lost(template)

    def template_lost(self, template: Template) -> None:
        """All its workers are gone; the next lane starts another one."""
        if self._templates.get(template.pool) is template:
            del self._templates[template.pool]
        for worker in list(template.workers.values()):
            self.exited(worker, None)
        template.workers.clear()

    def close(self) -> None:
        """End all processes."""
        for template in self._templates.values():
            template.close()
        for worker in self.workers.values():
            worker.close()
        self._guard.close()
        self._journal.close()
        self._logs.close()


def pool_name(references: Sequence[str], threads: int) -> str:
    """The name of the pool of workers for operators behind *references* that may use so many threads."""
    return "\0".join([str(threads), *references])


def parse_pool(pool: str) -> tuple[tuple[str, ...], int]:
    """The references and the threads of a pool."""
    threads, *references = pool.split("\0")
    return tuple(references), int(threads)
