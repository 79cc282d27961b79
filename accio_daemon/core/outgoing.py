"""What the core wants told to agents, as plain values; the services turn them into messages.

Everything for one session that one batch decided is one Outgoing. It is delivered after the batch is durable, and
dropped if the session has ended by then.
"""

from collections.abc import Mapping
from dataclasses import field

from accio.domain.resources import Resources
from accio.late import dataclass
from accio_daemon.core.terms import AttemptNo, Checkpoint, Pin, SessionNo


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeClass:
    """What nodes of one kind have in common; `id` is unique in one daemon's life.

    Forced ones wait for an agent that can execute them; others fail where none that is known ever could.
    """

    id: int
    operator_no: int
    resources: Resources
    timeout_ms: int | None
    forced: bool = False


@dataclass(slots=True)
class Assignment:
    """One attempt to execute a node."""

    attempt: AttemptNo
    node_class: NodeClass
    inputs: str  # the inputs document
    seed: int | None
    reserved: bool  # else it begins when a node of its class at this agent ends
    node: str  # "RUN/NODE"
    number: int  # from 1
    contents: Mapping[str, Pin]  # by the text of the dataset
    blobs: Mapping[str, tuple[str, int]]  # port -> digest and size of its canonical JSON
    gpus: tuple[int, ...]
    checkpoint: Checkpoint | None = None  # of an earlier attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The answer to an agent that joined."""

    session: SessionNo
    keep: tuple[AttemptNo, ...]
    drop: tuple[AttemptNo, ...]
    operators: tuple[int, ...]  # the operator number of each operator that the agent announced, in its order


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which allocations of a pool there should be: whatever else the engine has of this pool is to end."""

    pool: str
    submit: tuple[tuple[int, bool], ...]  # number, and whether it stays when it is idle; those the engine may not have
    keep: tuple[int, ...]  # numbers that the engine has
    exclude: tuple[str, ...] = ()  # hosts on which agents don't start


@dataclass(slots=True)
class Outgoing:
    """What one batch has to tell one session, in the order in which the fields stand."""

    welcome: Welcome | None = None
    drain: bool | None = None
    digests: list[tuple[int, list[str]]] = field(default_factory=list)  # request, paths
    acks: list[int] = field(default_factory=list)
    work: list[Assignment] = field(default_factory=list)
    stops: list[AttemptNo] = field(default_factory=list)  # after the work: what is stopped may stand there
    moot: list[int] = field(default_factory=list)  # requests for digests that nobody needs any more
    recalls: list[AttemptNo] = field(default_factory=list)
    wanted: dict[str, Wanted] = field(default_factory=dict)  # by pool: for the process that serves it
    goodbye: tuple[str, bool] | None = None  # reason, whether to reconnect

    def is_urgent(self) -> bool:
        """Return whether it says more than what there is to do, and what has arrived."""
        return bool(
            self.welcome
            or self.drain is not None
            or self.digests
            or self.stops
            or self.moot
            or self.recalls
            or self.wanted
            or self.goodbye
        )
