"""Distances from points to a trace: to its nearest event, or to the nearest point of the great circles between them.

The nearest point of a polyline is one of its events, which a k-d tree finds, or lies inside a segment, which is cut
into pieces if it is long. Where the nearest point of a piece of length 2h, at a distance d, lies inside it, it is the
foot of a perpendicular, so that the chord m to the middle of the piece satisfies m² ≤ d² + h² (Pythagoras on the
sphere). Only pieces with m² - h² ≤ best² can beat the best distance known. Another k-d tree lists pieces by m² - h²:
with a fourth coordinate √(H² - h²), H being the largest h, the squared distance to a point with the fourth coordinate 0
is that + H².
"""

import numpy as np
from scipy.spatial import KDTree

from accio_locapriv.arrays import Bools, Floats, Ints, ranges
from accio_locapriv.geometry import RADIUS_M, TOLERANCE_M, along, chords, meters_of

_FIRST_LOOK = 4
_PIECES_PER_EVENT = 2
_SHORTEST = TOLERANCE_M / RADIUS_M
_SLACK = 1e-18
"""What rounding may do to squared chords of some kilometres: 6 mm, squared, on the ground."""
_RELATIVE_SLACK = 1e-12


def distance_to_events(points: Floats, events: Floats) -> Floats:
    """Return the metres from each point to the nearest of the events, of which there is at least one."""
    return meters_of(_nearest(points, events))


def distance_to_polyline(points: Floats, events: Floats) -> Floats:
    """Return the metres from each point to the nearest point of the polyline through the events (at least one)."""
    best = _nearest(points, events)
    pieces = _Pieces(events)
    if len(pieces.middles):
        pieces.improve(points, best)
    return meters_of(best)


def _nearest(points: Floats, events: Floats) -> Floats:
    chord, _ = _tree(events).query(points)
    return np.asarray(chord, dtype=np.float64)


def _reach(best: Floats) -> Floats:
    """Return up to which m² - h² a piece may be nearer than the best, rounding included."""
    return best**2 * (1.0 + _RELATIVE_SLACK) + _SLACK


def _tree(points: Floats) -> KDTree:
    # A sliding midpoint copes with many equal points, which are common where people stay, and is faster to build.
    return KDTree(points, leafsize=32, balanced_tree=False, compact_nodes=False)


class _Pieces:
    """The segments of a polyline, cut into at most three times as many pieces of nearly equal length."""

    def __init__(self, events: Floats) -> None:
        starts, ends = events[:-1], events[1:]
        lengths = chords(starts, ends)
        real = lengths > _SHORTEST  # the inside of a shorter one is where its ends are
        starts, ends, lengths = starts[real], ends[real], lengths[real]
        longest = max(float(lengths.sum()) / max(1, _PIECES_PER_EVENT * len(lengths)), _SHORTEST)
        counts = np.maximum(1, np.ceil(lengths / longest)).astype(np.int64)
        self.segment: Ints = np.repeat(np.arange(len(lengths)), counts)
        steps = ranges(np.zeros_like(counts), counts)
        self.middles: Floats = along(starts[self.segment], ends[self.segment], (steps + 0.5) / counts[self.segment])
        self.half: Floats = (meters_of(lengths) / RADIUS_M / counts / 2.0)[self.segment]
        self._starts, self._ends = starts, ends
        # start × (end - start) is start × end without the cancellation of nearly equal products
        self._normals: Floats = np.cross(starts, ends - starts)
        self._normals /= np.linalg.norm(self._normals, axis=1)[:, None]

    def improve(self, points: Floats, best: Floats) -> None:
        """Lower the best chords (in place) where the inside of a piece is nearer."""
        largest = float(self.half.max())
        lift = np.sqrt(np.maximum(largest**2 - self.half**2, 0.0))
        tree = _tree(np.column_stack((self.middles, lift)))
        lifted = np.column_stack((points, np.zeros(len(points))))
        open_points = np.flatnonzero(best > 0.0)
        looked, wanted = 0, min(_FIRST_LOOK, len(self.middles))
        while len(open_points):
            away, piece = tree.query(lifted[open_points], k=range(looked + 1, wanted + 1))
            power = np.asarray(away) ** 2 - largest**2
            self._try(points, best, open_points, power, np.asarray(piece, dtype=np.int64))
            if wanted == len(self.middles):
                return
            open_points = open_points[power[:, -1] <= _reach(best[open_points])]
            looked, wanted = wanted, min(4 * wanted, len(self.middles))

    def _try(self, points: Floats, best: Floats, rows: Ints, power: Floats, piece: Ints) -> None:
        which, place = np.nonzero(power <= _reach(best[rows])[:, None])
        segment = self.segment[piece[which, place]]
        target = rows[which]
        foot, inside = self._feet(points[target], segment)
        np.minimum.at(best, target[inside], foot[inside])

    def _feet(self, points: Floats, segment: Ints) -> tuple[Floats, Bools]:
        """Return the chord from each point to the great circle of its segment, and whether the foot is inside the
        segment.
        """
        start, end, normal = self._starts[segment], self._ends[segment], self._normals[segment]
        from_start = points - start
        height = np.abs(np.einsum("ni,ni->n", from_start, normal))
        after_start = np.einsum("ni,ni->n", from_start, np.cross(normal, start)) > 0.0
        before_end = np.einsum("ni,ni->n", points - end, np.cross(normal, end)) < 0.0
        # The sine of the angle is the height; its chord is 2 sin(angle / 2).
        angle = np.arcsin(np.minimum(height, 1.0))
        return 2.0 * np.sin(angle / 2.0), after_start & before_end
