"""No value in a sweep, as tables and data frames have it."""

from typing import Any

import numpy as np
import pandas
import pytest

from accio.domain.datatypes import BOOLEAN, DOUBLE, LONG, STRING, TIMESTAMP, DataType
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, NotFound
from accio_client.analysis.columns import AxisColumn
from accio_client.analysis.where import where
from accio_client.cli.pairs import given_parameters
from accio_client.cli.table_columns import axis_column
from accio_client.forms import points_of
from accio_client.frame import Categories, Times, cells_of_axis
from tests.unit.client.analysis.tables import axis_of, table_of
from tests.unit.domain.filters.queries import NOW


def test_an_axis_without_some_values_has_no_order() -> None:
    """Pictures take its values as places; numbers have NaN, and users find no value by its word."""
    axis = AxisColumn(axis_of("x", DOUBLE, "1.0", "null", "100.0"))
    assert (axis.is_ordered, axis.is_log, axis.numbers.tolist()) == (False, False, [0.0, 1.0, 2.0])
    assert axis.texts() == ["1.0", "null", "100.0"]
    np.testing.assert_array_equal(axis.doubles, [1.0, np.nan, 100.0])
    assert axis.index_of("null") == 1
    with pytest.raises(NotFound, match=r"has no value null in this sweep"):
        AxisColumn(axis_of("x", DOUBLE, "1.0", "2.0")).index_of("null")


def test_an_axis_has_no_value_only_where_it_occurs() -> None:
    """Of a sweep that is no grid, an axis that lost the point without a value is one of numbers again."""
    without = AxisColumn(axis_of("x", DOUBLE, "1.0", "null", "2.0"), np.array([0, 2]))
    assert (without.lacking, without.is_ordered) == (None, True)
    assert AxisColumn(axis_of("x", DOUBLE, "1.0", "null", "2.0"), np.array([1, 2])).lacking == 0


def test_masks_find_no_value() -> None:
    """As a query over the daemon's rows does."""
    table = table_of(Sweep((axis_of("x", DOUBLE, "1.0", "null", "2.0"),)), [1, 2, 3])
    assert where(table, "x=null", NOW).tolist() == [False, True, False]
    assert where(table, "x!=null", NOW).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("datatype", "texts", "expected"),
    [
        (LONG, ("null", "5"), [None, 5.0]),
        (DOUBLE, ("1.0", "null"), [1.0, None]),
        (BOOLEAN, ("true", "null"), [1.0, None]),
        (STRING, ('"null"', "null", '"b"'), ["null", None, "b"]),
        (TIMESTAMP, ("1000", "null"), [1000, None]),
    ],
)
def test_cells_of_frames(datatype: DataType, texts: tuple[str, ...], expected: list[Any]) -> None:
    """Numbers have NaN, texts no code, times no time."""
    axis = AxisColumn(axis_of("x", datatype, *texts))
    match cells_of_axis(axis, np.arange(len(texts))):
        case Categories(codes=codes, texts=words):
            found = [None if code < 0 else words[code] for code in codes]
        case Times(values=values):
            found = [None if value == np.iinfo(np.int64).min else value for value in values.tolist()]
        case numbers:
            found = [None if np.isnan(number) else number for number in numbers.tolist()]
    assert found == expected


def test_a_table_shows_null_and_holds_nothing() -> None:
    """People see the word, documents and data have null, and what has no value is sorted last."""
    column = axis_column(AxisColumn(axis_of("x", DOUBLE, "null", "2.0", "1.0")), np.arange(3))
    rows = np.arange(3)
    assert column.shown(rows) == ["null", "2.0", "1.0"]
    assert column.document(rows) == [None, "2.0", "1.0"]
    np.testing.assert_array_equal(column.sort, [np.nan, 2.0, 1.0])
    assert column.data[0][1](rows) == [None, "2.0", "1.0"]


def test_gaps_of_a_data_frame_are_no_values() -> None:
    """NaN, NaT and None of pandas."""
    frame = pandas.DataFrame({"x": [1.5, np.nan], "s": ["a", None], "t": [pandas.Timestamp(0), pandas.NaT]})
    points = points_of(frame)
    assert points["x"] == [1.5, None]
    assert points["s"] == ["a", None]
    assert points["t"][1] is None


def test_the_command_line_has_a_word_that_is_no_text() -> None:
    """`x:=null` is no value; anything else after the sign is refused with what was probably meant."""
    assert given_parameters(["x=1", "x:=null", "y=null"]) == [("x", "1"), ("x", None), ("y", "null")]
    with pytest.raises(BadRequest, match=r"expected x:=null, which is no value, or x=3, found"):
        given_parameters(["x:=3"])
    with pytest.raises(BadRequest, match="or data=a data='b c' data=3, found"):
        given_parameters(['data:={"values": ["a", "b c", 3]}'])
    with pytest.raises(BadRequest, match=r"or x={\"values\": 3}, found"):
        given_parameters(['x:={"values": 3}'])
