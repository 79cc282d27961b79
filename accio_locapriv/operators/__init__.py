"""The operators of this package: thin declarations over the functions of the other modules.

Importing this package declares all of them; it is what the entry point `accio.operators` names.
"""

from accio_locapriv.operators.mechanisms import GeoIndistinguishability, Promesse
from accio_locapriv.operators.poi_metrics import PoisReident, PoisRetrieval
from accio_locapriv.operators.source import EventSource
from accio_locapriv.operators.trace_metrics import (
    AreaCoverage,
    BasicAnalyzer,
    CountQueriesDistortion,
    DataCompleteness,
    HeatMapDistortion,
    SpatialDistortion,
    SpatioTemporalDistortion,
    TransmissionDelay,
)
from accio_locapriv.operators.transformations import (
    CollapseTemporalGaps,
    DurationSplitting,
    EnforceDuration,
    EnforceSize,
    GaussianKernelSmoothing,
    ModuloSampling,
    PoisExtraction,
    SequentialSplitting,
    SizeSplitting,
    SpatialGapSplitting,
    SpatialSampling,
    TemporalGapSplitting,
    TemporalSampling,
    UniformSampling,
)

__all__ = [
    "AreaCoverage",
    "BasicAnalyzer",
    "CollapseTemporalGaps",
    "CountQueriesDistortion",
    "DataCompleteness",
    "DurationSplitting",
    "EnforceDuration",
    "EnforceSize",
    "EventSource",
    "GaussianKernelSmoothing",
    "GeoIndistinguishability",
    "HeatMapDistortion",
    "ModuloSampling",
    "PoisExtraction",
    "PoisReident",
    "PoisRetrieval",
    "Promesse",
    "SequentialSplitting",
    "SizeSplitting",
    "SpatialDistortion",
    "SpatialGapSplitting",
    "SpatialSampling",
    "SpatioTemporalDistortion",
    "TemporalGapSplitting",
    "TemporalSampling",
    "TransmissionDelay",
    "UniformSampling",
]
