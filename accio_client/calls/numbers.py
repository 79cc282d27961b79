"""Numbers that callers give, before a message is made of them: it can hold only so much, and doesn't say of what."""

from math import isfinite

from accio.domain.problems import quote
from accio.errors import BadRequest

MOST = 2**56 - 1
"""The largest number of 64 bits that the daemon takes where the contract says nothing else."""
_UINT32 = 2**32 - 1


def limit(value: int) -> int:
    """Return how many are wanted at most: more than a message can hold is as good as that; BadRequest below 0."""
    return cut("limit", value, _UINT32)


def cut(what: str, value: int, most: int = MOST) -> int:
    """Return a number, called *what*, or *most* if it is more; BadRequest below 0."""
    if value < 0:
        raise BadRequest(f"{what}: expected a whole number of 0 or more, found {quote(value)}")
    return min(value, most)


def whole(what: str, value: int, most: int = MOST) -> int:
    """Return a number, called *what*; BadRequest if it isn't from 0 to *most*."""
    if not 0 <= value <= most:
        raise BadRequest(f"{what}: expected a whole number from 0 to {most}, found {quote(value)}")
    return value


def thousandths(what: str, value: float) -> int:
    """Return a number, called *what*, in thousandths; BadRequest if it is negative, too large or no number."""
    if not isfinite(value):
        raise BadRequest(f"{what}: expected a finite number, found {value}")
    return whole(f"{what} in thousandths", round(value * 1000))
