"""Mean, standard deviation and the 95 % interval of a few numbers, by Student's t, without SciPy.

The quantile of Student's distribution is found by bisection and Newton steps on its distribution function, which is a
regularised incomplete beta function, computed by its continued fraction (Abramowitz and Stegun 26.5.8; 26.7.1 links
the two). A test holds it against SciPy's to 12 digits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95
MANY = 100_000
"""Degrees of freedom from which the expansion around the normal distribution is the more exact way (26.7.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Of *n* numbers: their mean, and if there are at least two, their deviation (with n − 1) and interval."""

    n: int
    mean: float
    sd: float | None
    ci95_low: float | None
    ci95_high: float | None


def summarise(values: Sequence[float]) -> Summary:
    """The summary of one number or more. A NaN or an infinity makes everything but n NaN (or the mean infinite)."""
    n = len(values)
    if not all(map(math.isfinite, values)):
        mean = sum(values) / n
        return Summary(n=n, mean=mean, sd=math.nan if n > 1 else None, ci95_low=None, ci95_high=None)
    # A power of two as the unit changes no digit, and neither sums nor squares leave the range of doubles.
    unit = math.ldexp(1.0, math.frexp(max(map(abs, values)))[1] - 1)
    scaled = [value / unit for value in values] if unit else list(values)
    mean = math.fsum(scaled) / n
    if n < 2:
        return Summary(n=n, mean=mean * unit, sd=None, ci95_low=None, ci95_high=None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in scaled) / (n - 1))
    half = t_quantile(0.5 + CONFIDENCE / 2, n - 1) * sd / math.sqrt(n)
    return Summary(n=n, mean=mean * unit, sd=sd * unit, ci95_low=(mean - half) * unit, ci95_high=(mean + half) * unit)


@lru_cache(maxsize=1024)
def t_quantile(probability: float, degrees: int) -> float:
    """The value below which Student's t with *degrees* of freedom stays with this probability, which is above 0.5."""
    if not 0.5 < probability < 1 or degrees < 1:
        raise ValueError(f"expected 0.5 < probability < 1 and degrees >= 1, found {probability} and {degrees}")
    if degrees > MANY:
        z = NormalDist().inv_cdf(probability)
        return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    low, high = 0.0, 2.0
    while _t_cdf(high, degrees) < probability:
        low, high = high, high * 2
    at = (low + high) / 2
    for _ in range(200):
        excess = _t_cdf(at, degrees) - probability
        if excess > 0:
            high = at
        else:
            low = at
        step = at - excess / _t_density(at, degrees)
        following = step if low < step < high else (low + high) / 2
        if math.isclose(following, at, rel_tol=1e-15, abs_tol=0.0):
            return following
        at = following
    return at


def _t_cdf(value: float, degrees: int) -> float:
    """P(t <= value), for a value of 0 or more."""
    return 1 - 0.5 * _incomplete_beta(degrees / (degrees + value * value), degrees / 2, 0.5)


def _t_density(value: float, degrees: int) -> float:
    log_norm = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(log_norm - (degrees + 1) / 2 * math.log1p(value * value / degrees))


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _continued_fraction(x, a, b) / a
    return 1 - math.exp(log_front) * _continued_fraction(1 - x, b, a) / b


def _continued_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, from the front (modified Lentz)."""
    tiny = 1e-300
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    result = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + numerator * d, tiny)
            c = _away_from_zero(1 + numerator / c, tiny)
            result *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return result


def _away_from_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
