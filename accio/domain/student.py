"""Quantiles of Student's t, without SciPy: the one home of every interval that Accio shows.

The quantile is found by Newton steps, fenced in by bisection, on the distribution function, which is a regularised
incomplete beta function, computed by its continued fraction (Abramowitz and Stegun 26.7.1, 26.5.8). For many degrees of
freedom the expansion around the normal distribution (26.7.5) is the more exact way. A test holds both against SciPy's
to 12 digits.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95
PLAIN_LEAST, PLAIN_MOST = 1e-100, 1e100
"""Numbers whose largest lies between these are summed and squared as they are; others, whose squares would leave the
range of doubles, are scaled first, by which the least of them may lose digits.
"""
_MANY = 3000
"""Degrees of freedom from which the expansion's four terms leave less than 10^-13."""
_LARGE = 40


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of numbers, at least one, rounded once, and never outside of them: dividing rounds once more, and
    three times 0.1 would have a mean above 0.1. OverflowError if their sum leaves the range of doubles.
    """
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: float) -> float:
    """Return the value below which Student's t with *degrees* of freedom stays with this probability, above 0.5.

    Degrees need not be whole: Welch's interval has such.
    """
    if not 0.5 < probability < 1 or not degrees >= 1:
        raise ValueError(f"expected 0.5 < probability < 1 and degrees >= 1, found {probability} and {degrees}")
    if degrees > _MANY:
        return _expansion(NormalDist().inv_cdf(probability), degrees)
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    low, high = 0.0, 2.0
    while _excess(high, probability, degrees) < 0:
        low, high = high, high * 2
    at = (low + high) / 2
    for _ in range(200):
        excess = _excess(at, probability, degrees)
        if excess > 0:
            high = at
        else:
            low = at
        step = at - excess / _density(at, degrees)
        following = step if low < step < high else (low + high) / 2
        if math.isclose(following, at, rel_tol=1e-15, abs_tol=0.0):
            return following
        at = following
    return at


@lru_cache(maxsize=4096)
def ci95_factor(degrees: float) -> float:
    """Return what the standard error is multiplied with for half of a 95 % interval."""
    return t_quantile(0.5 + CONFIDENCE / 2, degrees)


def _expansion(z: float, degrees: float) -> float:
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / degrees**power for power, term in enumerate(terms))


def _excess(value: float, probability: float, degrees: float) -> float:
    """Return P(t <= value) - probability, from whichever of centre and tail is the smaller: nothing cancels."""
    square = value * value
    x, y = degrees / (degrees + square), square / (degrees + square)
    a = degrees / 2
    front = math.exp(
        _log_gamma_ratio(a) - 0.5 * math.log(math.pi) - a * math.log1p(square / degrees) + 0.5 * math.log(y)
    )
    if x < (a + 1) / (a + 2.5):
        tail = front * _continued_fraction(x, a, 0.5) / a / 2
        return (1 - probability) - tail
    centre = front * _continued_fraction(y, 0.5, a) / 0.5 / 2
    return centre - (probability - 0.5)


def _density(value: float, degrees: float) -> float:
    log_norm = _log_gamma_ratio(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(log_norm - (degrees + 1) / 2 * math.log1p(value * value / degrees))


def _log_gamma_ratio(a: float) -> float:
    """Return ln Γ(a + 1/2) - ln Γ(a): by a series for large a, where the difference would cancel."""
    if a < _LARGE:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return 0.5 * math.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5) + 17 / (14336 * a**7)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete beta function, from the front (modified Lentz)."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            result *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300
