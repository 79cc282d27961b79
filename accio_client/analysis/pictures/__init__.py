"""Pictures of sweeps, as data: see `specification` for what they are, and docs/pictures.md for the rules."""

from accio_client.analysis.pictures.clouds import parallel, scatter
from accio_client.analysis.pictures.lines import distribution, distribution_of, importance_bars, line
from accio_client.analysis.pictures.maps import failure_map, heat_map, state_map
from accio_client.analysis.pictures.nodes import (
    cluster_timeline,
    node_graph,
    node_timeline,
    sweep_graph,
    sweep_timeline,
)
from accio_client.analysis.pictures.rows import Rows, rows
from accio_client.analysis.pictures.specification import (
    Bars,
    Cloud,
    Graph,
    Head,
    Kind,
    Lines,
    Map,
    Parallel,
    Picture,
    Timeline,
    Trials,
    to_json,
)
from accio_client.analysis.pictures.trials import study_trials

__all__ = [
    "Bars",
    "Cloud",
    "Graph",
    "Head",
    "Kind",
    "Lines",
    "Map",
    "Parallel",
    "Picture",
    "Rows",
    "Timeline",
    "Trials",
    "cluster_timeline",
    "distribution",
    "distribution_of",
    "failure_map",
    "heat_map",
    "importance_bars",
    "line",
    "node_graph",
    "node_timeline",
    "parallel",
    "rows",
    "scatter",
    "state_map",
    "study_trials",
    "sweep_graph",
    "sweep_timeline",
    "to_json",
]
