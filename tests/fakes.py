"""Stand-ins for the world outside the daemon's core: a clock, and an agent that records what it is told.

`FakeAgent` keeps the rules of grants and of work sent ahead (accio_agent.agent.core), as far as the daemon can see
them, and fails the test when the daemon breaks them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.domain.states import Cause
from accio_daemon.core.commands import AgentJoined, AgentRecalled, AgentReports, Holding, Report
from accio_daemon.core.outgoing import Assignment, Outgoing
from accio_daemon.core.terms import AgentNo, AttemptNo, Instant, SessionNo
from tests import builders

EPOCH_MS = 1_700_000_000_000


class FakeClock:
    """Time that passes when told to; the wall clock may jump by itself."""

    def __init__(self, *, mono: float = 1000.0, wall_ms: int = EPOCH_MS) -> None:
        """Begin somewhere that isn't zero."""
        self.mono = mono
        self.wall_ms = wall_ms

    def now(self) -> Instant:
        """Return this moment."""
        return Instant(wall_ms=self.wall_ms, mono=self.mono)

    def advance(self, seconds: float) -> None:
        """Advance time."""
        before = int(self.mono * 1000)
        self.mono += seconds
        self.wall_ms += int(self.mono * 1000) - before


class Reply:
    """Who waits for an answer: keeps it, and tells whoever wants to know."""

    def __init__(
        self, answered: Callable[[Any], None] | None = None, refused: Callable[[Any], None] | None = None
    ) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._ended = False
        self._tell = (answered, refused)

    def done(self) -> bool:
        """Return whether it was answered."""
        return self._ended

    def set_result(self, result: Any, /) -> None:
        """Answer."""
        self._ended, self.result = True, result
        if self._tell[0] is not None:
            self._tell[0](result)

    def set_exception(self, exception: BaseException, /) -> None:
        """Refuse."""
        self._ended, self.error = True, exception
        if self._tell[1] is not None:
            self._tell[1](exception)


Class = tuple[int, Resources, int | None]


def _class(assignment: Assignment) -> Class:
    """What an agent takes for one class, also over sessions with daemons that number classes differently."""
    found = assignment.node_class
    return found.operator_no, found.resources, found.timeout_ms


@dataclass(slots=True, kw_only=True)
class Held:
    """An attempt at a fake agent."""

    assignment: Assignment
    granted: bool

    @property
    def node(self) -> str:
        """Name it as people do, "RUN/NODE"."""
        return self.assignment.node


@dataclass(slots=True, kw_only=True)
class FakeAgent:
    """An agent of one session, without processes: the test says which attempt ends, and how."""

    name: str
    resources: Resources = field(default_factory=Resources)
    operators: tuple[OperatorSpec, ...] = ()
    agent_id: str = ""
    incarnation: int = 1
    prefetch_limit: int = 0
    ends_in: float | None = None  # seconds of its host's time, from each hello on
    owners: frozenset[str] = frozenset()  # whose nodes alone it takes
    draining: bool = False  # by itself
    drained: bool = False  # because the daemon said so
    session: SessionNo | None = None
    no: AgentNo | None = None
    numbers: tuple[int, ...] = ()  # of the operators, as the welcome tells them
    attempts: dict[AttemptNo, Held] = field(default_factory=dict)  # not ended, in the order of arrival
    outbox: dict[int, Report] = field(default_factory=dict)
    open_grants: dict[int, Class] = field(default_factory=dict)  # by the report that left it open
    stopped: list[AttemptNo] = field(default_factory=list)
    recalled: list[AttemptNo] = field(default_factory=list)
    digests: list[tuple[int, list[str]]] = field(default_factory=list)
    moot: list[int] = field(default_factory=list)
    goodbyes: list[str] = field(default_factory=list)
    next_seq: int = 1

    def hello(
        self,
        session: SessionNo,
        *,
        held: Mapping[AttemptNo, Holding] | None = None,
        allocation: tuple[str, int] | None = None,
    ) -> AgentJoined:
        """Open a session with what is held; *held* tells the daemon something else."""
        self.session = session
        if held is None:
            held = {no: Holding.RUNNING if each.granted else Holding.PENDING for no, each in self.attempts.items()}
            held |= {report.attempt: Holding.FINISHED for report in self.outbox.values()}
        return AgentJoined(
            session=session,
            name=self.name,
            agent_id=self.agent_id or f"id of {self.name}",
            incarnation=self.incarnation,
            version="0",
            resources=self.resources,
            operators=self.operators,
            held=held,
            draining=self.draining,
            prefetch_limit=self.prefetch_limit,
            ends_in=self.ends_in,
            allocation=allocation,
            owners=self.owners,
        )

    def deliver(self, outgoing: Outgoing) -> None:
        """Hear what the daemon says, in the order of the contract."""
        if outgoing.welcome is not None:
            self.numbers = outgoing.welcome.operators
            self.drained = False
            self.open_grants.clear()
            for attempt in outgoing.welcome.drop:
                self.attempts.pop(attempt, None)
        if outgoing.drain is not None:
            self.drained = outgoing.drain
        for seq in outgoing.acks:
            self.outbox.pop(seq, None)
            self.open_grants.pop(seq, None)
        self.digests += outgoing.digests
        for assignment in outgoing.work:
            self._take(assignment)
        self.stopped += outgoing.stops
        self.moot += outgoing.moot
        self.recalled += outgoing.recalls
        if outgoing.goodbye is not None:
            self.goodbyes.append(outgoing.goodbye[0])

    def _take(self, assignment: Assignment) -> None:
        assert assignment.attempt not in self.attempts, f"attempt {assignment.attempt} was sent twice"
        granted = assignment.reserved
        if not granted:
            seq = next((s for s, each in self.open_grants.items() if each == _class(assignment)), None)
            granted = seq is not None and self.open_grants.pop(seq) is not None
        self.attempts[assignment.attempt] = Held(assignment=assignment, granted=granted)

    # --- what the test lets happen --------------------------------------------------------------------------------

    def running(self) -> list[str]:
        """Name the nodes whose attempts hold a grant, in the order of arrival."""
        return [each.node for each in self.attempts.values() if each.granted]

    def ahead(self) -> list[str]:
        """Name the nodes that were sent ahead."""
        return [each.node for each in self.attempts.values() if not each.granted]

    def attempt_of(self, node: str) -> AttemptNo:
        """Find the attempt of a node: "RUN/NODE", "NODE", or "INDEX/NODE" of a child."""
        found = self._held(node)
        assert len(found) == 1, f"{node} is held {len(found)} times: {[each.node for each in self.attempts.values()]}"
        return found[0]

    def holds(self, node: str) -> bool:
        """Return whether an attempt of a node is held."""
        return bool(self._held(node))

    def _held(self, node: str) -> list[AttemptNo]:
        ends = (f"/{node}", f".{node}")
        return [no for no, each in self.attempts.items() if each.node == node or each.node.endswith(ends)]

    def end(self, report: Report) -> Report:
        """End an attempt with a report, which stays in the outbox; its grant passes on."""
        held = self.attempts.pop(report.attempt)
        self.outbox[report.seq] = report
        self.next_seq = max(self.next_seq, report.seq + 1)
        if held.granted:
            node_class = _class(held.assignment)
            heirs = (each for each in self.attempts.values() if not each.granted)
            heir = next((each for each in heirs if _class(each.assignment) == node_class), None)
            if heir is None:
                self.open_grants[report.seq] = node_class
            else:
                heir.granted = True
        return report

    def telling(self, *reports: Report) -> AgentReports:
        """Say how attempts ended: these reports, or all that weren't acknowledged."""
        assert self.session is not None
        return AgentReports(session=self.session, reports=list(reports or self.outbox.values()))

    def die(self) -> dict[AttemptNo, Holding]:
        """Die and start again: give what the journal says. Begun attempts are gone, the outbox is there."""
        held = {no: Holding.GONE for no, each in self.attempts.items() if each.granted}
        held |= {report.attempt: Holding.FINISHED for report in self.outbox.values()}
        self.attempts.clear()
        self.open_grants.clear()
        self.incarnation += 1
        self.session = None
        return held

    def answer_stops(self) -> list[Report]:
        """End what was to be stopped, as killed."""
        stopped, self.stopped = self.stopped, []
        return [
            self.end(builders.failure(self.next_seq, no, Cause.KILLED, "stopped"))
            for no in dict.fromkeys(stopped)
            if no in self.attempts
        ]

    def answer_recalls(self) -> AgentRecalled:
        """Hand back what was recalled and hasn't begun."""
        recalled, self.recalled = list(dict.fromkeys(self.recalled)), []
        withdrawn = [no for no in recalled if no in self.attempts and not self.attempts[no].granted]
        for no in withdrawn:
            del self.attempts[no]
        started: Sequence[AttemptNo] = [no for no in recalled if no not in withdrawn]
        assert self.session is not None
        return AgentRecalled(session=self.session, withdrawn=tuple(withdrawn), started=tuple(started))
