"""Results of sweeps that are no plain grid: the same statistics, queries and pictures, on the points that there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import LONG
from accio.domain.layouts import Alike, Block, Digit, Layout, Listed
from accio.domain.ranges import WholePoints
from accio.domain.sampling import Method as Drawing
from accio.domain.sampling import Sampled
from accio.domain.slices import Level, SweepSlice
from accio.domain.studies import Objective, Sampler, Study
from accio.domain.sweeps import Sweep
from accio.errors import FailedPrecondition
from accio_client.analysis.aggregate import aggregate
from accio_client.analysis.columns import SweepTable
from accio_client.analysis.compare import joined, paired
from accio_client.analysis.explain import explain_failures
from accio_client.analysis.importance import Method, importance
from accio_client.analysis.pictures.lines import line
from accio_client.analysis.pictures.maps import heat_map
from accio_client.analysis.tabulate import group
from accio_client.analysis.where import where
from tests.unit.client.analysis.tables import VALUE, sweep_of, table_of

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=8, unique=True)


def listed(rows: list[tuple[int, int]], repeat: int = 1) -> Sweep:
    """Points of `a` (0 to 3) and `b` (0 to 2), each crossed with two values of `c`."""
    digits = [Digit((0, 1), Listed(list(zip(*rows, strict=True)))), Digit((2,), Alike(1, 2))]
    return Sweep(sweep_of(4, 3, 2).axes, repeat, Layout([Block(digits)]))


def zipped(size: int, repeat: int = 1) -> Sweep:
    """`a` and `b` go together, and are crossed with two values of `c`."""
    digits = [Digit((0, 1), Alike(2, size)), Digit((2,), Alike(1, 2))]
    return Sweep(sweep_of(size, size, 2).axes, repeat, Layout([Block(digits)]))


def triangle(size: int) -> Sweep:
    """The points of `a` and `b` with b at most a."""
    levels = [(range(at, at + 1), Level.of([(range(at + 1), None)])) for at in range(size)]
    digits = [Digit((0,), Alike(1, size)), Digit((1,), Alike(1, size))]
    return Sweep(sweep_of(size, size).axes, 1, Layout([Block(digits, SweepSlice((size, size), Level.of(levels)))]))


def by_hand(table: SweepTable, names: list[str]) -> dict[tuple[str, ...], list[float]]:
    found: dict[tuple[str, ...], list[float]] = {}
    for number in range(table.size):
        values = {**table.sweep.child(number), "repeat": str(table.sweep.repetition(number))}
        found.setdefault(tuple(values[name] for name in names), []).append(float(table.column(VALUE).values[number]))
    return found


@given(ROWS, st.integers(1, 3), st.lists(st.sampled_from(["a", "b", "c", "repeat"]), unique=True))
def test_groups_have_the_children_with_these_values(rows: list[tuple[int, int]], repeat: int, by: list[str]) -> None:
    """Every combination that has children has their number and mean; the others have none."""
    sweep = listed(rows, repeat)
    table = table_of(sweep, np.arange(sweep.size) ** 2.0)
    varying = [name for name, _ in table.factors]
    by = [name for name in by if name in varying]
    found = aggregate(table, VALUE, by=by)
    expected = by_hand(table, by)
    axes = [table.axis(name) for name in by]
    for values, group_values in expected.items():
        at = tuple(axis.index_of(text) for axis, text in zip(axes, values, strict=True))
        assert found.n[at] == len(group_values)
        assert found.mean[at] == pytest.approx(np.mean(group_values))
    assert found.n.sum() == sweep.size
    assert found.of == sweep.size


@given(ROWS)
def test_a_table_has_a_row_per_point(rows: list[tuple[int, int]]) -> None:
    """With the values of each parameter that varies, in growing order."""
    sweep = listed(rows, 3)
    table = table_of(sweep, np.arange(sweep.size))
    grouped = group(table, [VALUE], by=None, where=None)
    values = {axis.name: [axis.text(int(at)) for at in grouped.places(no)] for no, axis in enumerate(grouped.by)}
    shown = list(zip(*(values.get(name, ["0"] * sweep.points) for name in "abc"), strict=True))
    varying = [name for name in "abc" if name in values]
    expected = sorted({tuple(sweep.child(number)[name] for name in varying) for number in range(sweep.size)})
    assert [tuple(text for name, text in zip("abc", row, strict=True) if name in varying) for row in shown] == expected
    assert (grouped.columns[0].n.reshape(-1)[grouped.rows] == 3).all()


@given(ROWS, st.sampled_from(["a<2", "b=1 or c=1", "not a=3 repeat>1", "index>2", "Node/value>=4 b<2"]))
def test_queries_are_masks(rows: list[tuple[int, int]], query: str) -> None:
    """A query finds what looking at each child finds, also on an axis of which one value occurs."""
    sweep = listed(rows, 2)
    table = table_of(sweep, np.arange(sweep.size))
    found = where(table, query, 0)
    for number in range(sweep.size):
        child = {name: int(text) for name, text in sweep.child(number).items()}
        a, b, c = child["a"], child["b"], child["c"]
        expected = {
            "a<2": a < 2,
            "b=1 or c=1": b == 1 or c == 1,
            "not a=3 repeat>1": a != 3 and sweep.repetition(number) > 1,
            "index>2": number > 2,
            "Node/value>=4 b<2": number >= 4 and b < 2,
        }[query]
        assert found[number] == expected


def test_zipped_parameters_are_one_factor() -> None:
    """What they do together is a share of its own, exact as on any grid, and none of either alone."""
    sweep = zipped(3, repeat=2)
    a, c = (np.array([float(sweep.child(number)[name]) for number in range(sweep.size)]) for name in "ac")
    found = importance(table_of(sweep, a + 10 * c), VALUE)
    assert found.method is Method.BALANCED
    shares = {each.names: each.share for each in found.main}
    assert set(shares) == {("a, b",), ("c",)}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["c",] == pytest.approx(25 / (25 + 2 / 3))


def test_points_that_are_left_out_are_empty_cells() -> None:
    """Each effect is computed alone, and a map has no value there."""
    sweep = triangle(4)
    values = [float(sweep.child(number)["a"]) for number in range(sweep.size)]
    table = table_of(sweep, values)
    found = importance(table, VALUE)
    assert (found.method, found.n, found.missing) == (Method.MARGINAL, 10, 0)
    picture = heat_map(table, VALUE, x="a", y="b")
    assert np.isnan(picture.values[3, 0])
    assert picture.values[3, 3] == 3
    assert picture.n.tolist()[3] == [0, 0, 0, 1]
    drawn = line(table, VALUE, x="a", by="b")
    assert [np.isfinite(series.y).sum() for series in drawn.series] == [4, 3, 2, 1]


def test_failures_are_explained_by_what_goes_together() -> None:
    """The values of a parameter that fail are named, though no grid holds them."""
    sweep = listed([(at % 4, at % 3) for at in range(12)], 5)
    failed = np.array([sweep.child(number)["a"] == "3" for number in range(sweep.size)])
    (found,) = explain_failures(table_of(sweep, np.zeros(sweep.size), failed=failed))
    assert str(found.where) == "a=3"
    assert (found.covered, found.inside) == (30, 30)


def test_partners_differ_in_one_parameter_alone() -> None:
    """Only children that have a partner are compared; none is said to be if there is none."""
    sweep = triangle(3)
    values = [10.0 * float(sweep.child(number)["a"]) for number in range(sweep.size)]
    found = paired(table_of(sweep, values), VALUE, "a", "1", "2")
    assert found.difference.n == 2
    assert found.difference.mean == 10
    with pytest.raises(FailedPrecondition, match="differ in 'a' alone"):
        paired(table_of(zipped(3), np.zeros(6)), VALUE, "a", "1", "2")


def test_sweeps_are_joined_on_common_points() -> None:
    """A grid and points that were left out of it have those in common that are left."""
    part, whole = triangle(3), sweep_of(3, 3)
    first = table_of(part, np.arange(part.size))
    second = table_of(whole, [number // 3 * 10 for number in range(9)])
    found = joined(first, second, VALUE, same_seeds=False)
    assert (len(found.points), found.only_first, found.only_second) == (6, 0, 3)
    assert found.second_mean.tolist() == [10.0 * a for a in range(3) for _ in range(a + 1)]
    assert found.first_mean.tolist() == list(range(6))


def test_drawn_parameters_are_cut_into_ranges() -> None:
    """Their shares are what each explains by itself, though every value comes once."""
    sizes = (10**9 + 1, 10**9 + 1)
    points = (WholePoints(start=0, step=1, size=size) for size in sizes)
    axes = tuple(Axis(name, LONG, each) for name, each in zip("ab", points, strict=True))
    drawn = Sampled(method=Drawing.SOBOL, size=512, seed=1, names=("a", "b"), sizes=sizes)
    sweep = Sweep(axes, 1, Layout([Block([Digit((0, 1), drawn)])]))
    values = [3 * int(sweep.child(number)["a"]) + int(sweep.child(number)["b"]) for number in range(512)]
    table = table_of(sweep, values)
    found = importance(table, VALUE)
    shares = {each.names: each.share for each in found.main}
    assert shares["a",] == pytest.approx(0.9, abs=0.02)
    assert shares["b",] == pytest.approx(0.1, abs=0.02)
    assert "cut into 10 ranges" in found.note
    assert where(table, "a<500000000", 0).sum() == 256


def test_what_a_study_chose_counts_parameter_by_parameter() -> None:
    """Its points are listed, and yet `a` alone explains what it alone makes; as mere lists they are one factor."""
    rows = [(at, (at * 7) % 3) for at in range(40)]
    sweep = Sweep(sweep_of(40, 3).axes, 1, Layout([Block([Digit((0, 1), Listed(list(zip(*rows, strict=True))))])]))
    values = [float(a) for a, _ in rows]
    study = Study(objectives=(Objective("Node", "value"),), trials=40, sampler=Sampler.TPE)
    found = importance(table_of(sweep.studied(study), values), VALUE)
    shares = {each.names: each.share for each in found.main}
    assert found.ranges == 4
    assert shares["a",] > 0.9
    assert shares["b",] < 0.1
    assert [each.names for each in importance(table_of(sweep, values), VALUE).main] == [("a, b",)]


def test_a_line_over_some_places_is_a_part_of_all() -> None:
    """Series that aren't shown are left out of groups of a sweep that is no grid, too, and counted all the same."""
    rows = [(a, b) for a in range(4) for b in range(3) if (a, b) != (1, 1)]
    table = table_of(listed(rows), np.arange(2 * len(rows)))
    whole = aggregate(table, VALUE, by=["a", "b"])
    found = aggregate(table, VALUE, by=["a", "b"], only={"b": np.array([0, 2])})
    np.testing.assert_array_equal(found.mean, whole.mean[:, [0, 2]])
    np.testing.assert_array_equal(found.n, whole.n[:, [0, 2]])
    assert line(table, VALUE, x="a", by="b").head.counted.n == 2 * len(rows)
