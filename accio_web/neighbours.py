"""The children beside one of a sweep: one step along each axis, and along the repetitions. Pure."""

from collections.abc import Callable, Iterator

from accio.domain.sweeps import Sweep
from accio_client.analysis.columns import AxisColumn
from accio_client.documents import Document

_MOST_STEPS = 1_000
"""How many places of an axis are passed that hold no child: points that are left out, or deleted ones."""


def neighbours(sweep: Sweep, number: int, is_there: Callable[[int], bool]) -> Document:
    """Return how many children a sweep has, which come before and after *number*, and its neighbours on each axis."""
    indices, repetition = sweep.coordinates(number)

    def beside(steps: Iterator[tuple[int, int | None]]) -> tuple[int, int] | None:
        """Return the first place that holds a child, and that child."""
        for _, (place, child) in zip(range(_MOST_STEPS), steps, strict=False):
            if child is not None and is_there(child):
                return place, child
        return None

    def along(axis: int, places: range) -> Iterator[tuple[int, int | None]]:
        for place in places:
            try:
                yield place, sweep.number((*indices[:axis], place, *indices[axis + 1 :]), repetition)
            except KeyError:
                yield place, None

    def told(name: str, here: int, texts: Callable[[int], str], *steps: Iterator[tuple[int, int | None]]) -> Document:
        found = [None if it is None else {"value": texts(it[0]), "index": it[1]} for it in map(beside, steps)]
        return {"name": name, "value": texts(here), "previous": found[0], "next": found[1]}

    axes: list[Document] = []
    for at, axis in enumerate(sweep.axes):
        if axis.size > 1:
            here, ahead = indices[at], range(indices[at] + 1, axis.size)
            axes.append(
                told(axis.name, here, AxisColumn(axis).text, along(at, range(here - 1, -1, -1)), along(at, ahead))
            )
    if sweep.repeat > 1:
        first = number - repetition  # of repetition 0, which there isn't
        places = range(repetition - 1, 0, -1), range(repetition + 1, sweep.repeat + 1)
        steps = [((each, first + each) for each in way) for way in places]
        axes.append(told("repeat", repetition, str, *steps))
    before = beside((each, each) for each in range(number - 1, -1, -1))
    after = beside((each, each) for each in range(number + 1, sweep.size))
    return {
        "size": sweep.size,
        "previous": None if before is None else before[1],
        "next": None if after is None else after[1],
        "axes": axes,
    }
