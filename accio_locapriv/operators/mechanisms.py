"""Protection mechanisms."""

from accio import Dataset, Distance, OperatorContext, operator
from accio_locapriv import protection
from accio_locapriv.operators.outputs import DataOutput, traces_output
from accio_locapriv.randomness import generators
from accio_locapriv.traces import read_traces


@operator(unstable=True, category="lppm")
def GeoIndistinguishability(ctx: OperatorContext, data: Dataset, epsilon: float = 0.001) -> DataOutput:
    """Move each event by planar Laplace noise (Andrés et al., "Geo-indistinguishability", CCS 2013).

    Args:
        data: dataset of traces
        epsilon: privacy level in 1/m, above 0; the smaller, the noisier (2/epsilon metres on average)
    """
    traces = protection.geo_indistinguishability(read_traces(data), epsilon, generators(ctx.seed))
    return traces_output(ctx, traces)


@operator(category="lppm")
def Promesse(ctx: OperatorContext, data: Dataset, epsilon: Distance) -> DataOutput:
    """Hide stops by making the speed constant (Primault et al., "Time distortion anonymization", TrustCom 2015).

    Args:
        data: dataset of traces
        epsilon: distance between two consecutive events of the result
    """
    return traces_output(ctx, protection.promesse(read_traces(data), epsilon.meters))
