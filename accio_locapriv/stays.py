"""Finds where people stay, and the points of interest that stays make up.

A stay is grown event by event: a candidate list takes an event that lies within the diameter of each of its members.
At an event that doesn't fit, the list is emitted as a stay if it holds two events and spans the duration, and a new one
begins with that event; otherwise the oldest member is dropped and the event tried again.

That an event drops members depends only on the last earlier event too far from it. So the list always begins after the
last such event of any member, and a lower bound of its beginning, found by comparing each event with a few earlier
ones, tells which parts of a trace can hold a stay at all. Only those are looked at event by event.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from accio_locapriv.arrays import Bools, Floats, Ints, offsets_of
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import chord_within, degrees_of, mean_point, widest_pair
from accio_locapriv.pois import Pois
from accio_locapriv.traces import Traces

Stay = tuple[int, int]
"""First and last-plus-one event."""


def extract_pois(traces: Traces, diameter: float, duration: int, min_points: int = 0) -> Pois:
    """Return the POIs of each trace: its stays or, with *min_points*, clusters of them. Metres and milliseconds."""
    for name, value in (("diameter", diameter), ("duration", duration), ("minPoints", min_points)):
        if not value >= 0:
            raise DataError(f"{name}: expected at least 0, found {value}")
    vectors = traces.vectors()
    stays, owners = list[Stay](), list[int]()
    bounds = _earliest_beginnings(vectors, traces, diameter)
    for index, (begin, end) in enumerate(traces.spans()):
        found = _stays(vectors, traces.time, (begin, end), bounds, chord_within(diameter), duration)
        stays += found
        owners += [index] * len(found)
    groups = [np.arange(begin, end) for begin, end in stays]
    if min_points > 0:
        groups, owners = _clustered(groups, owners, vectors, diameter, min_points)
    return _summarised(traces, vectors, groups, np.asarray(owners, dtype=np.int64))


def _summarised(traces: Traces, vectors: Floats, groups: list[Ints], owners: Ints) -> Pois:
    centroids = np.asarray([mean_point(vectors[group]) for group in groups]).reshape(-1, 3)
    lat, lng = degrees_of(centroids)
    return Pois(
        ids=traces.ids,
        users=traces.users,
        offsets=offsets_of(np.bincount(owners, minlength=len(traces)).astype(np.int64)),
        lat=lat,
        lng=lng,
        events=np.asarray([len(group) for group in groups], dtype=np.int64),
        first=np.asarray([traces.time[group[0]] for group in groups], dtype=np.int64),
        last=np.asarray([traces.time[group[-1]] for group in groups], dtype=np.int64),
        diameter=np.asarray([widest_pair(vectors[group]) for group in groups], dtype=np.float64),
    )


def _earliest_beginnings(vectors: Floats, traces: Traces, diameter: float) -> Ints:
    """Return for each event an index before which no candidate list that holds the event can begin.

    Found by comparing each event with those 1, 2, 4, 8, … before it; the true beginning may be later.
    """
    limit = chord_within(diameter) ** 2
    size = len(vectors)
    earliest = traces.offsets[:-1][traces.owners].copy()
    lag = 1
    longest = int(traces.counts.max(initial=0))
    while lag < longest:
        difference = vectors[lag:] - vectors[:-lag]
        apart = np.einsum("ni,ni->n", difference, difference) > limit
        after = np.arange(1, size - lag + 1, dtype=np.int64)  # a list with the later event begins after the earlier
        earliest[lag:] = np.where(apart, np.maximum(earliest[lag:], after), earliest[lag:])
        lag *= 2
    return np.maximum.accumulate(earliest)


def _stays(vectors: Floats, time: Ints, span: Stay, bounds: Ints, limit: float, duration: int) -> list[Stay]:
    begin, end = span
    long_enough = time[begin:end] - time[bounds[begin:end]] >= duration
    found = list[Stay]()
    for start, stop in _regions(long_enough, bounds[begin:end] - begin):
        found += _grown(vectors, time, (begin + start, begin + stop), limit, duration)
    return found


def _regions(flags: Bools, bounds: Ints) -> list[Stay]:
    """Unite the spans from the bound of each flagged event to the event itself."""
    regions = list[Stay]()
    flagged = np.flatnonzero(flags)
    if not len(flagged):
        return regions
    starts = bounds[flagged]
    # Bounds never decrease, so a new region begins where one lies after the event flagged before.
    fresh = np.flatnonzero(np.append(True, starts[1:] > flagged[:-1]))
    stops = np.append(flagged[fresh[1:] - 1], flagged[-1]) + 1
    return list(zip(starts[fresh].tolist(), stops.tolist(), strict=True))


def _grown(vectors: Floats, time: Ints, span: Stay, limit: float, duration: int) -> list[Stay]:
    """Follow the definition at the top, with a box around the list that saves most comparisons with its members."""
    begin, end = span
    points = vectors[begin:end]
    times = time[begin:end].tolist()
    squared = limit * limit
    found = list[Stay]()
    start = 0
    low, high = points[0].tolist(), points[0].tolist()
    for index, (x, y, z) in enumerate(points.tolist()):
        dx = max(x - low[0], high[0] - x)
        dy = max(y - low[1], high[1] - y)
        dz = max(z - low[2], high[2] - z)
        if dx * dx + dy * dy + dz * dz > squared:  # the box's farthest corner is too far: look at the members
            difference = points[start:index] - points[index]
            apart = np.flatnonzero(np.einsum("ni,ni->n", difference, difference) > squared)
            if len(apart):
                if index - start >= 2 and times[index - 1] - times[start] >= duration:
                    found.append((begin + start, begin + index))
                    start = index
                else:
                    start += int(apart[-1]) + 1
            members = points[start : index + 1]
            low, high = members.min(axis=0).tolist(), members.max(axis=0).tolist()
        else:
            low = [min(low[0], x), min(low[1], y), min(low[2], z)]
            high = [max(high[0], x), max(high[1], y), max(high[2], z)]
    if len(times) - start >= 2 and times[-1] - times[start] >= duration:
        found.append((begin + start, end))
    return found


def _clustered(
    groups: list[Ints], owners: list[int], vectors: Floats, diameter: float, min_points: int
) -> tuple[list[Ints], list[int]]:
    """Unite density-joinable stays of each trace (DJ-Cluster: Zhou et al., 2004); stays in no cluster are noise.

    A stay with at least *min_points* stays, itself included, within half a diameter of its centroid is dense. It forms
    a cluster with them, and clusters that share a stay are one.
    """
    clusters, cluster_owners = list[Ints](), list[int]()
    owner_of = np.asarray(owners, dtype=np.int64)
    for owner in sorted(set(owners)):
        own = [groups[index] for index in np.flatnonzero(owner_of == owner)]
        for members in _joined(np.asarray([mean_point(vectors[group]) for group in own]), diameter / 2, min_points):
            clusters.append(np.sort(np.concatenate([own[member] for member in members])))
            cluster_owners.append(owner)
    return clusters, cluster_owners


def _joined(centroids: Floats, radius: float, min_points: int) -> list[Ints]:
    """Return the members of each cluster, in the order of their first members."""
    pairs = KDTree(centroids).query_pairs(chord_within(radius), output_type="ndarray")
    loops = np.repeat(np.arange(len(centroids))[:, None], 2, axis=1)
    edges = np.concatenate((pairs, pairs[:, ::-1], loops))
    dense = np.bincount(edges[:, 0], minlength=len(centroids)) >= min_points
    edges = edges[dense[edges[:, 0]]]
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(len(centroids),) * 2)
    _, labels = connected_components(graph, directed=False)
    clustered = np.zeros(len(centroids), dtype=np.bool_)
    clustered[edges.ravel()] = True
    _, firsts = np.unique(labels, return_index=True)
    return [np.flatnonzero(labels == labels[first]) for first in np.sort(firsts) if clustered[first]]
