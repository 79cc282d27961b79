"""What points of interest give away: how many are found again, and whose they are."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from accio_locapriv.arrays import Bools, Floats
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import TOLERANCE_M, distances, meters_of
from accio_locapriv.pairing import Accuracy, paired
from accio_locapriv.pois import Pois


def pois_retrieval(train: Pois, test: Pois, threshold: float, overlap: int | None = None) -> Accuracy:
    """Find the train POIs of each trace again among its test POIs.

    Each test POI is matched to its nearest train POI within *threshold* metres (and overlapping in time by at least
    *overlap* ms); of several as near, to the earliest not yet matched. Distinct train POIs count.
    """
    for name, value in (("threshold", threshold), ("overlap", overlap or 0)):
        if not value >= 0:
            raise DataError(f"{name}: expected at least 0, found {value}")
    train_vectors, test_vectors = train.vectors(), test.vectors()
    found = Accuracy()
    nothing = slice(0, 0)
    for trace, train_index, test_index in paired(train.ids, test.ids):
        reference = nothing if train_index is None else train.rows(train_index)
        result = nothing if test_index is None else test.rows(test_index)
        matched = np.zeros(reference.stop - reference.start, dtype=np.bool_)
        for row in range(result.start, result.stop) if len(matched) else ():
            candidates = _candidates(train, test, reference, row, overlap)
            away = distances(train_vectors[reference], test_vectors[row])
            _match(matched, away, candidates & (away <= threshold + TOLERANCE_M))
        found.add(trace, matched=int(matched.sum()), result=result.stop - result.start, reference=len(matched))
    return found


def _candidates(train: Pois, test: Pois, reference: slice, row: int, overlap: int | None) -> Bools:
    if overlap is None:
        return np.ones(reference.stop - reference.start, dtype=np.bool_)
    shared = np.minimum(train.last[reference], test.last[row]) - np.maximum(train.first[reference], test.first[row])
    return np.asarray(shared >= overlap)


def _match(matched: Bools, away: Floats, candidates: Bools) -> None:
    """Mark the train POI that a test POI is matched to. POIs are in the order of their first times."""
    if not candidates.any():
        return
    nearest = np.flatnonzero(candidates & (away <= away[candidates].min() + TOLERANCE_M))
    fresh = nearest[~matched[nearest]]
    if len(fresh):
        matched[fresh[0]] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reidentification:
    """Which train trace each test trace was taken for; `rate` is the share of all traces taken for themselves."""

    matches: dict[str, str]
    rate: float
    undefined: list[str]


def pois_reident(train: Pois, test: Pois) -> Reidentification:
    """Match each test trace to the train trace with the smallest median distance from its POIs to the nearest there.

    Of several as near, the first by id is taken. A test trace without POIs can't be taken for any: it has no match, and
    counts as not re-identified. So does a trace that only the train side has.
    """
    train_vectors, test_vectors = train.vectors(), test.vectors()
    known = [index for index in range(len(train.ids)) if len(train.lat[train.rows(index)])]
    medians = np.full((len(test.ids), len(known)), np.inf)
    for column, index in enumerate(known):
        if not len(test_vectors):
            break
        chords, _ = KDTree(train_vectors[train.rows(index)]).query(test_vectors)
        away = meters_of(np.asarray(chords))
        for row in range(len(test.ids)):
            own = away[test.rows(row)]
            if len(own):
                medians[row, column] = np.median(own)
    matches, undefined = dict[str, str](), list[str]()
    for trace, _, found in paired(train.ids, test.ids):
        if found is not None and known and np.isfinite(medians[found]).any():
            matches[trace] = train.ids[known[int(np.argmin(medians[found]))]]
        else:
            undefined.append(trace)
    right = sum(trace == match for trace, match in matches.items())
    total = len(matches) + len(undefined)
    return Reidentification(matches=matches, rate=right / total if total else 0.0, undefined=undefined)
