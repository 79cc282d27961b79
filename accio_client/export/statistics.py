"""Mean, standard deviation and the 95 % interval of a few numbers, by Student's t, as `accio export -aggregate` writes
them.
"""

import math
from collections.abc import Sequence

from accio.domain.student import PLAIN_LEAST, PLAIN_MOST, ci95_factor, mean_of
from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Of *n* numbers: their mean, and if there are at least two, their deviation (with n − 1) and interval."""

    n: int
    mean: float
    sd: float | None
    ci95_low: float | None
    ci95_high: float | None


def summarise(values: Sequence[float]) -> Summary:
    """Return the summary of one number or more; a NaN or an infinity makes all but n NaN (or the mean infinite)."""
    n = len(values)
    if not all(map(math.isfinite, values)):
        mean = sum(value for value in values if not math.isfinite(value)) / n  # finite ones may overflow
        return Summary(n=n, mean=mean, sd=math.nan if n > 1 else None, ci95_low=None, ci95_high=None)
    largest, unit, scaled = max(map(abs, values)), 1.0, values
    if largest and not PLAIN_LEAST <= largest <= PLAIN_MOST:  # a power of two: sums and squares stay in range
        unit = math.ldexp(1.0, math.frexp(largest)[1] - 1)
        scaled = [value / unit for value in values]
    mean = mean_of(scaled)
    if n < 2:
        return Summary(n=n, mean=mean * unit, sd=None, ci95_low=None, ci95_high=None)
    deviations = [value - mean for value in scaled]  # squared by multiplying: the system's power may be a digit off
    sd = math.sqrt(math.fsum(each * each for each in deviations) / (n - 1))
    half = ci95_factor(n - 1) * sd / math.sqrt(n)
    return Summary(n=n, mean=mean * unit, sd=sd * unit, ci95_low=(mean - half) * unit, ci95_high=(mean + half) * unit)
