"""What a sweep is a grid of: its axes, or several that go together as one, with cells that may be empty.

Values that are zipped, or listed point by point, can't be told apart by what they do: they are one factor with several
columns. Where conditions leave points out, their cells are empty.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accio.errors import FailedPrecondition
from accio_client.analysis.columns import Ints, SweepTable

T = TypeVar("T", bound=np.generic)

_MOST_CELLS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Factors:
    """The factors of a grid of points, and where in it those of a sweep are; `cells` None: every cell, in order."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    repeat: int
    cells: Ints | None = None

    def spread(self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return a column of children as one of the whole grid, 0 or False where no child is."""
        if self.cells is None:
            return values
        spread = np.zeros((math.prod(self.shape), self.repeat), dtype=values.dtype)
        spread[self.cells] = values.reshape(-1, self.repeat)
        return spread.reshape(-1)


def factors_of(table: SweepTable) -> Factors:
    """Return the factors of a sweep; FailedPrecondition if nearly all cells of their grid would be empty."""
    repeat = table.sweep.repeat
    if table.is_grid:
        return Factors(
            names=tuple(axis.name for axis in table.axes), shape=tuple(axis.size for axis in table.axes), repeat=repeat
        )
    points = np.arange(table.points) * repeat
    names: list[str] = []
    sizes: list[int] = []
    cells = np.zeros(table.points, dtype=np.int64)
    for group in _groups(table):
        columns = np.stack([table.coordinate(name, points) for name in group])
        _, codes = np.unique(columns, axis=1, return_inverse=True)
        codes = codes.reshape(-1)
        names.append(", ".join(group))
        sizes.append(int(codes.max()) + 1)
        if math.prod(sizes) * repeat > _MOST_CELLS:
            raise FailedPrecondition(
                f"the values of {', '.join(names)} make more than {_MOST_CELLS} combinations, "
                f"of which the sweep has {table.points}: too few to tell what each does"
            )
        cells = cells * sizes[-1] + codes
    whole = len(cells) == math.prod(sizes) and bool((cells == np.arange(len(cells))).all())
    return Factors(names=tuple(names), shape=tuple(sizes), repeat=repeat, cells=None if whole else cells)


def _groups(table: SweepTable) -> Sequence[Sequence[str]]:
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
            groups.append([each for each in varying if each in mine[0]] if len(mine) == 1 else [name])
    return groups
