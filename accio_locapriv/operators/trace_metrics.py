"""Metrics of one or two datasets of traces, keyed by trace."""

import math
from typing import NamedTuple

from accio import Dataset, Distance, Duration, OperatorContext, operator
from accio_locapriv import coverage, distortion, extent, heatmaps, queries
from accio_locapriv.operators.outputs import AccuracyOutput, StatisticsOutput, figures_output
from accio_locapriv.traces import read_traces


@operator(category="metric")
def AreaCoverage(train: Dataset, test: Dataset, level: int, width: Duration | None = None) -> AccuracyOutput:
    """Compare the sets of S2 cells that two datasets visit.

    Args:
        train: original traces
        test: protected traces
        level: level of the cells, from 0 (a sixth of the earth) to 30 (a square centimetre); 15 is about 300 m wide
        width: distinguish visits of a cell in different time buckets of this width
    """
    ms = None if width is None else width.ms
    return AccuracyOutput.of(coverage.area_coverage(read_traces(train), read_traces(test), level, ms))


@operator(category="metric")
def SpatialDistortion(
    ctx: OperatorContext, train: Dataset, test: Dataset, interpolate: bool = True
) -> StatisticsOutput:
    """Measure how far each test event is from the train trace.

    Args:
        train: original traces
        test: protected traces
        interpolate: to the nearest point of the lines between the train events, not only to the nearest event
    """
    found = distortion.spatial_distortion(read_traces(train), read_traces(test), interpolate=interpolate)
    return StatisticsOutput.of(ctx, found)


@operator(category="metric")
def SpatioTemporalDistortion(ctx: OperatorContext, train: Dataset, test: Dataset) -> StatisticsOutput:
    """Measure how far each test event is from where the train trace was at that moment.

    Args:
        train: original traces
        test: protected traces
    """
    return StatisticsOutput.of(ctx, distortion.spatio_temporal_distortion(read_traces(train), read_traces(test)))


@operator(category="metric")
def DataCompleteness(ctx: OperatorContext, train: Dataset, test: Dataset) -> dict[str, float]:
    """Compare the numbers of events: those of the test trace over those of the train trace.

    Args:
        train: original traces
        test: protected traces
    """
    return figures_output(ctx, extent.data_completeness(read_traces(train), read_traces(test)))


@operator(category="metric")
def TransmissionDelay(ctx: OperatorContext, train: Dataset, test: Dataset) -> dict[str, float]:
    """Measure how much later the test trace ends than the train trace, in milliseconds.

    Args:
        train: original traces
        test: protected traces
    """
    return figures_output(ctx, extent.transmission_delay(read_traces(train), read_traces(test)))


class ExtentOutput(NamedTuple):
    """What there is of each trace.

    Attributes:
        size: number of events
        length: metres along the trace
        duration: seconds from the first to the last event
    """

    size: dict[str, float]
    length: dict[str, float]
    duration: dict[str, float]


@operator(category="metric")
def BasicAnalyzer(data: Dataset) -> ExtentOutput:
    """Measure size, length and duration of each trace.

    Args:
        data: dataset of traces
    """
    found = extent.extent(read_traces(data))
    return ExtentOutput(found.size, found.length, found.duration)


class HeatMapOutput(NamedTuple):
    """How much heat maps differ.

    Attributes:
        distortions: the distance between the heat maps, per trace
        avgDist: their mean; NaN if no trace has one
    """

    distortions: dict[str, float]
    avgDist: float


@operator(category="metric")
def HeatMapDistortion(
    ctx: OperatorContext, train: Dataset, test: Dataset, cellSize: Distance, distanceType: str = "topsoe"
) -> HeatMapOutput:
    """Compare where traces spend their events.

    Args:
        train: original traces
        test: protected traces
        cellSize: side of a cell
        distanceType: topsoe, jensendiv, kl, kdiv, jeffreys, cosine, cityblock, euclidean, chebyshev or hellinger
    """
    found = heatmaps.heat_map_distortion(read_traces(train), read_traces(test), distanceType, cellSize.meters)
    distortions = figures_output(ctx, found)
    mean = sum(distortions.values()) / len(distortions) if distortions else math.nan
    return HeatMapOutput(distortions, mean)


@operator(unstable=True, category="metric")
def CountQueriesDistortion(
    ctx: OperatorContext,
    train: Dataset,
    test: Dataset,
    n: int,
    minSize: Distance,
    maxSize: Distance,
    minDuration: Duration,
    maxDuration: Duration,
) -> list[float]:
    """Measure the relative errors of counts of events in random squares and time windows.

    Args:
        train: original traces
        test: protected traces
        n: number of queries
        minSize: smallest side of a square
        maxSize: largest side of a square
        minDuration: shortest time window
        maxDuration: longest time window
    """
    return queries.count_queries_distortion(
        read_traces(train),
        read_traces(test),
        n,
        (minSize.meters, maxSize.meters),
        (minDuration.ms, maxDuration.ms),
        ctx.rng,
    )
