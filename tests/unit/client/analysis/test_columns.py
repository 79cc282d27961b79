"""Tables of sweeps: coordinates by arithmetic, axes with units and scales, queries as masks."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from accio.domain.axes import Axis
from accio.domain.datatypes import DISTANCE, DOUBLE, LONG, STRING
from accio.domain.filters import Filter, FilterProblem, check, matches
from accio.domain.ranges import WholePoints, geometric, linear
from accio.domain.sweeps import Sweep
from accio.domain.values import decode
from accio.errors import BadRequest, NotFound
from accio_client.analysis.columns import AxisColumn, Numbers, SweepTable, Texts
from accio_client.analysis.where import context, mask, where
from tests.unit.client.analysis.tables import FAILED, SUCCESS, VALUE, axis_of, sweep_of, table_of, words_axis
from tests.unit.domain.filters.queries import NOW, SWEEP, sweep_filters


def test_coordinates_are_those_of_the_sweep() -> None:
    """A child's place on each axis, and its repetition, are what the sweep says of its number."""
    sweep = sweep_of(3, 1, 4, repeat=2)
    table = table_of(sweep, np.zeros(sweep.size))
    assert table.shape == (3, 4, 2)
    for number in range(sweep.size):
        (a, _, c), repetition = sweep.coordinates(number)
        places = [int(table.coordinate(name, np.array([number]))[0]) for name in ("a", "c", "repeat")]
        assert places == [a, c, repetition - 1]


@pytest.mark.parametrize(
    ("axis", "is_log", "unit"),
    [
        (Axis("x", DOUBLE, geometric(Decimal("0.001"), Decimal(1), Decimal(10))), True, ""),
        (Axis("x", DOUBLE, linear(Decimal(0), Decimal(1), Decimal("0.1"))), False, ""),
        (axis_of("x", DOUBLE, "0.1", "0.01", "0.001"), True, ""),
        (axis_of("x", DISTANCE, "100.0", "200.0", "300.0"), False, "m"),
        (axis_of("x", DOUBLE, "1.0", "10.0"), False, ""),
        (words_axis("x", "one", "two"), False, ""),
    ],
)
def test_axes_have_the_scale_of_their_definition(axis: Axis, is_log: bool, unit: str) -> None:
    """Geometric ranges, and lists such as 0.1, 0.01, 0.001, are logarithmic; units are those of the type."""
    column = AxisColumn(axis)
    assert (column.is_log, column.unit) == (is_log, unit)


@pytest.mark.parametrize(
    "axis",
    [
        Axis("x", LONG, WholePoints(start=5, step=-3, size=20_000)),
        Axis("x", DOUBLE, linear(Decimal(0), Decimal(1), Decimal("0.00005"))),
        Axis("x", DOUBLE, geometric(Decimal(1), Decimal(4), Decimal("1.0001"))),
    ],
)
def test_large_axes_are_computed_at_once(axis: Axis) -> None:
    """The numbers of an axis of many values come from its formula, and are those of its texts to twelve digits."""
    numbers = AxisColumn(axis).numbers
    for at in (0, 1, axis.size // 2, axis.size - 1):
        assert numbers[at] == pytest.approx(float(axis.value_at(at)), rel=1e-12)


def test_what_is_not_there_is_told_with_what_is() -> None:
    """A misspelt parameter, value or output is refused with what was probably meant."""
    table = table_of(sweep_of(2, 3), np.zeros(6))
    with pytest.raises(NotFound, match="no parameter 'd' varies"):
        table.axis("d")
    with pytest.raises(NotFound, match=f"did you mean {VALUE}"):
        table.column("Node/valeu")
    with pytest.raises(NotFound, match="has no value 7"):
        table.axis("a").index_of("7")
    with pytest.raises(BadRequest, match="'a': expected"):
        table.axis("a").index_of("many")
    with pytest.raises(ValueError, match="expected 6 rows"):
        table_of(sweep_of(2, 3), np.zeros(5))


@settings(max_examples=60)
@given(sweep_filters)
def test_masks_are_what_matching_each_child_finds(made: Filter) -> None:
    """A query over parameters as a mask agrees with matching row by row."""
    table = SweepTable(
        run="01run", sweep=SWEEP, states=np.zeros(SWEEP.size, np.uint8), same_for_all={"owner": "ada", "name": "first"}
    )
    checked = check(made, context(table, NOW))

    def row(number: int) -> dict[str, Any]:
        child = SWEEP.child(number)
        values = {f"param.{axis.name}": decode(axis.type, child[axis.name]) for axis in SWEEP.axes}
        return {**table.same_for_all, **values, "repeat": SWEEP.repetition(number)}

    assert mask(table, checked).tolist() == [matches(checked, row(number)) for number in range(SWEEP.size)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=failed", [1]),
        ("state!=failed", [0, 2, 3]),
        ("Node/value>1", [2]),
        ("Node/value=nan", [1]),
        ("Node/value!=2", [0, 1]),
        ("not Node/value>1", [0, 1, 3]),
        ("Node/value in 0, 2", [0, 2]),
        ("Node.loss<=3 or index=0", [0, 1]),
        ("cause=exception", [1]),
        ("a=1 Node/value>=0", [2]),
        ("", [0, 1, 2, 3]),
    ],
)
def test_queries_on_results_look_at_columns(query: str, found: list[int]) -> None:
    """States, outputs, metrics and texts are compared column by column; what is missing satisfies no term."""
    sweep = Sweep((axis_of("a", LONG, "0", "1"), axis_of("b", STRING, '"x"', '"y"')))
    table = SweepTable(
        run="01run",
        sweep=sweep,
        states=np.array([SUCCESS, FAILED, SUCCESS, SUCCESS], np.uint8),
        numbers={
            VALUE: Numbers(
                name=VALUE,
                values=np.array([0.0, np.nan, 2.0, 9.0]),
                present=np.array([True, True, True, False]),
                type=DOUBLE,
            ),
            "Node.loss": Numbers(name="Node.loss", values=np.array([4.0, 3.0, 5.0, np.nan])),
        },
        texts={"cause": Texts(name="cause", codes=np.array([-1, 0, -1, -1], np.int32), dictionary=("exception",))},
    )
    assert np.flatnonzero(where(table, query, NOW)).tolist() == found


def test_what_no_column_tells_is_refused() -> None:
    """A term about something that the table doesn't have is refused at its place."""
    with pytest.raises(FilterProblem, match="isn't among the columns") as caught:
        where(table_of(sweep_of(2), np.zeros(2)), "a=1 agent=x", NOW)
    assert caught.value.start == 4
