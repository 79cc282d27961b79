"""Picture specifications: what they count, how they are put together, and their limits."""

import json
import shlex
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DISTANCE, LONG
from accio.domain.ranges import WholePoints
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, FailedPrecondition
from accio_client.analysis.aggregate import aggregate
from accio_client.analysis.columns import STATES, Numbers, SweepTable
from accio_client.analysis.pictures import (
    Picture,
    distribution,
    failure_map,
    heat_map,
    importance_bars,
    line,
    parallel,
    rows,
    scatter,
    state_map,
    to_json,
)
from accio_client.analysis.pictures.clouds import undominated
from accio_client.analysis.pictures.specification import Scale, short_tick
from tests.unit.client.analysis.tables import FAILED, VALUE, axis_of, sweep_of, table_of, words_axis


def numbers() -> np.random.Generator:
    """Return random numbers that don't depend on which tests came before."""
    return np.random.default_rng(21)


def mixed() -> SweepTable:
    """Three parameters, five repetitions, one in ten failed without a value."""
    sweep = Sweep(
        (
            axis_of("cell", DISTANCE, "300.0", "100.0", "200.0"),
            words_axis("way", "b", "a"),
            axis_of("k", LONG, "1", "2"),
        ),
        5,
    )
    random = numbers()
    failed = random.random(sweep.size) < 0.1
    return table_of(sweep, random.normal(size=sweep.size), ~failed, failed)


def every_picture(table: SweepTable) -> list[Picture]:
    return [
        state_map(table),
        heat_map(table, VALUE),
        failure_map(table),
        line(table, VALUE),
        line(table, VALUE, x="cell", by="way", median=True),
        distribution(table, VALUE),
        distribution(table, VALUE, density=True, by="way"),
        importance_bars(table, VALUE),
        scatter(table, VALUE, VALUE),
        parallel(table, VALUE),
    ]


def test_every_picture_is_json_and_counts() -> None:
    """Every picture is a JSON document without NaN, says what it counts, and has a command that names the run."""
    table = mixed()
    without = int((table.states == FAILED).sum())
    for picture in every_picture(table):
        document = json.loads(json.dumps(to_json(picture), allow_nan=False))
        assert document["head"]["title"]
        assert document["shape"] in {"map", "lines", "bars", "cloud", "parallel"}
        counted = picture.head.counted
        assert counted.of == table.size
        assert (counted.n, counted.without) in {(table.size, 0), (table.size - without, without)}
        assert shlex.split(picture.head.command)[:4] == ["accio", "plot", "01run", f"-kind={picture.head.kind}"]


def test_the_command_of_a_picture_draws_that_picture() -> None:
    """Options of `accio plot` are the arguments of the picture: read as such, they make an equal one."""
    table = mixed()
    makers = {"states": state_map, "failures": failure_map}
    with_value: dict[str, Callable[..., Picture]] = {
        "heat": heat_map,
        "line": line,
        "cdf": distribution,
        "pdf": partial(distribution, density=True),
        "importance": importance_bars,
        "parallel": parallel,
    }
    for picture in every_picture(table):
        words = shlex.split(picture.head.command)[3:]
        given = {name: value for name, _, value in (word.lstrip("-").partition("=") for word in words)}
        kind = given.pop("kind")
        options: dict[str, Any] = {"median": True} if given.pop("median", None) is not None else {}
        y = given.pop("y", "")
        if kind in ("states", "failures", "heat"):  # of a map, the series is the other axis
            options |= {"x": given["x"], "y": given["by"]}
        else:
            options |= given
        if kind == "scatter":
            again: Picture = scatter(table, options.pop("x"), y, **options)
        else:
            again = makers[kind](table, **options) if kind in makers else with_value[kind](table, y, **options)
        assert to_json(again) == to_json(picture)


def test_maps_are_what_counting_children_gives() -> None:
    """States, means and failures of each cell are those of its children; values grow along both axes."""
    table = mixed()
    states, heat, failures = (
        state_map(table, x="cell", y="way"),
        heat_map(table, VALUE, x="cell", y="way"),
        failure_map(table, x="cell", y="way"),
    )
    assert states.x.ticks == ("100.meters", "200.meters", "300.meters")
    assert states.y.ticks == ("b", "a")
    assert states.head.remarks == ("counted over k, repetitions",)
    assert (states.x.unit, states.x.scale, states.y.scale) == ("m", Scale.LINEAR, Scale.CATEGORIES)
    column = table.column(VALUE)
    for (row, way), (at, cell) in product(enumerate([0, 1]), enumerate([1, 2, 0])):
        inside = (table.coordinate("way") == way) & (table.coordinate("cell") == cell)
        counts = np.bincount(table.states[inside], minlength=len(STATES))
        assert states.values[row, at] == counts.argmax()
        assert states.mixed is not None
        assert states.mixed[row, at] == (np.count_nonzero(counts) > 1)
        assert failures.values[row, at] == pytest.approx(counts[FAILED] / counts.sum())
        assert heat.values[row, at] == pytest.approx(column.values[inside & column.valid].mean())
        assert heat.failed[row, at] == counts[FAILED]


def test_large_maps_are_put_together() -> None:
    """No map has more than 300 cells in a direction; bins count every child once, and this is said."""
    sweep = Sweep((Axis("a", LONG, WholePoints(start=0, step=1, size=1000)), axis_of("b", LONG, "1", "2")))
    table = table_of(sweep, np.arange(2000.0))
    found = heat_map(table, VALUE, x="a")
    assert found.values.shape == (2, 300)
    assert found.n.sum() == 2000
    assert "1,000 values of a in 300 bins" in found.head.remarks
    assert found.x.ticks[0] == "0 … 2"
    assert float((found.values * found.n).sum()) == pytest.approx(np.arange(2000.0).sum())


def test_maps_of_many_children_have_the_means_of_their_cells() -> None:
    """Also of some children only, of values without a mean, and of values whose sum no double holds."""
    sweep = Sweep(
        (Axis("a", LONG, WholePoints(start=0, step=1, size=700)), axis_of("b", LONG, *map(str, range(99, -1, -1)))), 3
    )
    random = numbers()
    values = random.normal(size=sweep.size)
    values[::7], values[::11] = np.nan, np.inf
    where = random.random(sweep.size) < 0.5
    for scale in (1.0, 1e306):
        table = table_of(sweep, values * scale)
        found = heat_map(table, VALUE, x="a", y="b", where=where)
        usable = where & np.isfinite(values)
        a, b = table.coordinate("a"), table.coordinate("b")
        edges = np.linspace(0, 700, 301).astype(int)
        for row, column in ((0, 0), (99, 299), (50, 137)):
            inside = usable & (b == 99 - row) & (a >= edges[column]) & (a < edges[column + 1])
            assert found.n[row, column] == inside.sum() > 0
            assert found.values[row, column] == pytest.approx(values[inside].mean() * scale, rel=1e-12)
        assert found.n.sum() == usable.sum()
        assert found.head.counted.without == where.sum() - usable.sum()


def test_lines_are_the_aggregates() -> None:
    """A line has the mean and the interval of `aggregate`, in growing order of the axis."""
    table = mixed()
    found = line(table, VALUE, x="cell", by="way")
    expected = aggregate(table, VALUE, by=["cell", "way"])
    assert [series.name for series in found.series] == ["b", "a"]
    assert found.head.remarks == ("averaged over k, repetitions",)
    for number, series in enumerate(found.series):
        assert series.x.tolist() == [100.0, 200.0, 300.0]
        np.testing.assert_array_equal(series.y, expected.mean[[1, 2, 0], number])
        np.testing.assert_array_equal(series.low, expected.low[[1, 2, 0], number])
        np.testing.assert_array_equal(series.n, expected.n[[1, 2, 0], number])


def test_lines_have_limits_that_are_said() -> None:
    """At most 8 series and 2,000 places are shown, and the picture says of how many."""
    sweep = Sweep((Axis("x", LONG, WholePoints(start=0, step=1, size=5000)), words_axis("s", *"abcdefghijkl")))
    found = line(table_of(sweep, np.zeros(sweep.size)), VALUE, x="x", by="s")
    assert (len(found.series), len(found.series[0].x)) == (8, 2000)
    assert found.head.remarks == ("2,000 of 5,000 values of x, evenly spread", "8 of 12 values of s")


def test_distributions_end_at_one_and_have_area_one() -> None:
    """A cumulated distribution grows to 1, and a density integrates to 1; long ones are thinned."""
    table = table_of(sweep_of(3, repeat=1000), numbers().normal(size=3000))
    cumulated = distribution(table, VALUE).series[0]
    assert len(cumulated.x) == 1000
    assert (np.diff(cumulated.x) >= 0).all()
    assert cumulated.y[-1] == 1
    for series in distribution(table, VALUE, density=True, by="a").series:
        assert float(series.y.sum() * (series.x[1] - series.x[0])) == pytest.approx(1)


@pytest.mark.parametrize(
    "values",
    [
        [0.3, 0.1 + 0.2] * 50,
        [1e20, 1e20 + 2e4] * 50,
        [1e20] * 100,
        [-1.7e308, 0.0, 1.7e308] * 50,
        [1.7976931348623157e308] * 100,
        [0.0, 5e-324] * 50,
    ],
    ids=["neighbours", "far neighbours", "far", "everything", "largest", "smallest"],
)
def test_densities_of_numbers_at_the_ends_of_doubles(values: list[float]) -> None:
    """Between two numbers there are no more bins than doubles, however wide or narrow that is; each child is in one."""
    table = table_of(sweep_of(len(values)), values)
    (series,) = distribution(table, VALUE, density=True).series
    assert series.n is not None
    assert series.n.sum() == len(values)
    assert np.isfinite(series.x).all()
    json.dumps(to_json(distribution(table, VALUE, density=True)), allow_nan=False)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_densities_have_the_bins_of_numpy(values: list[float]) -> None:
    """As many as Freedman and Diaconis or Sturges advise, as NumPy's `auto` has them, where doubles are far apart."""
    (series,) = distribution(table_of(sweep_of(len(values)), values), VALUE, density=True).series
    try:
        counts, edges = np.histogram(values, "auto")
    except ValueError:  # too many bins for numbers as near as these
        return
    if len(edges) <= 201 and np.ptp(edges) > 1e-6:
        assert series.n is not None
        assert series.n.tolist() == counts.tolist()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25))
def test_the_best_are_those_that_nobody_beats(points: list[tuple[int, int]]) -> None:
    """A point is among the best exactly if no other is at most as large in both outputs, and smaller in one."""
    xs, ys = (np.array([point[at] for point in points], dtype=np.float64) for at in (0, 1))
    expected = [
        not any(other != each and other[0] <= each[0] and other[1] <= each[1] for other in points) for each in points
    ]
    assert undominated(xs, ys).tolist() == expected


def test_many_points_are_a_density() -> None:
    """Above 20,000 points there are counts per cell, which add up, and the best points by themselves."""
    values = numbers().normal(size=(2, 30_000))
    sweep = sweep_of(3, repeat=10_000)
    columns = {name: Numbers(name=name, values=each) for name, each in zip("xy", values, strict=True)}
    table = SweepTable(run="01run", sweep=sweep, states=np.full(sweep.size, 2, np.uint8), numbers=columns)
    found = scatter(table, "x", "y", larger_y=True)
    assert found.density is not None
    assert found.density.sum() == 30_000
    assert found.best.all()
    assert len(found.xs) < 100
    assert float(found.ys.max()) == values[1].max()


def test_few_children_are_lines_and_many_are_ribbons() -> None:
    """Up to 2,000 children are lines from 0 to 1; more are counts between neighbouring axes, brushed ones too."""
    few = parallel(table_of(sweep_of(4, 5, repeat=10), numbers().normal(size=200)), VALUE)
    assert few.lines is not None
    assert few.lines.shape == (200, 3)
    assert (few.lines.min(), few.lines.max()) == (0, 1)
    values = numbers().normal(size=3000)
    many = parallel(table_of(sweep_of(5, 6, repeat=100), values), VALUE, brush=values > 1)
    assert many.lines is None
    assert [int(ribbon.sum()) for ribbon in many.ribbons] == [3000, 3000]
    assert [int(ribbon.sum()) for ribbon in many.brushed] == [int((values > 1).sum())] * 2


def test_pictures_of_nothing_are_empty() -> None:
    """Without any result a map has no values, lines have no points that are numbers, and nothing fails."""
    sweep = sweep_of(2, 3)
    table = table_of(sweep, np.zeros(6), np.zeros(6, np.bool_))
    assert np.isnan(heat_map(table, VALUE).values).all()
    assert np.isnan(line(table, VALUE).series[0].y).all()
    assert len(distribution(table, VALUE).series[0].x) == 0
    assert importance_bars(table, VALUE).bars == ()
    for picture in (scatter(table, VALUE, VALUE), parallel(table, VALUE)):
        assert picture.head.counted.n == 0


def test_wrong_use_is_refused() -> None:
    """A map of one parameter, a line without any, and series along their own axis are refused with the reason."""
    with pytest.raises(FailedPrecondition, match="needs two parameters"):
        state_map(table_of(sweep_of(3), np.zeros(3)))
    with pytest.raises(FailedPrecondition, match="no parameter varies"):
        line(table_of(sweep_of(repeat=3), np.zeros(3)), VALUE)
    with pytest.raises(BadRequest, match="can't be the series"):
        line(table_of(sweep_of(3, 2), np.zeros(6)), VALUE, x="a", by="a")


def test_queries_restrict_and_are_part_of_the_command() -> None:
    """With a mask only what matches is counted; the query stands in the command."""
    table = mixed()
    where = table.in_state(RunState.FAILED)
    found = state_map(table, where=where, query="state=failed")
    assert found.head.counted.n == where.sum()
    assert shlex.split(found.head.command)[-1] == "-where=state=failed"


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("1e-05", 8, "1e-05"),
        ("0.0008685113737513527", 18, "0.0008685"),
        ("a long text of words", 18, "a long te…of words"),
        ("abcdefghij", 6, "abcde…"),
    ],
)
def test_ticks_are_shortened(text: str, most: int, shown: str) -> None:
    """A long number loses digits, a long text its middle, or its end where there is little room."""
    assert short_tick(text, most) == shown
    assert len(short_tick(text, most)) <= max(most, 9)


def test_every_picture_has_its_numbers_as_a_table() -> None:
    """The table twin has a row per cell, point or bar, each as long as the head, and no NaN."""
    table = mixed()
    for picture in every_picture(table):
        columns, found = rows(picture)
        listed = list(found)
        assert listed
        assert {len(row) for row in listed} == {len(columns)}
        assert not any(cell != cell for row in listed for cell in row)


def test_the_table_of_a_line_is_the_aggregate() -> None:
    """Place, mean, bounds and n of each point stand in the table as `aggregate` computes them."""
    table = mixed()
    expected = aggregate(table, VALUE, by=["cell"])
    columns, found = rows(line(table, VALUE, x="cell"))
    assert columns == ("cell", VALUE, "low", "high", "n")
    assert list(found) == [
        (f"{meters}.meters", expected.mean[at], expected.low[at], expected.high[at], expected.n[at])
        for meters, at in ((100, 1), (200, 2), (300, 0))
    ]


def test_the_tables_of_densities_and_ribbons_count_all() -> None:
    """Of many children, the counts in the table add up to their number."""
    values = numbers().normal(size=30_000)
    table = table_of(sweep_of(3, repeat=10_000), values)
    for picture in (scatter(table, VALUE, VALUE), parallel(table, VALUE)):
        _, found = rows(picture)
        assert sum(row[-1] for row in found) == 30_000


def test_arrays_are_written_as_their_elements_are() -> None:
    """Values that JSON lacks are null, in tables of any depth; all others, whole numbers and truths too, stay."""
    values = np.array([[1.5, np.nan], [np.inf, -0.0]])
    assert to_json(values) == [[1.5, None], [None, 0.0]]
    assert to_json(np.array([[1, 2]])) == [[1, 2]]
    assert to_json(np.array([True, False])) == [True, False]
    assert to_json((np.array([0.5]), np.array([np.nan]))) == [[0.5], [None]]
