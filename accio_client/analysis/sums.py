"""Sums of columns, rounded once: the same whatever the order, and quick for as many numbers as a sweep has."""

import math

import numpy as np

from accio_client.analysis.columns import Floats, Ints, Mask
from accio_client.analysis.portions import CELLS_AT_ONCE

_WHOLE = 2.0**53
_LOOKED_AT_FIRST = 64  # rows: of numbers that aren't whole, these show it
_COLUMNS_AT_ONCE = 16


def exact_sum(values: Floats) -> Floats:
    """Return the sum of each column of finite numbers, rounded once, as `math.fsum` does.

    Twice the digits are carried along. Where they leave open to which side to round, all of them are. Of whole numbers
    whose sums are below 2⁵³, nothing is ever rounded.
    """
    if _are_whole(values):
        return np.asarray(values.sum(axis=0) + 0.0)  # a zero has no sign, as with `math.fsum`
    total, error = _double_sum(values)
    rounded = total + error
    rest = (total - (rounded - (rounded - total))) + (error - (rounded - total))  # what rounding lost
    step = np.spacing(np.abs(rounded))
    largest = np.maximum(values.max(axis=0, initial=0.0), -values.min(axis=0, initial=0.0))
    # What roundings lost adds up to n·ε·largest/2 for each time that n numbers become half as many; adding that rounds
    # at most n/2 times, then n/4 and so on, by ε/2 each: twice this is more than all of it, levels and parts included.
    doubt = 2 * (len(values) * np.finfo(float).eps) ** 2 * largest
    # Half a step is a tie; a quarter is one towards zero from a power of two, where steps are half as long.
    shorter = (np.abs(np.frexp(rounded)[0]) == 0.5) & (np.signbit(rest) != np.signbit(rounded))
    tie = np.where(shorter, step / 4, step / 2)
    near = np.abs(np.abs(rest) - tie) <= doubt + step * 1e-9
    doubtful = np.flatnonzero((near & (rest != 0)) | (doubt > step / 4))
    for column in doubtful[~_lose_nothing(values, largest, doubtful)]:
        rounded[column] = math.fsum(values[:, column])
    return rounded


def _lose_nothing(values: Floats, largest: Floats, columns: Ints) -> Mask:
    """Return of which of some columns `_double_sum` tells all that roundings lost, to the last digit: as of whole
    numbers whose sums lie in the middle between two doubles.

    n numbers up to L lose less than n²·L·ε/2 in all. Where each of them is a multiple of 2⁻⁵³ of that, so is what is
    lost each time, and a double holds whatever that adds up to.
    """
    found = np.zeros(len(columns), dtype=np.bool_)
    lost = len(values) ** 2 * largest[columns] * (np.finfo(float).eps / 2)
    with np.errstate(over="ignore", invalid="ignore"):
        factors = np.ldexp(1.0, 53 - np.frexp(lost)[1])
        for first in range(0, len(columns), _COLUMNS_AT_ONCE):
            some = slice(first, first + _COLUMNS_AT_ONCE)
            units = values[:, columns[some]] * factors[some]
            found[some] = np.isfinite(units).all(axis=0) & (np.rint(units) == units).all(axis=0)
    return found


def _are_whole(values: Floats) -> bool:
    """Return whether all sums of some of these numbers are whole, and held by doubles."""
    few = values[:_LOOKED_AT_FIRST]
    if (np.rint(few) != few).any() or (np.rint(values) != values).any():
        return False
    largest = max(values.max(initial=0.0), -values.min(initial=0.0))
    return bool(len(values) * largest < _WHOLE)


def _double_sum(values: Floats) -> tuple[Floats, Floats]:
    """Return the sum of each column, and what its roundings lost (Knuth's two-sum, by pairs)."""
    rows = max(2, CELLS_AT_ONCE // max(1, values.shape[1]))
    if len(values) > 2 * rows:
        some = [_double_sum(values[first : first + rows]) for first in range(0, len(values), rows)]
        total, error = _double_sum(np.stack([each for each, _ in some]))
        return total, error + np.sum([each for _, each in some], axis=0)
    total, error = values, np.zeros(values.shape[1])
    while len(total) > 1:
        half = len(total) // 2
        left, right = total[:half], total[half : 2 * half]
        pairs = left + right
        part = pairs - left
        lost = right - part
        part -= pairs
        part += left  # left - (pairs - part), in place
        lost += part
        error += lost.sum(axis=0)
        total = pairs if len(total) == 2 * half else np.concatenate([pairs, total[-1:]])
    return (np.asarray(total[0]) if len(total) else np.zeros_like(error)), error
