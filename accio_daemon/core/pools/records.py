"""The mutable records of pools and their allocations. Only this package and `core.moves` change them."""

from accio.domain.pools import AllocationState, PoolSpec
from accio.domain.resources import Resources
from accio_daemon.core.owners import Owner
from accio_daemon.core.terms import SessionNo


class Allocation:
    """One request to an engine: a host for a while, and the agent on it."""

    __slots__ = (
        "agent",
        "began_mono",
        "began_ms",
        "cancelling",
        "ended_ms",
        "host",
        "job",
        "joined_mono",
        "lasting",
        "missing",
        "no",
        "pool",
        "reason",
        "requested_ms",
        "said_goodbye",
        "state",
        "unused_mono",
    )

    def __init__(self, *, no: int, pool: str, lasting: bool, requested_ms: int) -> None:
        self.no = no
        self.pool = pool
        self.lasting = lasting  # it stays when it is idle: one of those that the pool keeps in any case
        self.requested_ms = requested_ms
        self.state = AllocationState.REQUESTED
        self.job = ""  # what the engine calls it
        self.host = ""
        self.agent = ""  # the agent that joined from it; empty while none has
        self.joined_mono = float("-inf")  # when that agent joined, if this daemon was there
        self.said_goodbye = False
        self.began_ms: int | None = None
        self.began_mono: float | None = None  # when this daemon learnt that it runs
        self.ended_ms: int | None = None
        self.reason = ""
        self.cancelling = False  # it was given up: the engine is to end it
        self.missing = 0  # complete lists of the engine in a row that lack it
        self.unused_mono: float | None = None  # since when nothing in the queue is for it

    @property
    def waits(self) -> bool:
        """Whether its agent may still come."""
        return not self.agent and not self.cancelling

    def __repr__(self) -> str:
        return f"Allocation({self.no} of {self.pool}, {self.state}, agent={self.agent!r})"


class Pool:
    """A kind of host that an engine gives."""

    __slots__ = (
        "begins_mono",
        "blocked",
        "changes_mono",
        "day",
        "decision",
        "failures",
        "floor",
        "heard",
        "live",
        "offers",
        "open",
        "operators",
        "paused",
        "place",
        "problem",
        "retry_mono",
        "server",
        "session",
        "shunned",
        "silent",
        "spec",
        "stillborn",
        "used",
        "used_today",
    )

    def __init__(self, spec: PoolSpec, *, place: int) -> None:
        self.spec = spec
        self.place = place  # in the file, which is the order of preference
        self.session: SessionNo | None = None  # of the process that serves it
        self.server = ""  # that process: a random identity
        self.paused = False
        self.floor: int | None = None  # allocations that a user wants kept, in place of the file's minimum
        self.offers: Resources | None = None  # what the last agent of it really offered
        self.operators: frozenset[int] | None = None  # which versions that agent offered; None: not known
        self.live: dict[int, Allocation] = {}  # allocations that haven't ended, by number
        self.failures = 0  # allocations in a row that no agent joined from
        self.retry_mono = 0.0  # until when nothing is asked for after those
        self.stillborn: dict[str, int] = {}  # allocations in a row without an agent, by host, while others had one
        self.shunned: dict[str, float] = {}  # hosts that are left out, and until when
        self.problem = ""  # what went wrong with the last of them
        self.heard = True  # whether the engine told all that it has as it was last asked
        self.silent = ""  # why the engine doesn't tell what it has, or which part of it, as it was last asked
        self.open = (
            True  # whether hosts are asked for now: at this time of the week, and as a maintenance lets them last
        )
        self.changes_mono: float | None = None  # when that changes next, as far as it was looked at; None: never
        self.begins_mono: float | None = None  # the next maintenance; None: there is none
        self.blocked = ""  # why no hosts are asked for on account of it
        self.day = 0  # since 1970, in UTC
        self.used_today = 0.0  # core-seconds of hosts that were over on that day
        self.used = 0.0  # and of all that are over
        self.decision: tuple[str, ...] = ()  # why as many are asked for as are

    @property
    def shape(self) -> Resources:
        """What one host of it has, as far as that is known."""
        return self.offers or self.spec.room

    @property
    def least(self) -> int:
        """How many allocations are kept, whatever is queued."""
        return min(self.spec.minimum if self.floor is None else self.floor, self.spec.maximum) if self.open else 0

    def serves(self, owner: Owner) -> bool:
        """Return whether its hosts are for somebody's nodes."""
        return not self.spec.owners or not self.spec.owners.isdisjoint(owner.served_as)

    def __repr__(self) -> str:
        return f"Pool({self.spec.name}, session={self.session}, {len(self.live)} live, {self.failures} failures)"
