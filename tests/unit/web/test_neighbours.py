"""The children beside a child: along each axis and by number, where some points are left out or deleted."""

from typing import Any

from accio.domain.axes import Axis
from accio.domain.datatypes import parse_type
from accio.domain.sweeps import Sweep
from accio_web.neighbours import neighbours

SWEEP = Sweep(
    (
        Axis("x", parse_type("integer"), ("1", "2", "3")),
        Axis("one", parse_type("integer"), ("9",)),
        Axis("y", parse_type("integer"), ("10", "20")),
    ),
    repeat=2,
)


def beside(number: int, *deleted: int) -> tuple[Any, dict[str, Any]]:
    """Return the children before and after one, and those beside it on each axis."""
    found = neighbours(SWEEP, number, lambda child: child not in deleted)
    of_axes = {
        each["name"]: tuple(side and (side["value"], side["index"]) for side in (each["previous"], each["next"]))
        for each in found["axes"]
    }
    return (found["previous"], found["next"]), of_axes


def test_a_step_along_each_axis() -> None:
    """A neighbour differs in one parameter or in the repetition; what doesn't vary isn't told."""
    by_number, of_axes = beside(SWEEP.number((1, 0, 0), 1))
    assert by_number == (3, 5)
    assert of_axes == {
        "x": (("1", SWEEP.number((0, 0, 0), 1)), ("3", SWEEP.number((2, 0, 0), 1))),
        "y": (None, ("20", SWEEP.number((1, 0, 1), 1))),
        "repeat": (None, ("2", SWEEP.number((1, 0, 0), 2))),
    }


def test_the_ends() -> None:
    """The first child has none before it, the last none after."""
    assert beside(0)[0] == (None, 1)
    assert beside(SWEEP.size - 1)[0] == (SWEEP.size - 2, None)


def test_deleted_ones_are_passed() -> None:
    """What was deleted is no neighbour: the next one there is."""
    first, last = SWEEP.number((0, 0, 0), 1), SWEEP.number((2, 0, 0), 1)
    by_number, of_axes = beside(first, first + 1, first + 2, SWEEP.number((1, 0, 0), 1))
    assert by_number == (None, first + 3)
    assert of_axes["x"] == (None, ("3", last))
