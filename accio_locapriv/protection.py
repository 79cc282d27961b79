"""Protection mechanisms: Geo-indistinguishability and Promesse."""

import math

import numpy as np
from scipy.special import gammaincinv

from accio_locapriv.arrays import Floats, Ints, offsets_of
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import RADIUS_M, TOLERANCE_M, along, chord_at_least, degrees_of, moved
from accio_locapriv.randomness import Generators
from accio_locapriv.traces import Traces

_FARTHEST_M = 1e300

Leg = tuple[tuple[float, float, float], int, float]
"""From which point, how many steps, and the angle to the point that they lead to."""


def planar_laplace_radius(epsilon: float, z: Floats) -> Floats:
    """Return the z-quantile of the distance by which planar Laplace noise of *epsilon* (in 1/m) moves a point.

    The distance follows Gamma(2, 1/ε). The equal Lambert-W form -(W₋₁((z-1)/e) + 1)/ε loses its accuracy near 0.
    """
    return np.asarray(gammaincinv(2.0, z), dtype=np.float64) / epsilon


def geo_indistinguishability(traces: Traces, epsilon: float, generators: Generators) -> Traces:
    """Move each event by planar Laplace noise (Andrés et al., CCS 2013); *epsilon* in 1/m."""
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise DataError(f"epsilon: expected a number of 1/m above 0, found {epsilon!r}")
    draws = np.empty((len(traces.time), 2))
    for trace, (begin, end) in zip(traces.ids, traces.spans(), strict=True):
        draws[begin:end] = generators(trace).random((end - begin, 2))
    with np.errstate(over="ignore"):  # of an epsilon near 0: anywhere on earth is as good as infinitely far
        radius = np.minimum(planar_laplace_radius(epsilon, draws[:, 1]), _FARTHEST_M)
    return traces.moved_to(*moved(traces.lat, traces.lng, radius, 2.0 * np.pi * draws[:, 0]))


def promesse(traces: Traces, epsilon: float) -> Traces:
    """Make the speed of each trace constant (Primault et al., TrustCom 2015): samples *epsilon* metres apart.

    Samples lie on the great circles from each sample to the event at hand; the first and the last are dropped, and the
    times of more than two that are left are spread evenly, in whole milliseconds.
    """
    if not (np.isfinite(epsilon) and epsilon >= 0):
        raise DataError(f"epsilon: expected a distance of at least 0 m, found {epsilon!r} m")
    if epsilon <= TOLERANCE_M:
        return traces  # samples nearer than two equal points would never end
    vectors = traces.vectors()
    pieces, times = [np.zeros((0, 3))], [np.zeros(0, dtype=np.int64)]
    counts = np.zeros(len(traces), dtype=np.int64)
    for index, (begin, end) in enumerate(traces.spans()):
        points, moments = _smoothed(vectors[begin:end], traces.time[begin:end], epsilon)
        pieces.append(points)
        times.append(moments)
        counts[index] = len(moments)
    lat, lng = degrees_of(np.concatenate(pieces))
    return Traces(
        ids=traces.ids,
        users=traces.users,
        offsets=offsets_of(counts),
        lat=lat,
        lng=lng,
        time=np.concatenate(times),
    )


def _smoothed(vectors: Floats, time: Ints, epsilon: float) -> tuple[Floats, Ints]:
    legs, reached = _legs(vectors, epsilon)
    if not legs:
        return np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
    starts = np.asarray([leg[0] for leg in legs])
    counts = np.asarray([leg[1] for leg in legs], dtype=np.int64)
    angles = np.asarray([leg[2] for leg in legs])
    ends = vectors[np.asarray(reached)]
    legs_of = np.repeat(np.arange(len(legs)), counts)
    steps = np.arange(len(legs_of)) - np.repeat(offsets_of(counts)[:-1], counts) + 1
    samples = along(starts[legs_of], ends[legs_of], steps * (epsilon / RADIUS_M) / angles[legs_of])
    # The trace's first event is a sample as well: it is the one dropped at the beginning.
    return samples[:-1], _evenly(time[np.asarray(reached)][legs_of][:-1])


def _legs(vectors: Floats, epsilon: float) -> tuple[list[Leg], list[int]]:
    """Return where sampling moves on: from which sample, how many steps, what angle to the event; and the index of each
    event.

    All steps towards one event lie on one great circle, so they are counted here and made at once later.
    """
    legs, reached = list[Leg](), list[int]()
    if not len(vectors):
        return legs, reached
    threshold = chord_at_least(epsilon) ** 2
    lx, ly, lz = vectors[0].tolist()
    for index, (x, y, z) in enumerate(vectors.tolist()):
        dx, dy, dz = x - lx, y - ly, z - lz
        squared = dx * dx + dy * dy + dz * dz
        if squared < threshold:
            continue
        angle = 2.0 * math.asin(min(squared**0.5 / 2.0, 1.0))
        steps = max(1, int((angle * RADIUS_M + TOLERANCE_M) / epsilon))
        legs.append(((lx, ly, lz), steps, angle))
        reached.append(index)
        # The tangent at the last sample towards the event, as in geometry.along, but without arrays of one point.
        tx, ty, tz = dx + lx * squared / 2.0, dy + ly * squared / 2.0, dz + lz * squared / 2.0
        turned = steps * epsilon / RADIUS_M
        cosine, sine = math.cos(turned), math.sin(turned) / math.sqrt(tx * tx + ty * ty + tz * tz)
        lx, ly, lz = lx * cosine + tx * sine, ly * cosine + ty * sine, lz * cosine + tz * sine
    return legs, reached


def _evenly(time: Ints) -> Ints:
    """Spread more than two times evenly between the first and the last: t₀ + ceil(i (t₁ - t₀)/(n - 1))."""
    if len(time) <= 2:
        return time
    gaps = len(time) - 1
    whole, rest = divmod(int(time[-1]) - int(time[0]), gaps)
    i = np.arange(len(time), dtype=np.int64)
    spread: Ints = time[0] + i * whole - (-(i * rest) // gaps)
    return spread
