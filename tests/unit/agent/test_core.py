"""The agent's core against a model of the daemon and of worker processes: grants, lanes, reports."""

from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accio.domain.attempts import Holding
from accio.domain.failures import Failure
from accio.domain.states import Cause
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.lanes import START_FAILURES
from accio_agent.agent.core.outcome import Outcome, killed
from accio_agent.agent.core.work import Assignment, Effects, WorkClass

DONE = b"a report"
CRASHED = Outcome(failure=Failure(cause=Cause.SIGNAL, message="crashed"))

CLASSES = (
    WorkClass(pool="p", operator=0),
    WorkClass(pool="p", operator=1),
    WorkClass(pool="p", operator=2, alone=True, ahead=False),
    WorkClass(pool="q", operator=3, gpus=1, ahead=False),
)


def assignment(no: int, work_class: WorkClass, *, reserved: bool = True, ready: bool = True) -> Assignment:
    gpus = (no % 8,) if reserved and work_class.gpus else ()
    return Assignment(attempt=no, work_class=work_class, task=None, reserved=reserved, gpus=gpus, ready=ready)


class WorkerModel:
    """A worker process: executes what it was handed, in order, and answers holds."""

    def __init__(self) -> None:
        self.inbox: deque[int | None] = deque()  # None is a request to hand back
        self.running: int | None = None

    @property
    def holds(self) -> int:
        return self.inbox.count(None)


class DaemonModel:
    """The daemon's half of the rule about grants."""

    def __init__(self) -> None:
        self.running: dict[WorkClass, set[int]] = {each: set() for each in CLASSES}
        self.ahead: dict[WorkClass, deque[int]] = {each: deque() for each in CLASSES}
        self.class_of: dict[int, WorkClass] = {}
        self.ended: list[int] = []

    def assigned(self, no: int, work_class: WorkClass, *, reserved: bool) -> None:
        self.class_of[no] = work_class
        if reserved:
            self.running[work_class].add(no)
        else:
            self.ahead[work_class].append(no)

    def reported(self, no: int) -> None:
        self.ended.append(no)
        work_class = self.class_of[no]
        if no in self.ahead[work_class]:
            self.ahead[work_class].remove(no)
            return
        self.running[work_class].remove(no)
        if self.ahead[work_class]:
            self.running[work_class].add(self.ahead[work_class].popleft())

    def joined(self, held: dict[int, Holding]) -> None:
        """Grants are agreed upon anew: who runs has one, nobody else."""
        for work_class in CLASSES:
            known = sorted(no for no in held if self.class_of[no] is work_class)
            self.running[work_class] = {no for no in known if held[no] is Holding.RUNNING}
            self.ahead[work_class] = deque(no for no in known if held[no] is not Holding.RUNNING)

    def withdrawn(self, no: int) -> None:
        self.ahead[self.class_of[no]].remove(no)


class CoreMachine(RuleBasedStateMachine):
    """Random assignments, endings, deaths, stops, recalls and delays; the two sides must agree in the end."""

    @initialize(idle_limit=st.integers(0, 3))
    def begin(self, idle_limit: int) -> None:
        self.core = AgentCore(idle_limit=idle_limit)
        self.daemon = DaemonModel()
        self.workers: dict[int, WorkerModel] = {}
        self.in_flight: deque[tuple[int, int]] = deque()  # reports on their way: number, attempt
        self.staging: set[int] = set()
        self.next_no = 1
        self.begun: set[int] = set()
        self.reported: set[int] = set()
        self.withdrawn: set[int] = set()
        self.core.welcome((), ())
        self.settle()

    # --- the world around the core -----------------------------------------------------------------------------------

    def settle(self) -> None:
        self.carry_out(self.core.take())

    def carry_out(self, effects: Effects) -> None:
        for report in effects.published:
            assert report.attempt not in self.reported, "reported twice"
            assert report.attempt not in self.withdrawn, "withdrawn and reported"
            self.reported.add(report.attempt)
            self.in_flight.append((report.seq, report.attempt))
        for lane in effects.opened:
            assert lane.no not in self.workers
            self.workers[lane.no] = WorkerModel()
        for lane_no, no in effects.held:
            worker = self.workers.get(lane_no)
            if worker is not None:
                worker.inbox.append(None)
                if no is not None and worker.running == no:
                    self.kill(lane_no)
        for begin in effects.begun:
            self.workers[begin.lane].inbox.extend(each.attempt for each in begin.attempts)
            assert len(begin.gpus) == begin.work_class.gpus
        for lane_no in effects.closed:
            closed = self.workers.pop(lane_no, None)
            assert closed is None or (closed.running is None and not [no for no in closed.inbox if no is not None])
        for assigned in effects.stage:
            self.staging.add(assigned.attempt)
        for no in effects.withdrawn:
            assert no not in self.begun, "withdrawn after it was begun"
            assert no not in self.withdrawn
            self.withdrawn.add(no)
            self.daemon.withdrawn(no)
        if effects.published or effects.withdrawn:
            self.settle()

    def kill(self, lane_no: int) -> None:
        self.core.condemn(lane_no)
        worker = self.workers.pop(lane_no)
        self.core.lane_lost(lane_no, worker.running, CRASHED)
        self.settle()

    def step(self, lane_no: int, *, wall_us: int = 50) -> None:
        """A worker goes on: ends what it runs, else begins the next or answers a hold."""
        worker = self.workers[lane_no]
        if worker.running is not None:
            no, worker.running = worker.running, None
            if self.core.executed(lane_no, no, wall_us):
                self.core.ended(no, DONE)
        elif worker.holds:
            back = []
            while (no_or_hold := worker.inbox.popleft()) is not None:
                back.append(no_or_hold)
            self.core.handed_back(lane_no, back)
        elif worker.inbox:
            first = worker.inbox.popleft()
            assert first is not None
            assert first not in self.begun, "begun twice"
            self.begun.add(first)
            worker.running = first
        self.settle()

    # --- rules -------------------------------------------------------------------------------------------------------

    @rule(work_class=st.sampled_from(CLASSES), count=st.integers(1, 3), ready=st.booleans())
    def assign_reserved(self, work_class: WorkClass, count: int, ready: bool) -> None:
        self.assign(work_class, count, reserved=True, ready=ready)

    @rule(work_class=st.sampled_from(CLASSES[:3]), count=st.integers(1, 20), ready=st.booleans())
    def assign_ahead(self, work_class: WorkClass, count: int, ready: bool) -> None:
        if self.daemon.running[work_class]:
            self.assign(work_class, count, reserved=False, ready=ready)

    def assign(self, work_class: WorkClass, count: int, *, reserved: bool, ready: bool) -> None:
        numbers = range(self.next_no, self.next_no + count)
        self.next_no += count
        for no in numbers:
            self.daemon.assigned(no, work_class, reserved=reserved)
        sent = [assignment(no, work_class, reserved=reserved, ready=ready) for no in numbers]
        self.core.assign(sent)
        self.core.assign(sent)  # a repetition changes nothing
        self.settle()

    @precondition(lambda self: self.staging)
    @rule(data=st.data(), fine=st.booleans())
    def stage(self, data: st.DataObject, fine: bool) -> None:
        no = data.draw(st.sampled_from(sorted(self.staging)))
        self.staging.remove(no)
        if fine:
            self.core.staged(no)
        else:
            self.core.not_staged(no, CRASHED)
        self.settle()

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), steps=st.integers(1, 10), wall_us=st.sampled_from((10, 100, 5000)))
    def work(self, data: st.DataObject, steps: int, wall_us: int) -> None:
        lane_no = data.draw(st.sampled_from(sorted(self.workers)))
        for _ in range(steps):
            if lane_no in self.workers:
                self.step(lane_no, wall_us=wall_us)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.kill(data.draw(st.sampled_from(sorted(self.workers))))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def suspend_and_reclaim(self, data: st.DataObject) -> None:
        lane_no = data.draw(st.sampled_from(sorted(self.workers)))
        worker = self.workers[lane_no]
        if worker.running is not None:
            self.core.suspend(lane_no)
            self.settle()
            if worker.holds:
                self.core.reclaim(lane_no, worker.running)
                self.settle()

    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        self.core.stop(self.some(data), killed())
        self.settle()

    @rule(data=st.data())
    def recall(self, data: st.DataObject) -> None:
        ahead = sorted(no for line in self.daemon.ahead.values() for no in line)
        if ahead:
            self.core.recall(data.draw(st.lists(st.sampled_from(ahead), unique=True, max_size=5)))
            self.settle()

    def some(self, data: st.DataObject) -> Iterable[int]:
        return data.draw(st.lists(st.integers(1, max(1, self.next_no - 1)), unique=True, max_size=3))

    @precondition(lambda self: self.in_flight)
    @rule(count=st.integers(1, 5))
    def deliver_reports(self, count: int) -> None:
        for _ in range(min(count, len(self.in_flight))):
            seq, no = self.in_flight.popleft()
            self.daemon.reported(no)
            self.core.acknowledge([seq])
        self.settle()

    @rule()
    def reconnect(self) -> None:
        self.core.disconnected()
        held = dict(self.core.held())
        assert {no for no, state in held.items() if state is Holding.FINISHED} == {no for _, no in self.in_flight}
        self.daemon.joined(held)
        self.core.welcome(held, ())
        effects = self.core.take()
        assert effects.resend == [seq for seq, _ in self.in_flight]
        self.carry_out(effects)

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def grants_are_counted(self) -> None:
        """A class has as many grants as attempts hold one, and no more lanes than that."""
        for state in self.core._classes.values():
            holders = [
                each for each in self.core._attempts.values() if each.granted and self.core._state(each) is state
            ]
            assert state.grants == len(holders)

    @invariant()
    def busy_lanes_have_grants(self) -> None:
        """No more workers are busy for a class than it has grants."""
        for work_class, state in self.core._classes.items():
            busy = 0
            for lane_no, worker in self.workers.items():
                numbers = {worker.running, *worker.inbox} - {None}
                if any(self.daemon.class_of[no] is work_class for no in numbers if no is not None):
                    busy += lane_no in state.lanes
            assert busy <= state.grants

    @invariant()
    def both_sides_agree(self) -> None:
        """With no report on its way, agent and daemon think the same attempts hold grants."""
        if not self.in_flight:
            granted = {each.no for each in self.core._attempts.values() if each.granted}
            assert granted == set().union(*self.daemon.running.values())

    def teardown(self) -> None:
        """Everything ends, once, when workers and daemon go on."""
        if not hasattr(self, "core"):
            return
        for no in sorted(self.staging):
            self.core.staged(no)
        self.settle()
        for _ in range(10_000):
            if self.in_flight:
                seq, no = self.in_flight.popleft()
                self.daemon.reported(no)
                self.core.acknowledge([seq])
                self.settle()
            busy = [lane_no for lane_no, worker in self.workers.items() if worker.running or worker.inbox]
            if not busy and not self.in_flight:
                break
            for lane_no in busy:
                if lane_no in self.workers:
                    self.step(lane_no)
        assert self.core.idle, "an attempt waits for ever"
        assert self.core.unacknowledged == 0
        assert self.reported | self.withdrawn == set(range(1, self.next_no))
        assert not any(self.daemon.running.values())
        assert not any(self.daemon.ahead.values())


TestCore = CoreMachine.TestCase
TestCore.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def core_with(*assignments: Assignment, idle_limit: int = 2) -> AgentCore:
    core = AgentCore(idle_limit=idle_limit)
    core.welcome((), ())
    core.assign(assignments)
    return core


def test_an_attempt_of_an_earlier_life_is_not_begun_again() -> None:
    """What the journal knows of, begun or reported, is never begun, and told when a session opens."""
    core = AgentCore(gone=[5], outbox={9: 6}, next_seq=10)
    assert dict(core.held()) == {5: Holding.GONE, 6: Holding.FINISHED}
    core.welcome([6], [5])
    core.assign([assignment(5, CLASSES[0]), assignment(6, CLASSES[0])])
    effects = core.take()
    assert not effects.begun
    assert effects.resend == [9]
    assert effects.forgotten == [5]


def test_a_pool_that_cannot_start_fails_one_attempt_after_the_other() -> None:
    """Workers that die before they begin anything don't make an attempt wait for ever."""
    core = core_with(assignment(1, CLASSES[0]))
    for _ in range(START_FAILURES):
        (lane,) = core.take().opened
        core.lane_lost(lane.no, None, CRASHED)
    (report,) = core.take().published
    assert report.attempt == 1
    assert report.outcome is CRASHED


def test_a_late_assignment_takes_the_grant_that_waits_for_its_acknowledgement() -> None:
    """What was sent before the daemon knew of the end takes the open grant; once that is acknowledged, nothing does."""
    core = core_with(assignment(1, CLASSES[0]))
    (lane,) = core.take().opened
    core.executed(lane.no, 1, 50)
    core.ended(1, DONE)
    (report,) = core.take().published
    core.assign([assignment(2, CLASSES[0], reserved=False)])
    assert [each.attempts[0].attempt for each in core.take().begun] == [2]
    core.acknowledge([report.seq])
    core.assign([assignment(3, CLASSES[0], reserved=False)])
    assert dict(core.held())[3] is Holding.PENDING


def test_dropped_attempts_end_without_a_report() -> None:
    """What the daemon doesn't want any more is stopped, forgotten, and not reported."""
    core = core_with(assignment(1, CLASSES[0]), assignment(2, CLASSES[0]))
    first, second = core.take().opened
    core.disconnected()
    core.welcome([2], [1])
    effects = core.take()
    assert effects.held == [(first.no, 1)]
    assert effects.forgotten == [1]
    core.lane_lost(first.no, 1, CRASHED)
    assert core.executed(second.no, 2, 50)
    core.ended(2, DONE)
    assert [each.attempt for each in core.take().published] == [2]


def opening() -> AgentCore:
    """Make a core with an attempt that ended as a session was opening, and one that waits for its grant."""
    core = core_with(assignment(1, CLASSES[0]), assignment(2, CLASSES[0], reserved=False))
    (lane,) = core.take().opened
    core.disconnected()
    assert dict(core.held()) == {1: Holding.RUNNING, 2: Holding.PENDING}
    core.executed(lane.no, 1, 50_000)
    core.ended(1, DONE)
    effects = core.take()
    assert [each.attempt for each in effects.published] == [1]
    assert effects.begun == []
    return core


def test_a_grant_that_the_daemon_gave_away_passes_to_nobody() -> None:
    """Of what ended as a session opened, and isn't wanted any more, nobody inherits: another one has its capacity."""
    core = opening()
    core.welcome([2], [1])
    assert core.take().begun == []
    assert dict(core.held()) == {2: Holding.PENDING}


@pytest.mark.parametrize("welcomed", [True, False])
def test_a_grant_passes_on_once_the_session_is_open(welcomed: bool) -> None:
    """What ended as a session opened, and is wanted, leaves its grant as ever, and so if the session doesn't open."""
    core = opening()
    if welcomed:
        core.welcome([1, 2], [])
    else:
        core.disconnected()
    assert [each.attempts[0].attempt for each in core.take().begun] == [2]
    assert dict(core.held())[2] is Holding.RUNNING


def test_draining_gives_back_what_waits() -> None:
    """A draining agent withdraws what holds no grant, and ends the rest."""
    core = core_with(assignment(1, CLASSES[0]), assignment(2, CLASSES[0], reserved=False))
    core.take()
    core.drain(True)
    assert core.take().withdrawn == [2]
    assert [no for no, _ in core.held()] == [1]


def test_what_an_engine_killed_is_given_back() -> None:
    """An attempt whose worker died with the whole job is withdrawn, without a report, and its grant goes with it."""
    core = core_with(assignment(1, CLASSES[0]), assignment(2, CLASSES[0]))
    first, _ = core.take().opened
    assert core.lane_lost(first.no, 1, None) == 1
    assert not core.take().published
    assert dict(core.held())[1] is Holding.RUNNING
    core.leave(True)
    core.give_back(1)
    effects = core.take()
    assert (effects.withdrawn, effects.forgotten, effects.published) == ([1], [1], [])
    assert dict(core.held()) == {2: Holding.RUNNING}
    core.ended(1, DONE)
    assert not core.take().published


def test_what_is_judged_late_ends_once() -> None:
    """An attempt that isn't judged yet can be stopped, and isn't judged any more then."""
    core = core_with(assignment(1, CLASSES[0]))
    (lane,) = core.take().opened
    assert core.lane_lost(lane.no, 1, None) == 1
    core.stop([1])
    core.ended(1, CRASHED)
    (report,) = core.take().published
    assert report.attempt == 1
    assert report.outcome is not CRASHED


def test_an_agent_that_ends_begins_nothing_for_the_sake_of_a_grant() -> None:
    """What holds a grant but no worker has seen goes back, whether it waited or is still on its way."""
    core = core_with(assignment(1, CLASSES[0], ready=False))
    core.leave(True)
    core.assign([assignment(2, CLASSES[0])])
    effects = core.take()
    assert (effects.withdrawn, effects.opened) == ([1, 2], [])
    assert core.idle


def test_what_is_recalled_before_it_came_never_begins() -> None:
    """An agent that says that it won't execute an attempt keeps its word, though the work arrives afterwards."""
    core = core_with()
    core.recall([1])
    assert core.take().withdrawn == [1]
    core.assign([assignment(1, CLASSES[0], reserved=False)])
    effects = core.take()
    assert core.idle
    assert not effects.opened
