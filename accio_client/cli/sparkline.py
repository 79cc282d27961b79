"""A series as a line of blocks, for tables."""

import math
from collections.abc import Sequence

from accio.domain.series import Point

_BLOCKS = "▁▂▃▄▅▆▇█"


def heights(values: Sequence[float]) -> str:
    """Return a block for each value, as high as its share of the highest; none of them is negative."""
    high = max(values, default=0.0)
    return "".join(_BLOCKS[min(len(_BLOCKS) - 1, int(value / high * len(_BLOCKS))) if high else 0] for value in values)


def sparkline(points: Sequence[Point], width: int) -> str:
    """Return the shape of a series, from its first step to its last; a step without a value shows the one before."""
    shown = [point for point in points if math.isfinite(point.value)]
    if not shown or width < 1:
        return ""
    first, last = shown[0].step, max(point.step for point in shown)
    low, high = min(point.value for point in shown), max(point.value for point in shown)
    places: dict[int, float] = {}
    for point in shown:
        share = (point.step - first) / (last - first) if last > first else 0.0
        places[min(width - 1, max(0, int(share * width)))] = point.value
    count = width if last > first else 1
    text, value = "", shown[0].value
    for place in range(count):
        value = places.get(place, value)
        share = (value - low) / (high - low) if high > low else 0.0
        text += _BLOCKS[min(len(_BLOCKS) - 1, int(share * len(_BLOCKS)))]
    return text
