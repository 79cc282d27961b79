"""What the client answers with: frozen values, whatever the wire looks like.

A view holds facts and no connection. Times are aware datetimes in UTC, parameter values are Python values in the form
in which they can be submitted again (a distance is "250.meters"), 64-bit integers are ints. The names are loaded when
they are used: to make all of these classes takes longer than most commands.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from accio_client.views.following import EventView, FeedUpdate, LogLine, NodeFailureView, NodesAwayView, RunUpdate
    from accio_client.views.nodes import (
        ArtifactView,
        AttemptView,
        CheckpointView,
        DifferenceView,
        FailureView,
        MetricsView,
        NodeCountsView,
        NodeCountView,
        NodeDetailsView,
        NodeView,
        OperatorDifferenceView,
        RunDetails,
        SeriesView,
        ValueView,
        WhyView,
    )
    from accio_client.views.owners import CapView, OwnersView, OwnerView, UsageReport, UsageView
    from accio_client.views.pools import AllocationPage, AllocationView, MaintenanceView, PoolsView, PoolView
    from accio_client.views.runs import (
        ObjectiveView,
        ParameterView,
        PersonView,
        PrecisionView,
        RepeatUntilView,
        RetryDemand,
        RunFilter,
        RunKind,
        RunOutcome,
        RunPage,
        RunView,
        StudyView,
        TrialView,
        Updated,
    )
    from accio_client.views.submissions import CacheMode, DryRunView, Submitted, Validation
    from accio_client.views.workflows import Pushed, VersionView, WorkflowPage, WorkflowParameterView, WorkflowView
    from accio_client.views.workload import (
        DemandLoadView,
        ForecastView,
        OwnerLoadView,
        RecentView,
        RunLoadView,
        TimelineBarView,
        TimelineView,
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
    "CapView",
    "ChangePage",
    "ChangeView",
    "CheckpointView",
    "ClusterView",
    "DemandLoadView",
    "DifferenceView",
    "DryRunView",
    "EventView",
    "FailureView",
    "FeedUpdate",
    "ForecastView",
    "FreedView",
    "GarbageView",
    "InputPortView",
    "LogLine",
    "MaintenanceView",
    "MetricsView",
    "NewToken",
    "NewWindow",
    "NodeCountView",
    "NodeCountsView",
    "NodeDetailsView",
    "NodeFailureView",
    "NodeView",
    "NodesAwayView",
    "ObjectiveView",
    "OperatorDifferenceView",
    "OperatorView",
    "OutputPortView",
    "OwnerLoadView",
    "OwnerView",
    "OwnersView",
    "ParameterView",
    "PersonView",
    "PoolView",
    "PoolsView",
    "PrecisionView",
    "Pushed",
    "RecentView",
    "RepeatUntilView",
    "ResourcesView",
    "RetryDemand",
    "RunDetails",
    "RunFilter",
    "RunKind",
    "RunLoadView",
    "RunOutcome",
    "RunPage",
    "RunUpdate",
    "RunView",
    "SeriesView",
    "StudyView",
    "Submitted",
    "TimelineBarView",
    "TimelineView",
    "TokenView",
    "TookView",
    "TrialView",
    "Updated",
    "UsageReport",
    "UsageView",
    "Validation",
    "ValueView",
    "VersionView",
    "WhyView",
    "WindowView",
    "WorkflowPage",
    "WorkflowParameterView",
    "WorkflowView",
    "WorkloadView",
]

_SUBJECTS = {
    "access": "ChangePage ChangeView NewToken TokenView",
    "cluster": (
        "AgentView BackupView CacheEntryView CacheStatisticsView CacheView ClusterView FreedView "
        "GarbageView InputPortView NewWindow OperatorView OutputPortView ResourcesView WindowView"
    ),
    "following": "EventView FeedUpdate LogLine NodeFailureView NodesAwayView RunUpdate",
    "nodes": (
        "ArtifactView AttemptView CheckpointView DifferenceView FailureView MetricsView NodeCountView NodeCountsView "
        "NodeDetailsView NodeView OperatorDifferenceView RunDetails SeriesView ValueView WhyView"
    ),
    "owners": "CapView OwnerView OwnersView UsageReport UsageView",
    "pools": "AllocationPage AllocationView MaintenanceView PoolsView PoolView",
    "runs": "ObjectiveView ParameterView PersonView PrecisionView RepeatUntilView RetryDemand RunFilter RunKind "
    "RunOutcome RunPage RunView StudyView TrialView Updated",
    "submissions": "CacheMode DryRunView Submitted Validation",
    "workflows": "Pushed VersionView WorkflowPage WorkflowParameterView WorkflowView",
    "workload": "DemandLoadView ForecastView OwnerLoadView RecentView RunLoadView TimelineBarView TimelineView "
    "TookView WorkloadView",
}
_ELSEWHERE = {name: f"accio_client.views.{subject}" for subject, names in _SUBJECTS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_ELSEWHERE[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE})
