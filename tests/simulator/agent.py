"""An agent of the simulation: the real core; its workers, its disk and its connection exist in the simulation only.

It mirrors accio_agent.agent.shell: journal first, then workers, then messages; and it may die between any two of
them. What it does is told to the `Witness`, who judges.
"""

from collections import deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from accio.domain.failures import Failure
from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.domain.states import Cause
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.outcome import Ending, Outcome
from accio_agent.agent.core.over import Over
from accio_agent.agent.core.work import Assignment, Begin, WorkClass
from accio_daemon.core.commands import AgentJoined, Holding
from accio_daemon.core.lives import Life
from accio_daemon.core.outgoing import Assignment as Sent
from accio_daemon.core.outgoing import Welcome
from accio_daemon.core.terms import AttemptNo, SessionNo
from tests.simulator.agent_disk import AgentDisk
from tests.simulator.events import Loop, Standstill
from tests.simulator.network import Link, Message, Stream
from tests.simulator.witness import Nobody, Witness

HEARTBEAT = 2.0
LEASE = 15.0
SUSPECT = 6.0
SAVES_AFTER = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """What executing an attempt comes to."""

    seconds: float
    ending: Ending
    deadly: bool = False  # it takes its agent along


Execute = Callable[[Sent], Work]
Dial = Callable[["SimulatedAgent"], Stream | None]


@dataclass(slots=True)
class Worker:
    """A lane's process."""

    waiting: deque[Assignment] = field(default_factory=deque)
    current: int | None = None
    doomed: bool = False


class ForgetfulCore(AgentCore):
    """A core that takes every assignment for a new one."""

    def assign(self, assignments: Any) -> None:
        """Accept work, whatever was seen before."""
        kept = list(assignments)
        for each in kept:
            found = self._attempts.get(each.attempt)
            if found is not None:
                self._finish(found, self._state(found))
        self._over = Over(set())
        super().assign(kept)


class SimulatedAgent:
    """One machine's agent, through all its lives."""

    def __init__(
        self,
        loop: Loop,
        name: str,
        *,
        resources: Resources,
        operators: tuple[OperatorSpec, ...],
        execute: Execute,
        dial: Dial,
        witness: Witness,
        switched_off: frozenset[str],
        deaths: float,
        pace: float = 1.0,
        owners: frozenset[str] = frozenset(),
        place: str = "its machine",
    ) -> None:
        """Install it; `start` begins its first life. *deaths* is how likely it dies between two of its steps, *pace*
        how many seconds pass while its clock shows one.
        """
        self.place = place
        self._pace = pace
        self.loop = loop
        self.name = name
        self.link = Link()
        self.disk = AgentDisk()
        self.alive = False
        self.comes_back = True  # whether somebody starts it again
        self.owners = owners  # whose nodes alone it takes
        self.standstill = Standstill(loop)
        self.deaths = deaths
        self._resources = resources
        self._operators = operators
        self._execute = execute
        self._dial = dial
        self._witness = witness
        self._off = switched_off
        self._classes: dict[tuple[Any, ...], WorkClass] = {}
        self.core = AgentCore()
        self._life = 0
        self._workers: dict[int, Worker] = {}
        self._stream: Stream | None = None
        self._answered = 0.0
        self._connected = False
        self._told_draining = False  # by the last hello
        self._settling = False
        self._began = self._ends = 0.0  # its host's time; the same if it doesn't end

    @property
    def _seen_by(self) -> Witness:
        """Who sees what happens: nobody judges what is left of another history."""
        return self._witness if self.disk.history == self._witness.history else Nobody()

    def copied(self) -> "SimulatedAgent":
        """Return a copy of the agent, at another place; whoever made it doesn't start it again when it has ended."""
        twin = SimulatedAgent(
            self.loop,
            self.name,
            resources=self._resources,
            operators=self._operators,
            execute=self._execute,
            dial=self._dial,
            witness=self._witness,
            switched_off=self._off,
            deaths=self.deaths,
            pace=self._pace,
            owners=self.owners,
            place="a copy of its machine",
        )
        twin.disk = deepcopy(self.disk)
        twin.comes_back = False
        return twin

    # --- lives ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life with what the disk says."""
        disk = self.disk
        disk.incarnation += 1
        disk.lives.append(f"life {disk.incarnation} on {self.place}")
        self._life += 1
        self.alive = True
        core = ForgetfulCore if "dedup of starts" in self._off else AgentCore
        self.core = core(
            gone=() if "journal" in self._off else disk.begun,
            outbox={seq: attempt for seq, (attempt, _) in disk.reports.items()},
            next_seq=disk.next_seq,
        )
        self._workers = {}
        self._stream = None
        self._connected = self._settling = False
        self._began = self._ends = self.loop.now
        if self.loop.chance(0.2):
            self._ends += self.loop.between(2.0, 60.0)
            self._mine(self._ends - self.loop.now, lambda: self.say_goodbye(walltime=True))
        self._mine(0.0, self._call)

    @property
    def _host_may_have_ended(self) -> bool:
        """Return whether the daemon may take a death now for the end of the host, as word travels for a while."""
        return self._began < self._ends <= self.loop.now + SUSPECT + 1.0

    def die(self) -> None:
        """End at once: processes, memory and connection go, the disk stays."""
        if not self.alive:
            return
        self.alive = False
        self._life += 1
        for worker in self._workers.values():
            if worker.current is not None:
                self._seen_by.died(self.name, worker.current, counts=not self._host_may_have_ended)
        self._workers = {}
        if self._stream is not None:
            self._stream.snap(notice=3.0)
            self._stream = None
        if "outbox" in self._off:
            self.disk.reports.clear()
        self.loop.note("an agent died")
        self._start_again(self.loop.between(0.1, 25.0 if self.loop.chance(0.3) else 3.0))

    def _start_again(self, seconds: float) -> None:
        if self.comes_back:
            self.loop.after(seconds, self.start)

    def serve_everybody(self) -> None:
        """Accept everybody's nodes from now on: if it didn't, it is started again for that."""
        if self.owners:
            self.owners = frozenset()
            self.die()

    def serve_another(self, *, same_history: bool) -> None:
        """Die; before the next life another daemon had the folder, and gave it attempts with numbers of this one's."""
        self.die()
        self.disk.serve_another(same_history=same_history)

    def _mine(self, seconds: float, what: Callable[[], None]) -> None:
        """Plan something for this life; while the process is stopped, nothing happens in it. The dead plan nothing."""
        if not self.alive:  # of settling, in the middle of something that goes on to plan
            return
        life = self._life

        def happen() -> None:
            if life == self._life:
                what()

        self.loop.after(seconds * self._pace, lambda: self.standstill.pass_on(happen))

    # --- the session ----------------------------------------------------------------------------------------------

    def _call(self) -> None:
        stream = self._dial(self)
        if stream is None:
            self._mine(self.loop.between(0.2, 2.0), self._call)
            return
        self._stream = stream
        life = self._life
        stream.to_agent = lambda message: self._mine(0.0, partial(self._received, stream, message))
        stream.agent_ended = lambda reason: (
            self._mine(0.0, partial(self._ended, stream)) if life == self._life else None
        )
        held = {AttemptNo(no): holding for no, holding in self.core.held()}
        self._told_draining = self.core.leaving
        hello = partial(self._hello, held, self.core.leaving)
        *before, token = self.disk.lives
        own = Life(token=token, predecessors=frozenset(before), place=self.place)
        stream.send_up(Message(kind="hello", body=(self.disk.history, own, hello)))
        self._mine(10.0, lambda: None if self._connected else self._ended(stream))

    def _hello(self, held: dict[AttemptNo, Holding], draining: bool, session: SessionNo) -> AgentJoined:
        """Make the Hello; the daemon gives the session its number."""
        return AgentJoined(
            session=session,
            name=self.name,
            agent_id=f"id of {self.name}",
            incarnation=self.disk.incarnation,
            version="0",
            resources=self._resources,
            operators=self._operators,
            held=held,
            draining=draining,
            prefetch_limit=64,
            ends_in=max(0.001, self._ends - self.loop.now) if self._ends > self._began else None,
            lasts=self._ends - self._began,
            owners=self.owners,
        )

    def _ended(self, stream: Stream) -> None:
        if stream is not self._stream:
            return
        self._stream = None
        self._connected = False
        self.core.disconnected()
        self.settle()
        self._mine(self.loop.between(0.1, 2.0), self._call)

    def _beat(self, stream: Stream) -> None:
        if stream is not self._stream:
            return
        if self.loop.now - self._answered > LEASE * self._pace:
            self.loop.note("an agent gave a silent daemon up")
            stream.shut(by_daemon=False)
            self._ended(stream)
            return
        self._send(Message(kind="heartbeat"))
        self._mine(HEARTBEAT, partial(self._beat, stream))

    def _send(self, message: Message) -> None:
        if self._stream is not None and self._connected:
            self._stream.send_up(message)

    def drain(self) -> None:
        """Refuse new work, and say so; go on after a while."""
        self._set_draining(draining=True)
        self._mine(self.loop.between(0.5, 8.0), lambda: self._set_draining(draining=False))

    def _set_draining(self, *, draining: bool) -> None:
        self.core.leave(draining)
        self._send(Message(kind="draining", body=draining))
        self.settle()

    def say_goodbye(self, *, walltime: bool = False) -> None:
        """End on purpose, or as the host does: workers stop, the daemon is told; another life begins a little later."""
        stream, self.alive = self._stream, False
        self._life += 1
        if stream is not None and self._connected:
            stream.send_up(Message(kind="goodbye", body=walltime))
        self._workers = {}
        self._stream = None
        self._start_again(self.loop.between(0.5, 4.0))

    def _received(self, stream: Stream, message: Message) -> None:
        if stream is not self._stream:
            return
        if not self._connected:
            self._answered_hello(stream, message)
            return
        body = message.body
        match message.kind:
            case "heartbeat":
                self._answered = self.loop.now
            case "work":
                self.core.assign([self._assignment(sent) for sent in body])
            case "ack":
                for seq in body:
                    if seq in self.disk.reports:
                        self._seen_by.acknowledged(self.disk.reports[seq][0])
                self.core.acknowledge(body)
            case "stop":
                self.core.stop(body)
            case "recall":
                self.core.recall(body)
            case "drain":
                self.core.drain(body)
            case "goodbye":
                self._ended(stream)
            case _:
                raise AssertionError(f"unknown message {message.kind}")
        self._settle_soon()

    def _answered_hello(self, stream: Stream, message: Message) -> None:
        if message.kind == "welcome":
            self._welcomed(stream, *message.body)
        elif message.kind == "another history":
            self._begin_clean()
        elif message.kind == "refused":  # as a copy of one that lives
            self.die()

    def _begin_clean(self) -> None:
        """Stop everything, set the journal aside, and dial again."""
        self.loop.note("an agent set its journal aside")
        self.die()
        self.disk.set_aside()

    def _welcomed(self, stream: Stream, welcome: Welcome, history: str) -> None:
        self.disk.history = self.disk.history or history
        self._connected = True
        self._answered = self.loop.now
        self.core.welcome(welcome.keep, welcome.drop)
        if self.core.leaving != self._told_draining:  # that changed while the session was opened
            self._send(Message(kind="draining", body=self.core.leaving))
        self.settle()
        self._mine(HEARTBEAT, partial(self._beat, stream))

    def _assignment(self, sent: Sent) -> Assignment:
        node_class = sent.node_class
        key = (node_class.operator_no, node_class.resources, node_class.timeout_ms)
        found = self._classes.get(key)
        if found is None:
            ahead = not node_class.resources.gpus
            found = WorkClass(
                pool="python", operator=node_class.operator_no, ahead=ahead, gpus=node_class.resources.gpus
            )
            self._classes[key] = found
        return Assignment(attempt=sent.attempt, work_class=found, task=sent, reserved=sent.reserved, gpus=sent.gpus)

    # --- effects --------------------------------------------------------------------------------------------------

    def _settle_soon(self) -> None:
        if not self._settling:
            self._settling = True
            self._mine(0.0, self.settle)

    def settle(self) -> None:
        """Carry out the effects: journal, workers, messages. The process may die in between."""
        self._settling = False
        effects = self.core.take()
        self._check_grants()
        disk = self.disk
        for seq in effects.acked:
            disk.reports.pop(seq, None)
        disk.begun.difference_update(effects.forgotten)
        for report in effects.published:
            disk.begun.discard(report.attempt)
            disk.reports[report.seq] = (report.attempt, report.outcome)
            disk.next_seq = report.seq + 1
            self._seen_by.finished(self.name, report.attempt)
        disk.begun.update(each.attempt for begin in effects.begun for each in begin.attempts)
        if effects.published and self._maybe_dies("an agent died with a report unsent"):
            return
        for lane in effects.opened:
            self._workers[lane.no] = Worker()
        for lane_no, no in effects.held:
            self._mine(self.loop.between(0.0001, 0.01), partial(self._hand_back, lane_no, no))
        for begin in effects.begun:
            self._hand_over(begin)
        for lane_no in effects.closed:
            self._workers.pop(lane_no, None)
        if effects.begun and self._maybe_dies("an agent died having begun"):
            return
        again = [disk.reports[seq] + (seq,) for seq in effects.resend if seq in disk.reports]
        if again:
            self.loop.note("reports were handed over again")
        reports = [(seq, attempt, outcome) for attempt, outcome, seq in again]
        reports += [(each.seq, each.attempt, each.outcome) for each in effects.published]
        if effects.withdrawn or effects.started:  # they overtake reports, as in accio_agent.agent.link.outbound
            self._send(Message(kind="recalled", body=(tuple(effects.withdrawn), tuple(effects.started))))
        if reports:
            self._send(Message(kind="reports", body=reports))

    def _check_grants(self) -> None:
        """What holds grants fits on the machine, and no GPU was given twice."""
        granted = [each.assignment for each in self.core._attempts.values() if each.granted]
        demands = [each.task.node_class.resources for each in granted]
        used = sum(demand.milli_cpus for demand in demands)
        assert used <= self._resources.milli_cpus, f"{self.name} holds grants for {used} of its milli-cpus"
        gpus = [index for each in granted for index in each.gpus]
        assert len(set(gpus)) == len(gpus), f"{self.name} has GPUs that were given twice: {gpus}"

    def _maybe_dies(self, what: str) -> bool:
        if not self.loop.chance(self.deaths):
            return False
        self.loop.note(what)
        self.die()
        return True

    # --- workers --------------------------------------------------------------------------------------------------

    def _hand_over(self, begin: Begin) -> None:
        worker = self._workers[begin.lane]
        worker.waiting.extend(begin.attempts)
        self._go_on(begin.lane, worker)

    def _go_on(self, lane: int, worker: Worker) -> None:
        """Begin the next attempt that an idle worker was handed."""
        if worker.current is not None or worker.doomed or not worker.waiting:
            return
        assignment = worker.waiting.popleft()
        worker.current = assignment.attempt
        self._seen_by.began(self.name, assignment.task)
        work = self._execute(assignment.task)
        if work.deadly:
            self._mine(work.seconds, self.die)
            return
        life, ended = self._life, partial(self._ended_attempt, lane, worker, assignment.attempt, work)
        # The worker goes on while the agent is stopped; the agent hears of it later.
        self.loop.after(work.seconds, lambda: self._mine(0.0, ended) if life == self._life else None)
        if work.seconds > SAVES_AFTER:
            self._mine(work.seconds / 2, partial(self._save, lane, worker, assignment.attempt))
        if worker.waiting and work.seconds > 0.01:
            self._mine(0.02, partial(self._suspend, lane, worker, assignment.attempt))

    def _save(self, lane: int, worker: Worker, attempt: int) -> None:
        """Save a checkpoint for a long attempt."""
        if worker.current == attempt and self._workers.get(lane) is worker:
            self._seen_by.saved(attempt)
            self._send(Message(kind="checkpoint", body=attempt))

    def _suspend(self, lane: int, worker: Worker, attempt: int) -> None:
        if worker.current == attempt and worker.waiting:
            self.core.suspend(lane)
            self.settle()

    def _ended_attempt(self, lane: int, worker: Worker, attempt: int, work: Work) -> None:
        if worker.current != attempt or self._workers.get(lane) is not worker:
            return
        worker.current = None
        if self.core.executed(lane, attempt, int(work.seconds * 1e6)):
            self.core.ended(attempt, work.ending)
        self._go_on(lane, worker)
        self._settle_soon()

    def _hand_back(self, lane: int, doomed: int | None) -> None:
        """Answer a hold: give back what hasn't begun; a worker that runs what is doomed is killed."""
        worker = self._workers.get(lane)
        if worker is None:
            return
        back = [each.attempt for each in worker.waiting]
        worker.waiting.clear()
        if doomed is not None and worker.current == doomed:
            self.core.condemn(lane)
            worker.doomed = True
            self._mine(self.loop.between(0.001, 2.0), partial(self._killed, lane, worker, doomed))
        self.core.handed_back(lane, back)
        self._settle_soon()

    def _killed(self, lane: int, worker: Worker, attempt: int) -> None:
        if self._workers.get(lane) is worker:
            del self._workers[lane]
            running = attempt if worker.current == attempt else None
            failure = Failure(cause=Cause.KILLED, message="stopped")
            self.core.lane_lost(lane, running, Outcome(failure=failure))
            self._settle_soon()
