"""A table of some children shows what the whole one shows of these, and isn't longer than they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import LONG
from accio.domain.ranges import WholePoints
from accio.domain.sweeps import Sweep
from accio_client.analysis import pictures
from accio_client.analysis.columns import Mask, SweepTable
from accio_client.analysis.where import where
from tests.unit.client.analysis.tables import SUCCESS, VALUE, sweep_of, table_of, tables


def some_of(table: SweepTable, chosen: Mask) -> SweepTable:
    """The rows of some children."""
    columns = {
        name: replace(
            column, values=column.values[chosen], present=None if column.present is None else column.present[chosen]
        )
        for name, column in table.numbers.items()
    }
    return replace(table, states=table.states[chosen], numbers=columns, sample=np.flatnonzero(chosen))


@given(table=tables(), data=st.data())
def test_pictures_are_those_of_the_whole_table_with_these_children(table: SweepTable, data: st.DataObject) -> None:
    """Points and lines are the same, numbers of children included; a map has the same cells without the empty ones."""
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=table.size, max_size=table.size)), dtype=np.bool_)
    assume(chosen.any())
    sample = some_of(table, chosen)
    assert (sample.size, sample.total) == (int(chosen.sum()), table.size)
    whole, few = pictures.distribution(table, VALUE, where=chosen), pictures.distribution(sample, VALUE)
    assert (whole.head.counted, whole.series[0].x.tolist()) == (few.head.counted, few.series[0].x.tolist())
    lines, fewer = pictures.parallel(table, VALUE, where=chosen), pictures.parallel(sample, VALUE)
    assert lines.head.counted == fewer.head.counted
    assert lines.children is not None
    assert fewer.children is not None
    assert lines.children.tolist() == fewer.children.tolist()
    if len(table.axes) < 2:
        return
    names = {"x": table.axes[0].name, "y": table.axes[1].name}
    full, part = (
        pictures.heat_map(each, VALUE, where=mask, **names) for each, mask in ((table, chosen), (sample, None))
    )
    assert full.head.counted == part.head.counted
    assert full.n[full.n > 0].tolist() == part.n[part.n > 0].tolist()
    np.testing.assert_allclose(full.values[full.n > 0], part.values[part.n > 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("query", ["a>=1", "b=0", "repeat=2", "index>5", "a=1 index<9 or Node/value>7"])
def test_queries_select_the_same_children(query: str) -> None:
    """Whatever a query asks about: parameters, repetitions, numbers of children, results."""
    table = table_of(sweep_of(3, 2, repeat=2), range(12))
    chosen = np.arange(12) % 3 != 1
    sample = some_of(table, chosen)
    selected = sample.children(np.flatnonzero(where(sample, query, 0))).tolist()
    assert selected == np.flatnonzero(where(table, query, 0) & chosen).tolist()


def test_a_line_over_more_values_than_can_be_grouped_by_has_those_of_the_sample() -> None:
    """Its axis has the values of these children, also where the sweep has ten million of them."""
    sweep = Sweep((Axis("a", LONG, WholePoints(start=0, step=2, size=10_000_000)),))
    numbers = np.array([3, 4, 9_999_999])
    states = np.full(3, SUCCESS, np.uint8)
    column = table_of(sweep_of(3), [1.0, 2.0, 3.0]).numbers
    sample = SweepTable(run="01run", sweep=sweep, states=states, numbers=column, sample=numbers)
    drawn = pictures.line(sample, VALUE)
    assert drawn.series[0].x.tolist() == [6.0, 8.0, 19_999_998.0]
    assert str(drawn.head.counted) == "3 of 10,000,000 children"


def test_a_parameter_that_has_one_value_in_the_sample_can_be_asked_for() -> None:
    """It varies in the sweep: it is no mistake to draw over it."""
    sample = some_of(table_of(sweep_of(2, 2), range(4)), np.array([True, True, False, False]))
    assert pictures.line(sample, VALUE, x="a").series[0].y.tolist() == [0.5]
