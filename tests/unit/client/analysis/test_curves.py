"""Curves: which children are drawn, and what their lines are."""

import math

import numpy as np

from accio.domain.ids import NodeName, RunId
from accio.domain.series import Point
from accio_client.analysis.pictures import to_json
from accio_client.analysis.pictures.curves import chosen, curves, curves_of
from accio_client.analysis.pictures.rows import rows
from accio_client.analysis.terminal import render
from accio_client.views import SeriesView
from tests.unit.client.analysis.tables import sweep_of, table_of

SCHEDULED = 0


def points(*values: float, begin: int = 0) -> list[Point]:
    """Make points of values at the steps from *begin* on."""
    return [Point(begin + at, value, float(at)) for at, value in enumerate(values)]


def view(run: str, attempt: int, some: list[Point]) -> SeriesView:
    """Make a series of an attempt."""
    return SeriesView(
        run=RunId(run),
        node=NodeName("N"),
        attempt=attempt,
        running=False,
        name="loss",
        total=len(some),
        points=tuple(some),
    )


def test_children_that_have_begun_are_drawn_evenly_spread() -> None:
    """Without a parameter eight children; with one the children of each value; only those that have begun."""
    table = table_of(sweep_of(2, 50), np.zeros(100))
    assert chosen(table, None, None).tolist() == [0, 14, 28, 42, 57, 71, 85, 99]
    found = chosen(table, None, "a")
    assert len(found) == 50
    assert (found < 50).sum() == 25
    table.states[:60] = SCHEDULED
    assert chosen(table, None, None).min() == 60
    assert chosen(table, np.arange(100) > 97, None).tolist() == [98, 99]


def test_a_line_for_each_child_with_its_label() -> None:
    """Attempts that go on from checkpoints make one line; what is no number is a gap."""
    table = table_of(sweep_of(2), np.zeros(2))
    drawn = {
        0: curves_of([view("r.0", 1, points(3, 2, 1)), view("r.0", 2, points(5, math.inf, begin=2))]),
        1: curves_of([view("r.1", 1, points(4))]),
    }
    picture = curves(table, "loss", drawn)
    assert [series.name for series in picture.series] == ["a=0", "a=1"]
    assert picture.series[0].x.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(picture.series[0].y, [3, 2, 5, math.nan])
    assert picture.head.command == "accio plot 01run -metric=loss"
    assert to_json(picture)["series"]
    assert render(picture, width=60, height=12, colour=False)
    assert next(rows(picture).rows)[:3] == ("a=0", 0.0, 3.0)


def test_means_of_the_children_of_each_value() -> None:
    """At a step each child counts with what it measured last, from its first step to its last."""
    table = table_of(sweep_of(2, repeat=2), np.zeros(4))
    drawn = {
        0: {"r.0/N": points(1, 3)},
        1: {"r.1/N": [Point(0, 3, 0), Point(2, 5, 0)]},
        2: {"r.2/N": points(7)},
        3: {},
    }
    picture = curves(table, "loss", drawn, by="a")
    first, second = picture.series
    assert (first.name, second.name) == ("0", "1")
    assert first.x.tolist() == [0, 1, 2]
    assert first.y.tolist() == [2, 3, 5]
    assert first.n is not None
    assert first.n.tolist() == [2, 2, 1]
    assert first.low is not None
    np.testing.assert_allclose(first.low[0], 2 - 12.706204736174698)  # t for one degree, sd 2 ** 0.5, n 2
    assert picture.head.counted.n == 3
    assert picture.head.command == "accio plot 01run -metric=loss -by=a"
