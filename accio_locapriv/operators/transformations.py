"""From a dataset to a dataset."""

from accio import Dataset, Distance, Duration, OperatorContext, Timestamp, operator
from accio_locapriv import sampling, smoothing, splitting, stays
from accio_locapriv.operators.outputs import DataOutput, traces_output
from accio_locapriv.pois import write_pois
from accio_locapriv.randomness import generators
from accio_locapriv.traces import read_traces


@operator(category="transformation")
def DurationSplitting(ctx: OperatorContext, data: Dataset, duration: Duration) -> DataOutput:
    """Cut traces into pieces shorter than a duration.

    Args:
        data: dataset of traces
        duration: a new piece begins with the first event that is this long after the first of its piece
    """
    return traces_output(ctx, splitting.by_duration(read_traces(data), duration.ms))


@operator(category="transformation")
def SizeSplitting(ctx: OperatorContext, data: Dataset, size: int) -> DataOutput:
    """Cut traces into pieces of equal numbers of events.

    Args:
        data: dataset of traces
        size: number of events of a piece; the last of a trace may have fewer
    """
    return traces_output(ctx, splitting.by_size(read_traces(data), size))


@operator(category="transformation")
def TemporalGapSplitting(ctx: OperatorContext, data: Dataset, duration: Duration) -> DataOutput:
    """Cut traces where nothing was recorded for a while.

    Args:
        data: dataset of traces
        duration: a new piece begins with an event that is this long after the one before it
    """
    return traces_output(ctx, splitting.by_temporal_gap(read_traces(data), duration.ms))


@operator(category="transformation")
def SpatialGapSplitting(ctx: OperatorContext, data: Dataset, distance: Distance) -> DataOutput:
    """Cut traces at jumps.

    Args:
        data: dataset of traces
        distance: a new piece begins with an event that is this far from the one before it
    """
    return traces_output(ctx, splitting.by_spatial_gap(read_traces(data), distance.meters))


@operator(category="transformation")
def SequentialSplitting(
    ctx: OperatorContext, data: Dataset, percentBegin: float, percentEnd: float, complement: bool = False
) -> DataOutput:
    """Keep a part of each trace, by the number of events; with its complement, it makes a training and a test set.

    Args:
        data: dataset of traces
        percentBegin: where the part begins, from 0 to 100
        percentEnd: where the part ends, from 0 to 100
        complement: keep everything but the part
    """
    traces = sampling.by_share(read_traces(data), percentBegin, percentEnd, complement=complement)
    return traces_output(ctx, traces)


@operator(category="transformation")
def TemporalSampling(ctx: OperatorContext, data: Dataset, duration: Duration) -> DataOutput:
    """Thin traces out so that events are a duration apart.

    Args:
        data: dataset of traces
        duration: an event is kept if it is this long after the last one kept; the first always is
    """
    return traces_output(ctx, sampling.by_time(read_traces(data), duration.ms))


@operator(category="transformation")
def SpatialSampling(ctx: OperatorContext, data: Dataset, distance: Distance) -> DataOutput:
    """Thin traces out so that consecutive events are a distance apart.

    Args:
        data: dataset of traces
        distance: an event is kept if it is this far from the last one kept; the first always is
    """
    return traces_output(ctx, sampling.by_distance(read_traces(data), distance.meters))


@operator(unstable=True, category="transformation")
def UniformSampling(ctx: OperatorContext, data: Dataset, probability: float) -> DataOutput:
    """Keep each event with the same probability.

    Args:
        data: dataset of traces
        probability: from 0 to 1
    """
    return traces_output(ctx, sampling.uniformly(read_traces(data), probability, generators(ctx.seed)))


@operator(category="transformation")
def ModuloSampling(ctx: OperatorContext, data: Dataset, n: int) -> DataOutput:
    """Keep a number of events of each trace, evenly chosen.

    Args:
        data: dataset of traces
        n: number of events to keep; a trace of fewer is kept whole
    """
    return traces_output(ctx, sampling.by_modulo(read_traces(data), n))


@operator(category="transformation")
def EnforceSize(
    ctx: OperatorContext, data: Dataset, minSize: int | None = None, maxSize: int | None = None
) -> DataOutput:
    """Cut long traces off and drop short ones, by their number of events.

    Args:
        data: dataset of traces
        minSize: drop traces of fewer events
        maxSize: cut traces off after so many events
    """
    return traces_output(ctx, sampling.of_size(read_traces(data), minSize, maxSize))


@operator(category="transformation")
def EnforceDuration(
    ctx: OperatorContext, data: Dataset, minDuration: Duration | None = None, maxDuration: Duration | None = None
) -> DataOutput:
    """Cut long traces off and drop short ones, by the time that they span.

    Args:
        data: dataset of traces
        minDuration: drop traces that span less
        maxDuration: cut off events that are later after the first one
    """
    shortest, longest = (None if bound is None else bound.ms for bound in (minDuration, maxDuration))
    return traces_output(ctx, sampling.of_duration(read_traces(data), shortest, longest))


@operator(category="transformation")
def CollapseTemporalGaps(ctx: OperatorContext, data: Dataset, startAt: Timestamp) -> DataOutput:
    """Renumber the days on which a trace has events consecutively (in UTC), so that no day is empty.

    Args:
        data: dataset of traces
        startAt: a moment of the day that becomes the first; the times of day of events stay
    """
    return traces_output(ctx, smoothing.collapse_temporal_gaps(read_traces(data), startAt.epoch_ms))


@operator(category="transformation")
def GaussianKernelSmoothing(ctx: OperatorContext, data: Dataset, omega: Duration) -> DataOutput:
    """Move each event to the mean of those around it in time, weighted by a Gaussian.

    Args:
        data: dataset of traces
        omega: standard deviation of the weights; they end at five times that
    """
    return traces_output(ctx, smoothing.gaussian(read_traces(data), omega.ms))


@operator(category="transformation")
def PoisExtraction(
    ctx: OperatorContext, data: Dataset, diameter: Distance, duration: Duration, minPoints: int = 0
) -> DataOutput:
    """Find the points of interest of each trace: where it stays for a while.

    Args:
        data: dataset of traces
        diameter: no two events of a stay are farther apart
        duration: a stay lasts at least this long
        minPoints: above 0, unite stays that are dense in this number (themselves included) and drop the others
    """
    pois = stays.extract_pois(read_traces(data), diameter.meters, duration.ms, minPoints)
    result = ctx.dataset()
    write_pois(pois, result)
    return DataOutput(result)
