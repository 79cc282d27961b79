"""The points of a range, computed by index in decimal arithmetic: never listed, however many there are.

A point is a Decimal in the canonical unit (metres, milliseconds). `index_near` is the inverse of `at`, up to rounding.
"""

from decimal import Context, Decimal
from typing import TypeAlias

from accio.late import dataclass

# 50 digits: a double has 17, and up to 10^18 steps may each lose one unit of the last.
ARITHMETIC = Context(prec=50, Emin=-(10**6), Emax=10**6)

# A range that ends so close to `to`, measured in steps, was meant to end there: the rest is the rounding of `step`.
CLOSE = Decimal("1e-9")


@dataclass(frozen=True, slots=True, kw_only=True)
class WholePoints:
    """`start + i * step` in integers."""

    start: int
    step: int
    size: int

    def at(self, index: int) -> int:
        """Return a point."""
        return self.start + index * self.step

    def index_near(self, point: Decimal) -> int:
        """Return the index of a point; of a number between two points, the lower one's."""
        return (int(point) - self.start) // self.step if self.step else 0

    def are_doubles(self) -> bool:
        """Return whether a double holds each point exactly: True is sure, False is nearly so.

        Up to 2^(53+k), the multiples of 2^k are doubles, and the points are such if the first one and the step are.
        """
        largest = max(abs(self.start), abs(self.at(self.size - 1)))
        unit = 1 << max(0, (largest - 1).bit_length() - 53)
        return self.start % unit == 0 and self.step % unit == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPoints:
    """`start + i * step`, except that the last point is `end` exactly, if it is given."""

    start: Decimal
    step: Decimal
    size: int
    end: Decimal | None

    def at(self, index: int) -> Decimal:
        """Return a point."""
        if self.end is not None and index == self.size - 1:
            return self.end
        return ARITHMETIC.fma(self.step, index, self.start)

    def index_near(self, point: Decimal) -> int:
        """Return the index whose point is closest."""
        steps = ARITHMETIC.divide(ARITHMETIC.subtract(point, self.start), self.step)
        return _clamped(steps, self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometricPoints:
    """`start * ratio ** i`, except that the last point is `end` exactly, if it is given."""

    start: Decimal
    ratio: Decimal
    size: int
    end: Decimal | None

    def at(self, index: int) -> Decimal:
        """Return a point."""
        if self.end is not None and index == self.size - 1:
            return self.end
        return ARITHMETIC.multiply(self.start, ARITHMETIC.power(self.ratio, index))

    def index_near(self, point: Decimal) -> int:
        """Return the index whose point is closest."""
        if point <= 0:
            return 0
        steps = ARITHMETIC.divide(
            ARITHMETIC.ln(ARITHMETIC.divide(point, self.start)),
            ARITHMETIC.ln(self.ratio),
        )
        return _clamped(steps, self.size)


Points: TypeAlias = WholePoints | LinearPoints | GeometricPoints


def _clamped(steps: Decimal, size: int) -> int:
    if steps <= 0:
        return 0
    if steps >= size:
        return size - 1
    return int(steps.to_integral_value())


def linear(start: Decimal, end: Decimal, step: Decimal) -> LinearPoints:
    """Return the points from *start* by *step* (not zero, in the direction of *end*) up to *end*, inclusive."""
    steps = ARITHMETIC.divide(ARITHMETIC.subtract(end, start), step)
    size, close = _steps_to_end(steps)
    return LinearPoints(start=start, step=step, size=size, end=end if close else None)


def geometric(start: Decimal, end: Decimal, ratio: Decimal) -> GeometricPoints:
    """Return the points from *start* by *ratio* (above 1) up to *end* (not below *start*; both positive), inclusive."""
    if start == end:
        return GeometricPoints(start=start, ratio=ratio, size=1, end=end)
    steps = ARITHMETIC.divide(
        ARITHMETIC.ln(ARITHMETIC.divide(end, start)),
        ARITHMETIC.ln(ratio),
    )
    size, close = _steps_to_end(steps)
    return GeometricPoints(start=start, ratio=ratio, size=size, end=end if close else None)


def _steps_to_end(steps: Decimal) -> tuple[int, bool]:
    """Return the number of points, and whether the last one is the end itself."""
    nearest = steps.to_integral_value()
    if abs(steps - nearest) <= CLOSE:
        return int(nearest) + 1, True
    return int(steps) + 1, False


def evenly_linear(start: Decimal, end: Decimal, count: int) -> LinearPoints:
    """Return *count* points (2 or more) from *start* to *end*, both included, at equal distances."""
    step = ARITHMETIC.divide(ARITHMETIC.subtract(end, start), Decimal(count - 1))
    return LinearPoints(start=start, step=step, size=count, end=end)


def evenly_geometric(start: Decimal, end: Decimal, count: int) -> GeometricPoints:
    """Return *count* points (2 or more) from *start* to *end* (both positive), both included, at equal ratios."""
    logarithm = ARITHMETIC.ln(ARITHMETIC.divide(end, start))
    ratio = ARITHMETIC.exp(ARITHMETIC.divide(logarithm, Decimal(count - 1)))
    return GeometricPoints(start=start, ratio=ratio, size=count, end=end)
