"""Distances by another formula than the product's, to compare with."""

import numpy as np

from accio_locapriv.arrays import Floats
from accio_locapriv.geometry import RADIUS_M


def haversine(lat: Floats, lng: Floats, other_lat: Floats, other_lng: Floats) -> Floats:
    """Metres between corresponding points given in degrees, by the haversine formula."""
    phi, other_phi = np.radians(lat), np.radians(other_lat)
    half_dphi, half_dtheta = (other_phi - phi) / 2, np.radians(other_lng - lng) / 2
    h = np.sin(half_dphi) ** 2 + np.cos(phi) * np.cos(other_phi) * np.sin(half_dtheta) ** 2
    meters: Floats = 2.0 * RADIUS_M * np.arcsin(np.minimum(np.sqrt(h), 1.0))
    return meters
