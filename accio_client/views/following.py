"""What is told while a run goes on, and its history."""

from datetime import datetime

from accio.domain.ids import NodeName, RunId
from accio.domain.issues import Issue
from accio.late import dataclass
from accio_client.views.cluster import ClusterView
from accio_client.views.nodes import FailureView
from accio_client.views.runs import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailureView:
    run: RunId
    node: NodeName
    failure: FailureView


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesAwayView:
    """Running nodes that stay with a lost agent, as nobody else can take them over."""

    agent: str
    reason: str
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedUpdate:
    """What has changed since the update before it: these runs, agents, and perhaps *more* (anything, that is)."""

    cluster: ClusterView
    runs: tuple[RunId, ...]
    more: bool
    agents: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpdate:
    run: RunView
    first_failure: NodeFailureView | None
    warnings: tuple[Issue, ...]
    away: tuple[NodesAwayView, ...] = ()
    stuck: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that an attempt printed (without its line end), or a remark of the system about its log."""

    run: RunId
    node: NodeName
    attempt: int
    stderr: bool
    at: datetime | None
    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    at: datetime | None
    kind: str
    run: RunId
    node: NodeName | None
    attempt: int | None
    detail: str
