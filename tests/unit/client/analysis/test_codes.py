"""Numbers of children that are sums over their parameters, and what is counted with them a few children at a time."""

import math
from itertools import pairwise

import numpy as np
import pytest

from accio.domain.sweeps import Sweep
from accio_client.analysis import aggregate as aggregates
from accio_client.analysis import codes, sums
from accio_client.analysis.aggregate import aggregate
from accio_client.analysis.codes import Codes, among, blocks
from accio_client.analysis.columns import STATES, SweepTable
from accio_client.analysis.pictures import heat_map, parallel, state_map
from accio_client.analysis.pictures.specification import BINS
from accio_client.analysis.sums import exact_sum
from tests.unit.client.analysis.tables import VALUE, sweep_of, table_of
from tests.unit.client.analysis.test_uneven import triangle

SWEEPS = [
    *[
        (sweep_of(*sizes, repeat=repeat))
        for sizes, repeat in (((7, 3), 1), ((2, 5, 3), 4), ((40,), 3), ((3, 40), 1), ((1, 6), 1))
    ],
    triangle(9),
]


@pytest.fixture(params=[1, 4, 10, 1000], autouse=True)
def _few_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of all sizes, those that are shorter than one parameter included."""
    monkeypatch.setattr(codes, "CELLS_AT_ONCE", request.param)
    monkeypatch.setattr(aggregates, "CELLS_AT_ONCE", request.param)
    monkeypatch.setattr(sums, "CELLS_AT_ONCE", request.param)


def filled(sweep: Sweep, seed: int = 1, *, whole: bool = False) -> SweepTable:
    random = np.random.default_rng(seed)
    values = random.normal(size=sweep.size)
    values[random.random(sweep.size) < 0.1] = np.nan
    present = random.random(sweep.size) < 0.8
    states = random.integers(len(STATES), size=sweep.size)
    found = table_of(sweep, random.normal(size=sweep.size) if whole else values, None if whole else present)
    return SweepTable(run=found.run, sweep=sweep, states=states.astype(np.uint8), numbers=found.numbers)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_codes_are_sums_over_the_parameters(sweep: Sweep) -> None:
    """Blocks cover all children once, in order, and each has the sum of what its places contribute."""
    table = filled(sweep)
    random = np.random.default_rng(3)
    contributed = {name: random.integers(100, size=size) for name, size in table.factors}
    made = Codes(table, contributed)
    parts = list(blocks(table))
    assert [each for part in parts for each in range(part.start, part.stop)] == list(range(sweep.size))
    found = np.concatenate([made.of(part) for part in parts])
    assert found.tolist() == np.sum([of[table.coordinate(name)] for name, of in contributed.items()], axis=0).tolist()


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("selected", [False, True])
def test_maps_are_those_of_each_child_by_itself(sweep: Sweep, *, selected: bool) -> None:
    """States and means of cells, of all children or of some, also where values are missing or aren't finite."""
    table = filled(sweep)
    where = np.random.default_rng(4).random(table.size) < 0.6 if selected else None
    if len(table.axes) + (sweep.repeat > 1) < 2:
        return
    states, means = state_map(table, where=where), heat_map(table, VALUE, where=where)
    column = table.column(VALUE)
    usable = column.valid & np.isfinite(column.values) & (True if where is None else where)
    x, y = (table.coordinate(axis.name) for axis in (means.x, means.y))
    for row, column_no in np.ndindex(means.n.shape):
        inside = usable & (_place(table, means.x.name, x) == column_no) & (_place(table, means.y.name, y) == row)
        assert means.n[row, column_no] == inside.sum()
        if inside.any():
            assert means.values[row, column_no] == pytest.approx(column.values[inside].mean(), rel=1e-12)
    assert states.n.sum() == (table.size if where is None else where.sum())


def _place(table: SweepTable, name: str, places: np.ndarray) -> np.ndarray:
    """Return where places of an axis stand when its values grow."""
    axis = table.axis(name)
    order = np.argsort(axis.numbers, kind="stable") if axis.is_ordered else np.arange(axis.size)
    return np.asarray(np.argsort(order)[places])


@pytest.mark.parametrize("selected", [False, True])
def test_ribbons_count_each_child(*, selected: bool) -> None:
    """Of many children, between neighbouring axes; what has no finite value isn't among them."""
    table = filled(sweep_of(9, 20, 20, repeat=2))
    brush = np.random.default_rng(4).random(table.size) < 0.5 if selected else None
    found = parallel(table, VALUE, brush=brush)
    column = table.column(VALUE)
    known = column.valid & np.isfinite(column.values)
    assert found.lines is None
    assert found.head.counted.n == known.sum()
    heights = [table.coordinate(axis.name)[known] / (axis.size - 1) for axis in table.axes]
    values = column.values[known]
    heights.append((values - values.min()) / (values.max() - values.min()))
    bins = [np.minimum((each * BINS).astype(int), BINS - 1) for each in heights]
    for of, which in ((found.ribbons, None), (found.brushed, None if brush is None else brush[known])):
        for ribbon, (left, right) in zip(of, pairwise(bins), strict=False):
            at = (left * BINS + right)[slice(None) if which is None else which]
            assert ribbon.reshape(-1).tolist() == np.bincount(at, minlength=BINS * BINS).tolist()
    assert len(found.ribbons) == len(bins) - 1
    assert len(found.brushed) == (len(bins) - 1 if selected else 0)


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("whole", [False, True])
def test_statistics_are_those_of_each_group_by_itself(sweep: Sweep, *, whole: bool) -> None:
    """By each parameter, wherever it stands in the sweep, of all children or of some."""
    table = filled(sweep, whole=whole)
    column = table.column(VALUE)
    for selected in (
        None,
        np.random.default_rng(4).random(table.size) < 0.5,
        table.coordinate(table.axes[0].name) == 0,
    ):
        finite = column.finite_among(selected)
        for axis in table.axes:
            found = aggregate(table, VALUE, by=[axis.name], where=finite)
            for place in range(axis.size):
                group = table.coordinate(axis.name) == place
                inside = group & column.valid & (True if finite is None else finite)
                assert found.n[place] == inside.sum()
                assert found.missing[place] == (group & (True if finite is None else finite)).sum() - inside.sum()
                if inside.any():
                    assert found.mean[place] == pytest.approx(column.values[inside].mean(), rel=1e-12)
                if inside.sum() > 1:
                    assert found.sd[place] == pytest.approx(column.values[inside].std(ddof=1), rel=1e-9)


def test_long_sums_are_rounded_once() -> None:
    """As `math.fsum` does: of numbers of all sizes, of such that cancel or lie between two doubles, and of whole
    ones as long as doubles hold their sums.
    """
    random = np.random.default_rng(6)
    for size in (3, 50, 777):
        wild = random.normal(size=(size, 5)) * 10.0 ** random.integers(-30, 30, size=(size, 5))
        cancelling = np.concatenate([wild, -wild[::-1] * (1 + 1e-16), wild[:1] * 1e-20])
        between = np.concatenate([np.full((1, 5), 2.0**53), np.ones((size, 5))])
        whole = random.integers(-(2**40), 2**40, size=(size, 5)).astype(float)
        large = np.concatenate([np.full((1, 5), 2.0**53 - 1), np.ones((size, 5)), np.full((size, 5), -1.0)])
        late = np.concatenate([np.ones((size, 5)), np.full((1, 5), 2.0**-60), np.full((1, 5), -1.0)])
        for values in (wild, cancelling, between, whole, large, late):
            assert exact_sum(values).tolist() == [math.fsum(column) for column in values.T]


@pytest.mark.parametrize("unit", [1.0, 0.25, 2.0**-200, 2.0**70])
def test_sums_in_the_middle_between_two_doubles_take_no_long_way(unit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what roundings lost is known exactly, the columns aren't added up number by number."""
    random = np.random.default_rng(3)
    values = random.integers(2**44, 2**48, size=(2001, 40)).astype(np.float64) * (unit * 2)
    values[0] += unit  # odd, and beyond what doubles hold: every second sum is a tie
    expected = [math.fsum(column) for column in values.T]
    looked_at: list[object] = []
    monkeypatch.setattr(math, "fsum", looked_at.append)
    assert exact_sum(values).tolist() == expected
    assert not looked_at


@pytest.mark.parametrize("small", [2.0**-40, 2.0**-54, 2.0**-100, 2.0**-1070, 5e-324])
def test_the_smallest_number_decides_between_two_doubles(small: float) -> None:
    """A sum a hair beyond the middle is rounded to that side, however little that is beside what is added up."""
    for sign in (1.0, -1.0):
        values = np.array([[2.0**53], [1.0], [sign * small]], dtype=np.float64).repeat(3, axis=1)
        assert exact_sum(values).tolist() == [math.fsum(column) for column in values.T]


def test_what_all_of_a_block_are_is_no_selection() -> None:
    """A selection that takes all of a block, or none at all, is told from one that takes some."""
    block = slice(2, 4)
    assert among(block, None) is None
    assert among(block, np.array([False, False, True, True])) is None
    some = among(block, np.array([True, True, True, False]))
    assert some is not None
    assert some.tolist() == [True, False]
