"""Ground metres on a sphere: points, distances, great circles, and the local azimuthal-equidistant plane.

Points are unit vectors, of shape (…, 3). The *chord* between two of them, a straight line through the earth, grows with
their distance on the ground, obeys the triangle inequality and costs no trigonometry, so comparisons and indexes use
it. Its rounding error is about a nanometre. Latitudes and longitudes are in degrees everywhere.
"""

import math
from dataclasses import dataclass

import numpy as np

from accio_locapriv.arrays import Floats

RADIUS_M = 6_371_008.8
"""The mean radius of the earth."""

TOLERANCE_M = 0.001
"""Points nearer than this are equal: *within d* means ≤ d + 1 mm, *at least d* means ≥ d - 1 mm."""


def unit_vectors(lat: Floats, lng: Floats) -> Floats:
    """Return the points as unit vectors, of shape (n, 3)."""
    phi, theta = np.radians(lat), np.radians(lng)
    cos_phi = np.cos(phi)
    return np.stack((cos_phi * np.cos(theta), cos_phi * np.sin(theta), np.sin(phi)), axis=-1)


def degrees_of(vectors: Floats) -> tuple[Floats, Floats]:
    """Return latitudes and longitudes of vectors of any positive length."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


def chord_of(meters: float) -> float:
    """Return the chord that belongs to a distance on the ground; infinite for one that no two points have."""
    half_angle = max(meters, 0.0) / (2.0 * RADIUS_M)
    return 2.0 * math.sin(half_angle) if half_angle <= math.pi / 2 else math.inf


def meters_of(chords: Floats) -> Floats:
    """Return the distances on the ground that belong to chords."""
    meters: Floats = 2.0 * RADIUS_M * np.arcsin(np.minimum(chords * 0.5, 1.0))
    return meters


def chord_within(meters: float) -> float:
    """Return the largest chord of points that are *within* a distance."""
    return chord_of(meters + TOLERANCE_M)


def chord_at_least(meters: float) -> float:
    """Return the smallest chord of points that are *at least* a distance apart."""
    return chord_of(meters - TOLERANCE_M)


def chords(a: Floats, b: Floats) -> Floats:
    """Return the chords between corresponding points."""
    difference = a - b
    lengths: Floats = np.sqrt(np.einsum("...i,...i->...", difference, difference))
    return lengths


def distances(a: Floats, b: Floats) -> Floats:
    """Return the metres between corresponding points."""
    return meters_of(chords(a, b))


def along(start: Floats, end: Floats, fractions: Floats) -> Floats:
    """Return the points at these fractions of the great circles from *start* to *end* (above 1: beyond the end).

    Between antipodes, where every direction is right, one of them is taken; from a point to itself, the point.
    """
    half = np.arcsin(np.minimum(chords(start, end) * 0.5, 1.0))
    angle = (2.0 * half)[..., None]
    tangent = end - start * (1.0 - 2.0 * np.sin(half) ** 2)[..., None]
    norm = np.sqrt(np.einsum("...i,...i->...", tangent, tangent))[..., None]
    tangent = tangent / np.where(norm == 0.0, 1.0, norm)
    turned = angle * fractions[..., None]
    return start * np.cos(turned) + tangent * np.sin(turned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The azimuthal-equidistant plane around each of n centres, or around one: x to the east, y to the north.

    Distances and directions from the centre are exact; others are inflated by less than (r/R)²/6 at r from it.
    """

    up: Floats
    east: Floats
    north: Floats

    @classmethod
    def at(cls, lat: Floats, lng: Floats) -> "Plane":
        """Return the planes around these points."""
        phi, theta = np.radians(lat), np.radians(lng)
        sin_phi, cos_phi, sin_theta, cos_theta = np.sin(phi), np.cos(phi), np.sin(theta), np.cos(theta)
        return cls(
            up=np.stack((cos_phi * cos_theta, cos_phi * sin_theta, sin_phi), axis=-1),
            east=np.stack((-sin_theta, cos_theta, np.zeros_like(sin_theta)), axis=-1),
            north=np.stack((-sin_phi * cos_theta, -sin_phi * sin_theta, cos_phi), axis=-1),
        )

    def project(self, vectors: Floats) -> Floats:
        """Return planar metres, of shape (n, 2)."""
        x = np.einsum("...i,...i->...", vectors, self.east)
        y = np.einsum("...i,...i->...", vectors, self.north)
        sine = np.hypot(x, y)
        angle = np.arctan2(sine, np.einsum("...i,...i->...", vectors, self.up))
        scale = RADIUS_M * np.divide(angle, sine, out=np.ones_like(sine), where=sine > 0.0)
        return np.stack((x * scale, y * scale), axis=-1)

    def unproject(self, meters: Floats) -> Floats:
        """Return the unit vectors of planar metres; the inverse of `project` up to half the way around the earth."""
        x, y = meters[..., 0], meters[..., 1]
        length = np.hypot(x, y)
        angle = length / RADIUS_M
        scale = np.divide(np.sin(angle), length, out=np.full_like(length, 1.0 / RADIUS_M), where=length > 0.0)
        return (
            self.up * np.cos(angle)[..., None]
            + self.east * (x * scale)[..., None]
            + self.north * (y * scale)[..., None]
        )


def moved(lat: Floats, lng: Floats, meters: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Return the points moved by *meters* in the direction *angle*: radians from the east, counter-clockwise."""
    steps = np.stack((meters * np.cos(angle), meters * np.sin(angle)), axis=-1)
    return degrees_of(Plane.at(lat, lng).unproject(steps))


def mean_point(vectors: Floats) -> Floats:
    """Return the mean of points in the plane of the first of them, as a unit vector."""
    lat, lng = degrees_of(vectors[0])
    plane = Plane.at(lat, lng)
    return plane.unproject(plane.project(vectors).mean(axis=0))


def widest_pair(vectors: Floats) -> float:
    """Return the metres between the two points that are farthest apart; 0 for fewer than two points.

    Exact. By the triangle inequality a pair can be wider than one already known only if its points' distances from the
    middle sum up to more, which leaves few points of a cloud to compare with each other.
    """
    if len(vectors) < 2:
        return 0.0
    vectors = np.unique(vectors, axis=0)
    from_middle = chords(vectors, vectors.mean(axis=0))
    from_first = chords(vectors, vectors[np.argmax(from_middle)])
    best = float(chords(vectors, vectors[np.argmax(from_first)]).max())
    rim = vectors[from_middle >= best - from_middle.max() - 1e-15]
    for start in range(0, len(rim), 256):
        block = rim[start : start + 256, None, :] - rim[None, start:, :]
        best = max(best, float(np.sqrt(np.einsum("abi,abi->ab", block, block).max())))
    return float(meters_of(np.asarray(best)))
