"""What the client answers with: frozen values, whatever the wire looks like.

A view holds facts and no connection. Times are aware datetimes in UTC, parameter values are Python values in the form
in which they can be submitted again (a distance is "250.meters"), 64-bit integers are ints.
"""

from accio_client.views.access import ChangePage, ChangeView, NewToken, TokenView
from accio_client.views.cluster import (
    AgentView,
    BackupView,
    CacheEntryView,
    CacheStatisticsView,
    CacheView,
    ClusterView,
    FreedView,
    GarbageView,
    InputPortView,
    OperatorView,
    OutputPortView,
    ResourcesView,
)
from accio_client.views.following import EventView, LogLine, NodeFailureView, NodesAwayView, RunUpdate
from accio_client.views.nodes import (
    ArtifactView,
    AttemptView,
    DifferenceView,
    FailureView,
    MetricsView,
    NodeDetailsView,
    NodeView,
    OperatorDifferenceView,
    RunDetails,
    ValueView,
    WhyView,
)
from accio_client.views.pools import AllocationPage, AllocationView, PoolsView, PoolView
from accio_client.views.runs import ParameterView, PersonView, RunFilter, RunKind, RunOutcome, RunPage, RunView, Updated
from accio_client.views.submissions import CacheMode, DryRunView, Submitted, Validation
from accio_client.views.workflows import Pushed, WorkflowPage, WorkflowParameterView, WorkflowView
from accio_client.views.workload import (
    DemandLoadView,
    ForecastView,
    OwnerLoadView,
    RunLoadView,
    TookView,
    WorkloadView,
)

__all__ = [
    "AgentView",
    "AllocationPage",
    "AllocationView",
    "ArtifactView",
    "AttemptView",
    "BackupView",
    "CacheEntryView",
    "CacheMode",
    "CacheStatisticsView",
    "CacheView",
    "ChangePage",
    "ChangeView",
    "ClusterView",
    "DemandLoadView",
    "DifferenceView",
    "DryRunView",
    "EventView",
    "FailureView",
    "ForecastView",
    "FreedView",
    "GarbageView",
    "InputPortView",
    "LogLine",
    "MetricsView",
    "NewToken",
    "NodeDetailsView",
    "NodeFailureView",
    "NodeView",
    "NodesAwayView",
    "OperatorDifferenceView",
    "OperatorView",
    "OutputPortView",
    "OwnerLoadView",
    "ParameterView",
    "PersonView",
    "PoolView",
    "PoolsView",
    "Pushed",
    "ResourcesView",
    "RunDetails",
    "RunFilter",
    "RunKind",
    "RunLoadView",
    "RunOutcome",
    "RunPage",
    "RunUpdate",
    "RunView",
    "Submitted",
    "TokenView",
    "TookView",
    "Updated",
    "Validation",
    "ValueView",
    "WhyView",
    "WorkflowPage",
    "WorkflowParameterView",
    "WorkflowView",
    "WorkloadView",
]
