"""Metrics of two datasets of points of interest."""

from typing import NamedTuple

from accio import Dataset, Distance, Duration, OperatorContext, operator
from accio_locapriv import disclosure
from accio_locapriv.operators.outputs import UNDEFINED, AccuracyOutput
from accio_locapriv.pois import read_pois


@operator(category="metric")
def PoisRetrieval(
    train: Dataset, test: Dataset, threshold: Distance, overlap: Duration | None = None
) -> AccuracyOutput:
    """Find the POIs of the train data again among those of the test data.

    Args:
        train: POIs of the original data
        test: POIs of the protected data
        threshold: POIs match within this distance
        overlap: POIs match only if they overlap in time for at least this long
    """
    longest = None if overlap is None else overlap.ms
    return AccuracyOutput.of(disclosure.pois_retrieval(read_pois(train), read_pois(test), threshold.meters, longest))


class ReidentOutput(NamedTuple):
    """Who was taken for whom.

    Attributes:
        matches: the train trace that each test trace was taken for
        rate: share of the traces that were taken for themselves
    """

    matches: dict[str, str]
    rate: float


@operator(category="metric")
def PoisReident(ctx: OperatorContext, train: Dataset, test: Dataset) -> ReidentOutput:
    """Re-identify traces by the median distance from their POIs to the nearest POI of each known trace.

    Args:
        train: POIs that are known with their owners
        test: POIs whose owners are to be found
    """
    found = disclosure.pois_reident(read_pois(train), read_pois(test))
    ctx.metric(UNDEFINED, len(found.undefined))
    return ReidentOutput(found.matches, found.rate)
