"""The World: all mutable scheduling state, in one place, with one owner.

Only `reactor.handle`, `reactor.advance` and what they call change it, synchronously, each with a `Turn`. It knows no
clock, no database, no event loop: time comes with each turn, rows leave through its Effects, results of earlier
executions come in through `readying.resolve`.
"""

from collections import deque
from collections.abc import Iterator

from accio.domain.agent_windows import AgentWindow
from accio.domain.operators import OperatorSpec
from accio.domain.policies import FIRST_COME
from accio.late import dataclass
from accio.latest import Latest
from accio_daemon.core.commands import Submitted
from accio_daemon.core.needs import Need
from accio_daemon.core.node_queue import Group, NodeQueue, Unopened
from accio_daemon.core.numbering import Numbering
from accio_daemon.core.owners import Owners
from accio_daemon.core.plan import ClassRegistry
from accio_daemon.core.policies import POLICIES, Rank
from accio_daemon.core.pools.records import Pool
from accio_daemon.core.records import Agent, Asked, Execution, Instance, Run
from accio_daemon.core.terms import AgentNo, AttemptNo, ExecutionNo, Place, Result, RunNo, SessionNo

# Submissions whose idempotency keys stay in memory; older ones are found in the database before they get here.
_SUBMISSIONS_REMEMBERED = 10_000
# Contents remembered as gone; one that is forgotten too early costs a fruitless attempt.
_GONE = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator of the daemon may choose. Times in seconds."""

    open_children: int = 10_000  # of one parent, begun or about to begin and not ended
    backlog: int = 1_000  # ready executions of a class and an owner below which further children are opened
    killed_at_once: int = 256  # open children that one decision kills; the rest follow in the next ones
    lease: float = 15.0  # silence after which an agent is lost
    suspect: float = 6.0  # silence after which an agent gets no new work
    max_losses: int = 3  # lost agents that a node survives
    reserve_after: float = 30.0  # wait in the queue after which a node gets a reservation
    prefetch_window: float = 0.02  # how much work is sent ahead
    recent_results: int = 10_900  # results kept in memory: with one more than 10,922 a dictionary takes twice the room
    policy: str = FIRST_COME  # whom the queue serves first


class World:
    """Everything that the scheduler knows."""

    def __init__(self, *, epoch: int, settings: Settings | None = None, started_mono: float = 0.0) -> None:
        self.epoch = epoch
        self.settings = settings or Settings()
        self.started_mono = started_mono
        self.ticked_mono = started_mono  # when time was last looked at
        self.sequence = 0
        self.numbers = Numbering(epoch)
        self.classes = ClassRegistry()
        self.runs: dict[RunNo, Run] = {}  # those that haven't ended
        self.owners = Owners()
        self.windows: dict[str, AgentWindow] = {}  # by name
        self.policy = POLICIES[self.settings.policy]
        self.queue = NodeQueue()
        self.unopened = Unopened()
        self.executions: dict[ExecutionNo, Execution] = {}
        self.joinable: dict[tuple[bytes, int, int], Execution] = {}  # key, class, retries
        self.by_attempt: dict[AttemptNo, Execution] = {}
        self.agents: dict[AgentNo, Agent] = {}
        self.agent_names: dict[str, Agent] = {}
        self.sessions: dict[SessionNo, Agent] = {}
        self.pools: dict[str, Pool] = {}
        self.planned_mono = float("-inf")  # when it was last decided what pools should have
        self.unservable: tuple[str, ...] = ()  # what waits and no pool can serve, as was found then
        self.offers: dict[int, set[Agent]] = {}  # operator number -> connected agents that offer it
        self.operators: dict[tuple[str, str], int] = {}  # name and identity -> number
        self.specs: dict[int, OperatorSpec] = {}
        self.latest: dict[str, tuple[int, int]] = {}  # operator name -> announced, number
        self.recent: Latest[bytes, Result] = Latest(self.settings.recent_results)  # by key
        self.gone: Latest[str, None] = Latest(_GONE)  # contents that the store lacks
        self.lookups: list[Execution] = []  # whose keys are to be looked up in the database
        self.ready: deque[tuple[Instance, int]] = deque()  # nodes that became ready, and weren't looked at
        self.dirty_agents: set[Agent] = set()  # that have more free capacity than when placing last looked
        self.place_all = True  # whether placing must look at every group anew
        self.holding: set[Agent] = set()  # agents whose capacity is held back for a node that waited too long
        self.durations: dict[int, float] = {}  # class id -> recent seconds of an execution
        self.needs: dict[int, Need] = {}  # class id -> how much time its nodes should have
        self.backing_off: set[Execution] = set()
        self.short_of_space: dict[ExecutionNo, tuple[int, int]] = {}  # how often it waited for space, and ran before
        self.digest_requests: dict[int, tuple[Run, str, SessionNo]] = {}
        self.gather_requests: dict[int, Asked] = {}
        self.undigested: set[Run] = set()  # runs with dataset texts that some agent is to be asked for
        self.submissions: Latest[tuple[str, str], tuple[bytes, Submitted]] = Latest(_SUBMISSIONS_REMEMBERED)
        self.killing: deque[Run] = deque()  # runs with open children that a kill hasn't reached yet
        self.handing_over: dict[Agent, Iterator[Execution]] = {}  # lost agents, and their nodes not looked at yet
        self.restored: dict[tuple[RunNo, int, int], Execution] = {}  # executions of the daemon before, by owner
        # Lost attempts that may still report, and whose they were, as a late report is shown there.
        self.fenced: Latest[AttemptNo, tuple[RunNo, int, int]] = Latest(self.settings.recent_results)
        self.late_reports = 0
        self.opened = 0  # children so far
        self.hits = self.misses = 0

    def heads(self, mono: float) -> list[tuple[Rank, Place, Group]]:
        """Return each group that has somebody queued with its rank and its head's place, unordered."""
        rank = self.policy.rank
        return [((group.nice, rank(group.owner, mono)), place, group) for place, group in self.queue.heads()]

    def offering(self, operator_no: int) -> set[Agent]:
        """Return the connected agents that offer an operator version."""
        return self.offers.get(operator_no, set())

    def __repr__(self) -> str:
        return (
            f"World(epoch={self.epoch}, sequence={self.sequence}, {len(self.runs)} runs, "
            f"{len(self.executions)} executions, {self.queue.count} queued, {len(self.sessions)} agents)"
        )
