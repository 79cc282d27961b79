"""The mutable records of the World: runs, open children, executions, results, agents.

Only the modules of this package change them, and only inside `handle`. They hold no service and do no I/O. Records
are compared by identity; thousands of them live and die each second, hence the slots and the plain fields.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from accio.domain.children import OPEN, OWN, Counts, Taken, total
from accio.domain.ids import RunId
from accio.domain.maintenance import Maintenance
from accio.domain.resources import Resources
from accio.domain.retry_demand import NodeDemand
from accio.domain.runs import OnFailure
from accio.domain.states import NODE_TERMINAL, PHASES_STOPPING, PHASES_WITH_GRANT, NodeState, Phase, RunState
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio.latest import Latest
from accio_daemon.core.inputs import NO_BLOBS, NO_CONTENTS
from accio_daemon.core.ledger import Account
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.plan import NodePlan, Plan
from accio_daemon.core.rounds import Rounds
from accio_daemon.core.terms import (
    AgentNo,
    AttemptNo,
    CacheMode,
    Checkpoint,
    ExecutionNo,
    Gather,
    Gathered,
    Instant,
    Pin,
    Place,
    Result,
    RunNo,
    SessionNo,
)
from accio_daemon.core.told import Told

# How many datasets are remembered per agent, for placing nodes near their inputs.
CONTENTS_REMEMBERED = 4096

# What most children share, as they never need a set of their own.
NO_NODES: frozenset[int] = frozenset()
NOT_TRIED: Mapping[int, int] = {}
AS_DECLARED: Mapping[int, NodeDemand] = {}
NOTHING_SAVED: Mapping[int, Checkpoint] = {}

# At hand, as finding a member in its class costs more than comparing it (see moves).
_SCHEDULED, _WAITING, _IDLE = RunState.SCHEDULED, NodeState.WAITING, Phase.IDLE

# What most executions avoid.
NOBODY: frozenset[SessionNo] = frozenset()
NOT_REFUSED: Mapping[SessionNo, str] = {}


class Digesting:
    """A dataset text whose content digest nodes of a run wait for."""

    __slots__ = ("refused", "request", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Subscriber] = []
        self.request: int | None = None  # what an agent was asked
        self.refused: dict[SessionNo, str] = {}  # who couldn't read it, and why


class Run:
    """A single run or a parent that hasn't ended."""

    __slots__ = (
        "cache", "closed", "created_ms", "digesting", "ended_ms", "failed", "gathered", "gathering", "id", "killed",
        "lacking", "nice", "no", "nodes_ended", "on_failure", "open", "own_state", "owner", "pins", "plan", "pruned",
        "rounds", "running", "seed", "sequence", "single", "size", "started_ms", "state", "success", "sweep", "taken",
        "told", "workflow",
    )  # fmt: skip

    def __init__(
        self,
        *,
        no: RunNo,
        id: RunId,
        workflow: Workflow,
        plan: Plan,
        sweep: Sweep,
        single: bool,
        seed: int,
        cache: CacheMode,
        on_failure: OnFailure,
        nice: bool,
        sequence: int,
        created_ms: int,
        pins: Mapping[str, Pin],
        owner: Owner,
    ) -> None:
        self.no = no
        self.id = id
        self.workflow = workflow
        self.plan = plan
        self.sweep = sweep
        self.single = single
        self.size = sweep.size
        self.seed = seed
        self.cache = cache
        self.on_failure = on_failure
        self.nice = nice  # it stands behind all that aren't
        self.sequence = sequence
        self.created_ms = created_ms
        self.pins = dict(pins)
        self.owner = owner
        self.digesting: dict[str, Digesting] = {}  # by dataset text
        self.lacking: dict[str, dict[SessionNo, str]] = {}  # dataset text -> who lacks what is pinned, and why
        self.gathered: dict[Gather, Gathered] = {}  # what nodes have gathered, or the run's children gave them
        self.gathering: dict[Gather, list[Subscriber]] = {}  # what is being gathered, and who waits for it
        self.state = RunState.SCHEDULED
        self.own_state = RunState.SCHEDULED  # of a parent's own nodes together, if it has some
        self.closed = OPEN
        self.taken = Taken(self.size)
        self.open: dict[int, Instance] = {}
        self.rounds: Rounds | None = None  # of a run that is repeated until precise
        self.pruned: set[int] = set()  # children of a study whose trials were ended early
        self.told: Told | None = None  # of a study that asks for its trials
        self.running = 0  # children begun and not ended
        self.success = 0
        self.failed = 0
        self.killed = 0
        self.nodes_ended: dict[NodeState, int] = dict.fromkeys(sorted(NODE_TERMINAL), 0)
        self.started_ms: int | None = None
        self.ended_ms: int | None = None

    def grow(self, sweep: Sweep) -> None:
        """Replace the sweep by one that has further children behind the same ones."""
        self.sweep = sweep
        self.size = self.taken.size = sweep.size

    @property
    def is_open(self) -> bool:
        """Whether children may begin that haven't."""
        return self.closed == OPEN

    @property
    def unopened(self) -> int:
        """How many children may begin so far that weren't opened, at most."""
        return max(0, self.size - self.taken.cursor) if self.rounds is None else self.rounds.left

    @property
    def failed_nodes(self) -> int:
        """How many nodes failed, or were lost, and weren't retried or deleted since."""
        return self.nodes_ended[NodeState.FAILED] + self.nodes_ended[NodeState.LOST]

    @property
    def counts(self) -> Counts:
        """How many children there are in each state."""
        return Counts(
            present=self.sweep.budget - total(self.taken.removed),
            closed=self.closed,
            running=self.running,
            success=self.success,
            failed=self.failed,
            killed=self.killed,
            pruned=len(self.pruned),
        )

    def name_of(self, index: int) -> str:
        """Return the id of a child, or of the run itself for its own nodes."""
        return self.id if self.single or index == OWN else f"{self.id}.{index}"

    def __repr__(self) -> str:
        return f"Run({self.no}, {self.state}, cursor={self.taken.cursor}/{self.size}, open={len(self.open)})"


class Asked(NamedTuple):
    """A request for what children gave that hasn't been answered."""

    run: Run
    gather: Gather
    since_ms: int


class Instance:
    """A child (or a single run) whose nodes are being worked on; or, as OWN, the nodes of a parent itself.

    Those stand in the graph behind the ones of each child, which for a parent count as one success.
    """

    __slots__ = (
        "checkpoints", "coordinates", "demands", "ends", "executions", "index", "recomputing", "remaining", "results",
        "run", "seed", "sequence", "started_ms", "state", "states", "tried", "waiting",
    )  # fmt: skip

    def __init__(self, run: Run, index: int, sequence: int) -> None:
        plan = run.plan
        self.run = run
        self.index = index
        self.sequence = sequence  # place of its roots
        self.state = _SCHEDULED
        self.states: list[NodeState]
        self.ends: list[int]  # when each node ended, in the order of decisions
        self.coordinates: tuple[int, ...]
        if index != OWN:
            count = self.remaining = plan.per_child
            self.states = [_WAITING] * count
            self.ends = [sequence] * count
            self.coordinates = run.sweep.indices(index)
        else:
            count, before = len(plan.nodes), plan.per_child
            self.remaining = count - before
            self.states = [NodeState.SUCCESS] * before + [_WAITING] * self.remaining
            self.ends = [0] * before + [sequence] * self.remaining
            self.coordinates = ()
        self.waiting: list[int] = list(plan.pending[:count])
        self.results: list[Result | None] = [None] * count
        self.executions: list[Execution | None] = [None] * count
        self.started_ms: int | None = None
        self.recomputing: frozenset[int] = NO_NODES  # nodes that wait for a predecessor to be executed again
        self.tried: Mapping[int, int] = NOT_TRIED  # attempts without a result, by node
        self.demands: Mapping[int, NodeDemand] = AS_DECLARED  # of nodes that were retried with more, or less
        self.checkpoints: Mapping[int, Checkpoint] = NOTHING_SAVED  # of nodes that haven't succeeded
        self.seed: int | None = None  # computed when an unstable node needs it

    @property
    def own(self) -> bool:
        """Whether it is the nodes of a parent itself."""
        return self.index == OWN

    @property
    def roots(self) -> tuple[int, ...]:
        """The nodes that need no other one."""
        return self.run.plan.roots_of_parent if self.index == OWN else self.run.plan.roots

    def __repr__(self) -> str:
        return f"Instance({self.run.name_of(self.index)}, {[state.value for state in self.states]})"


Subscriber = tuple[Instance, int]


class Execution:
    """One execution for all nodes that want the same: attempts, losses, and its place in the queue."""

    __slots__ = (
        "agent", "attempt", "avoid", "blobs", "contents", "cut_offs", "dispatched_mono", "dispatched_ms", "failures",
        "gpus", "granted_mono", "id", "inputs", "joinable", "key", "key_inputs", "losses", "nice", "node",
        "node_class", "not_before", "not_before_ms", "owner", "payer", "phase", "place", "queued_mono", "refused",
        "seed", "store", "subscribers", "traceless",
    )  # fmt: skip

    def __init__(
        self,
        id: ExecutionNo,
        node: NodePlan,
        node_class: NodeClass,
        owner: tuple[RunNo, int, int],
        place: Place,
        payer: Owner,
    ) -> None:
        self.id = id
        self.node = node
        self.node_class = node_class  # that of its node, or of one that demands more
        self.owner = owner  # the node that it was begun for
        self.place = place
        self.payer = payer  # whose cap it counts against; never changed while it is at an agent
        self.nice = False  # whether everybody who wants it is nice; changed as the payer is
        self.key: bytes | None = None
        self.store = False  # whether its success may be hit by others
        self.joinable: tuple[bytes, int, int] | None = None  # under which World.joinable knows it
        self.inputs = self.key_inputs = "{}"
        self.seed: int | None = None
        self.contents: Mapping[str, Pin] = NO_CONTENTS
        self.blobs: Mapping[str, tuple[str, int]] = NO_BLOBS
        self.subscribers: dict[Subscriber, None] = {}  # who wants it, in the order in which they came
        self.losses = self.failures = 0
        self.cut_offs = 0  # hosts that ended under it though none lasts longer
        self.avoid: frozenset[SessionNo] = NOBODY  # agents that lack an input of it, or refused it
        self.refused: Mapping[SessionNo, str] = NOT_REFUSED  # agents that couldn't execute it, and why
        self.dispatched_ms = 0  # when it was last dispatched, and the same by the clock for decisions
        self.dispatched_mono = 0.0
        self.granted_mono = 0.0  # since when what it needs is reserved; while it has no grant, when it was dispatched
        self.phase = _IDLE  # which of the following fields are set: accio.domain.states.PHASE_FIELDS
        self.not_before: float | None = None  # monotonic seconds: back-off of a retry
        self.not_before_ms: int | None = None  # the same by the wall clock, which a restart can read
        self.queued_mono = 0.0  # since when it is queued
        self.attempt: AttemptNo | None = None
        self.agent: Agent | None = None
        self.gpus: tuple[int, ...] = ()
        self.traceless = False  # what it was for has been deleted: nothing of it is kept but a result

    @property
    def first(self) -> "Subscriber":
        """The node that counts as the one that is executed; the others share."""
        return next(iter(self.subscribers))

    @property
    def has_grant(self) -> bool:
        """Whether the ledger has reserved what it needs at its agent."""
        return self.phase in PHASES_WITH_GRANT

    @property
    def stopping(self) -> bool:
        """Whether its agent has it, and nobody wants it any more."""
        return self.phase in PHASES_STOPPING

    @property
    def is_stored(self) -> bool:
        """Whether there is a row of it: once it was dispatched."""
        return self.dispatched_ms != 0

    @property
    def number(self) -> int:
        """Which attempt of its node the next dispatch is, from 1: those before a retry by a user count, too."""
        return self.number_for(*next(iter(self.subscribers)))

    def number_for(self, instance: Instance, no: int) -> int:
        """Return the same for the node that is executed, which the caller has at hand."""
        before = self.losses + self.failures
        return (max(before, instance.tried.get(no, 0)) if instance.tried else before) + 1

    def back_off(self, wait_ms: int, now: Instant) -> None:
        """Put its next attempt off for so long."""
        self.not_before = now.mono + wait_ms / 1000
        self.not_before_ms = now.wall_ms + wait_ms

    def __repr__(self) -> str:
        where = f", attempt {self.attempt} on {self.agent.name}" if self.agent else ""
        return f"Execution({self.id}, {self.node.name}, {self.phase}{where}, {len(self.subscribers)} subscribers)"


class Agent:
    """An agent that the daemon remembers, connected or not."""

    __slots__ = (
        "account", "agent_id", "allocation", "attempts", "back_mono", "cannot_load", "contents", "drained", "ends_mono",
        "given_back", "heard_mono", "heard_ms", "host_ends_mono", "incarnation", "lasts", "leaving", "left_out",
        "loading", "lost", "lost_mono", "name", "no", "operators", "owners", "pool_ends_mono", "prefetch_limit",
        "prefetched", "reason", "resources", "running", "session", "stale", "unable", "unable_in_a_row", "version",
        "waits_for", "window", "window_mono",
    )  # fmt: skip

    def __init__(self, *, no: AgentNo, name: str, resources: Resources, operators: frozenset[int]) -> None:
        self.no = no
        self.name = name
        self.agent_id = ""
        self.incarnation = 0
        self.version = ""
        self.resources = resources
        self.account = Account.of(resources)
        self.operators = operators
        self.owners: frozenset[str] = frozenset()  # whose nodes alone it takes (`Owner.served_as`); empty: everybody's
        self.left_out: tuple[str, ...] = ()  # which packages there have operators that can't be loaded, and why
        self.session: SessionNo | None = None
        self.drained = False  # a user wants it to drain, connected or not, until he takes that back
        self.unable_in_a_row = 0  # nodes that it couldn't execute for want of space since the last one that it could
        self.unable = ""  # why it gets no new work, as it fails what others can execute
        self.allocation: tuple[str, int] | None = None  # pool and number of what it runs in, in this session
        self.leaving = False  # it says itself that it takes no more, in this session
        self.stale: frozenset[int] = frozenset()  # of its operators, those whose code on its disk has changed since
        self.loading = False  # whether it is about to announce these as they are now
        self.cannot_load = ""  # why it can't, if it has tried
        self.prefetch_limit = 0
        self.host_ends_mono: float | None = None  # when it gives back what it runs, as its host ends
        self.pool_ends_mono: float | None = None  # when its pool's time of the week is over, or a maintenance begins
        self.window: Maintenance | None = None  # of its windows the one that lasts, or comes next
        self.window_mono: float | None = None  # when that begins
        self.ends_mono: float | None = None  # when it gets no more: at the first of these three
        self.lasts = math.inf  # seconds of its host's time altogether
        self.given_back = False  # the allocation that it ran in has ended: it doesn't come back from there
        self.heard_mono = 0.0
        self.heard_ms = 0
        self.lost = True  # lease over (or never connected): keeps only what nobody else can take over
        self.lost_mono = 0.0  # when its lease was over
        self.back_mono = float("-inf")  # when it was heard again after it had been silent
        self.reason = ""
        self.attempts: dict[AttemptNo, Execution] = {}
        self.running: dict[int, int] = {}  # class id -> reserved executions
        # class id -> sent ahead, oldest first
        self.prefetched: defaultdict[int, dict[Execution, None]] = defaultdict(dict)
        self.waits_for: Execution | None = None  # the execution that capacity is held back for
        self.contents: Latest[str, int] = Latest(CONTENTS_REMEMBERED)  # digests of datasets that it has; sizes

    @property
    def draining(self) -> bool:
        """Whether it is to get no new work."""
        return self.drained or self.leaving or bool(self.unable)

    def find_end(self) -> None:
        """Find anew when it gets no more, as one of the times has changed that decide this."""
        ends = (self.host_ends_mono, self.pool_ends_mono, self.window_mono)
        self.ends_mono = min((each for each in ends if each is not None), default=None)

    def serves(self, owner: Owner) -> bool:
        """Return whether it takes nodes that count for somebody."""
        return not self.owners or not self.owners.isdisjoint(owner.served_as)

    def __repr__(self) -> str:
        return f"Agent({self.name}, session={self.session}, {len(self.attempts)} attempts, lost={self.lost})"
