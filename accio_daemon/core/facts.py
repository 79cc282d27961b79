"""Facts that commands bring to the core: what the engine has read in the database, what engines of hosts say."""

from collections.abc import Mapping
from dataclasses import field

from accio.domain.retry_demand import NodeDemand
from accio.domain.states import NodeState, RunState
from accio.errors import Unavailable
from accio.late import dataclass
from accio_daemon.core.terms import Checkpoint, Result


class StaleFacts(Unavailable):
    """What the engine read for a command has changed since; nothing happened: it reads and asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFact:
    """An ended node, as the database has it."""

    no: int
    state: NodeState
    sequence: int
    result: Result | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """A child that has begun or ended, as the database has it."""

    index: int
    state: RunState
    sequence: int | None
    started_ms: int | None
    nodes: tuple[NodeFact, ...]
    tried: Mapping[int, int]  # attempts without a result, by node
    demands: Mapping[int, NodeDemand] = field(default_factory=dict)  # of nodes that were retried with more
    checkpoints: Mapping[int, Checkpoint] = field(default_factory=dict)  # by node


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationFacts:
    """What an engine says of an allocation."""

    number: int
    job: str
    begun: bool
    host: str = ""
    reason: str = ""
