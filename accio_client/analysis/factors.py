"""What a sweep is a grid of: its axes, or several that go together as one, with cells that may be empty.

Values that are zipped, or listed point by point, can't be told apart by what they do: they are one factor with several
columns. Where conditions leave points out, their cells are empty. A parameter that is drawn by itself has about as many
values as there are points; these are cut into a few ranges of equally many, and a cell holds all points that fall into
it.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accio.domain.sampling import Sampled
from accio.errors import FailedPrecondition
from accio.late import dataclass
from accio_client.analysis.columns import Ints, SweepTable

T = TypeVar("T", bound=np.generic)

_MOST_CELLS = 20_000_000
_POINTS_EACH = 10  # of a range that drawn values are cut into
_FEWEST, _MOST_RANGES = 2, 10


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Factors:
    """The factors of a grid of cells, each with room for `inside` children, and where in it those of a sweep are.

    `rooms` None: every one is taken, in order. `ranges` is how many ranges drawn values were cut into, 0 if none were.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    inside: int
    rooms: Ints | None = None
    ranges: int = 0

    def spread(self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return a column of children as one of the whole grid, 0 or False where no child is."""
        if self.rooms is None:
            return values
        spread = np.zeros(math.prod(self.shape) * self.inside, dtype=values.dtype)
        spread[self.rooms] = values
        return spread


def factors_of(table: SweepTable) -> Factors:
    """Return the factors of a sweep; FailedPrecondition if nearly all cells of their grid would be empty."""
    repeat = table.sweep.repeat
    if table.is_grid:
        axes = table.axes
        return Factors(names=tuple(axis.name for axis in axes), shape=tuple(axis.size for axis in axes), inside=repeat)
    names: list[str] = []
    sizes: list[int] = []
    cells = np.zeros(table.size, dtype=np.int64)
    drawn = _drawn(table)
    ranges = max(_FEWEST, min(_MOST_RANGES, table.points // _POINTS_EACH)) if drawn else 0
    for group in _groups(table, drawn):
        codes, size = _codes(table, group, ranges if group[0] in drawn else 0)
        names.append(", ".join(group))
        sizes.append(size)
        if math.prod(sizes) * repeat > _MOST_CELLS:
            raise FailedPrecondition(
                f"the values of {', '.join(names)} make more than {_MOST_CELLS} combinations, "
                f"of which the sweep has {table.points}: too few to tell what each does"
            )
        cells = cells * size + codes
    counts = np.bincount(cells, minlength=math.prod(sizes))
    inside = int(counts.max(initial=1))
    order = np.argsort(cells, kind="stable")
    rooms = np.empty(table.size, dtype=np.int64)
    rooms[order] = cells[order] * inside + np.arange(table.size) - (np.cumsum(counts) - counts)[cells[order]]
    whole = table.size == len(counts) * inside and bool((rooms == np.arange(table.size)).all())
    return Factors(names=tuple(names), shape=tuple(sizes), inside=inside, rooms=None if whole else rooms, ranges=ranges)


def _codes(table: SweepTable, group: Sequence[str], ranges: int) -> tuple[Ints, int]:
    """Return which value of a factor each child has, and how many there are."""
    if ranges:
        axis, at = table.axis(group[0]), table.coordinate(group[0])
        if axis.size > ranges and axis.is_ordered:
            ranks = np.argsort(np.argsort(axis.numbers, kind="stable"))
            return ranks[at] * ranges // axis.size, ranges
        return at, axis.size
    columns = np.stack([table.coordinate(name) for name in group])
    _, codes = np.unique(columns, axis=1, return_inverse=True)
    codes = codes.reshape(-1)
    return codes, int(codes.max(initial=0)) + 1


def _drawn(table: SweepTable) -> frozenset[str]:
    """Return the parameters that are drawn; in a study a sampler chose all of them, each by itself."""
    if table.sweep.study is not None:
        return frozenset(axis.name for axis in table.axes)
    digits = [digit for block in table.sweep.blocks for digit in block.digits if isinstance(digit.rows, Sampled)]
    return frozenset(table.sweep.axes[place].name for digit in digits for place in digit.axes)


def _groups(table: SweepTable, drawn: frozenset[str]) -> Sequence[Sequence[str]]:
    """Return the parameters that vary, those together whose values go together in every block."""
    varying = [axis.name for axis in table.axes]
    together = {
        frozenset(table.sweep.axes[place].name for place in digit.axes)
        for block in table.sweep.blocks
        for digit in block.digits
    }
    groups: list[list[str]] = []
    for name in varying:
        if not any(name in group for group in groups):
            mine = [group for group in together if name in group]
            alone = len(mine) > 1 or name in drawn
            groups.append([name] if alone else [each for each in varying if each in mine[0]])
    return groups
