"""Fits a polynomial to noisy measurements of a wave, and says how far it is from others: what a study looks for the
best settings of.
"""

import math
import random
from typing import NamedTuple

from accio import operator


class Quality(NamedTuple):
    """How good a fit is.

    Attributes:
        error: root mean square distance from measurements that it hasn't seen
        size: root mean square of the coefficients
    """

    error: float
    size: float


@operator
def Fit(degree: int, strength: float, measured: int = 30) -> Quality:
    """Fit by least squares with a penalty (ridge regression).

    Args:
        degree: of the polynomial
        strength: of the penalty on large coefficients
        measured: how many measurements there are to fit
    """
    draw = random.Random(7)  # noqa: S311 - the same measurements for all settings
    points = [(x, math.sin(3 * x) + draw.gauss(0, 0.2)) for x in (draw.uniform(-1, 1) for _ in range(2 * measured))]
    known, unseen = points[:measured], points[measured:]
    rows = [[x**power for power in range(degree + 1)] for x, _ in known]
    normal = [
        [sum(row[i] * row[j] for row in rows) + (i == j) * strength for j in range(degree + 1)]
        for i in range(degree + 1)
    ]
    right = [sum(row[i] * y for row, (_, y) in zip(rows, known, strict=True)) for i in range(degree + 1)]
    found = solve(normal, right)
    misses = [y - sum(c * x**power for power, c in enumerate(found)) for x, y in unseen]
    return Quality(error=root_mean_square(misses), size=root_mean_square(found))


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve linear equations by Gaussian elimination with pivots."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at in range(len(rows)):
        pivot = max(range(at, len(rows)), key=lambda each: abs(rows[each][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for below in range(at + 1, len(rows)):
            share = rows[below][at] / rows[at][at]
            rows[below] = [value - share * above for value, above in zip(rows[below], rows[at], strict=True)]
    found = [0.0] * len(rows)
    for at in reversed(range(len(rows))):
        rest = sum(rows[at][later] * found[later] for later in range(at + 1, len(rows)))
        found[at] = (rows[at][-1] - rest) / rows[at][at]
    return found


def root_mean_square(values: list[float]) -> float:
    """Return the root of the mean of the squares."""
    return math.sqrt(sum(value * value for value in values) / len(values))
