"""Ranges: clean numbers, both ends, and no cost for size."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DOUBLE, LONG
from accio.domain.ranges import LinearPoints, WholePoints, evenly_geometric, evenly_linear, geometric, linear
from tests.cases.language import check_one_param
from tests.unit.domain.forms import axis_of, issue_of, texts_of

TENTHS = ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]


@pytest.mark.parametrize(
    ("kind", "form", "texts"),
    [
        ("double", {"from": 0, "to": 1, "step": 0.1}, TENTHS),
        ("double", {"from": "0", "to": "1", "step": "0.1"}, TENTHS),
        ("double", {"from": 1, "to": 0, "step": -0.1}, TENTHS[::-1]),
        ("double", {"from": 0, "to": 1, "count": 11}, TENTHS),
        ("double", {"from": 1, "to": 0, "count": 3}, ["1.0", "0.5", "0.0"]),
        ("double", {"from": 0, "to": 1, "step": 0.3}, ["0.0", "0.3", "0.6", "0.9"]),
        (
            "double",
            {"from": 0, "to": 1, "step": 0.3333333333333333},
            ["0.0", "0.3333333333333333", "0.6666666666666666", "1.0"],
        ),
        (
            "double",
            {"from": 0, "to": 1, "step": 0.3333333333333334},
            ["0.0", "0.3333333333333334", "0.6666666666666669", "1.0"],
        ),
        ("double", {"from": 5, "to": 5, "step": 1}, ["5.0"]),
        ("double", {"from": 5, "to": 5, "count": 1}, ["5.0"]),
        ("double", {"from": 5, "to": 5, "log": True}, ["5.0"]),
        ("double", {"from": 1, "to": 100, "log": True, "count": 3}, ["1.0", "10.0", "100.0"]),
        ("double", {"from": 100, "to": 1, "log": True, "count": 3}, ["100.0", "10.0", "1.0"]),
        ("double", {"from": 1, "to": 1000, "log": False, "log10": True}, ["1.0", "10.0", "100.0", "1000.0"]),
        ("double", {"from": 1, "to": 999, "log10": True}, ["1.0", "10.0", "100.0"]),
        ("byte", {"from": -128, "to": 127, "step": 255}, ["-128", "127"]),
        ("integer", {"from": 10, "to": 1, "step": -4}, ["10", "6", "2"]),
        ("integer", {"from": 3, "to": 3, "step": 0.5}, ["3"]),
        ("integer", {"from": 0, "to": 10, "count": 3}, ["0", "5", "10"]),
        ("long", {"from": -(2**63), "to": 2**63 - 1, "count": 2}, [str(-(2**63)), str(2**63 - 1)]),
        ("distance", {"from": "0.m", "to": "1.km", "count": 3}, ["0.0", "500.0", "1000.0"]),
        ("distance", {"from": "1.m", "to": "1.km", "log": True}, ["1.0", "10.0", "100.0", "1000.0"]),
        ("duration", {"from": "1.minutes", "to": "2.minutes", "step": "30s"}, ["60000", "90000", "120000"]),
        ("duration", {"from": 8, "to": 27, "log": True, "step": 1.5}, ["8", "12", "18", "27"]),
        ("duration", {"from": 8, "to": 27, "log": True, "count": 4}, ["8", "12", "18", "27"]),
        ("timestamp", {"from": 0, "to": 1000, "step": 400}, ["0", "400", "800"]),
    ],
)
def test_points(kind: str, form: dict[str, Any], texts: list[str]) -> None:
    """Points are clean numbers, and an end that only rounding would lose is kept."""
    assert texts_of(kind, form) == texts


def test_decades_in_twenty_steps_each() -> None:
    """A ratio that was rounded to eleven digits still ends at the end."""
    texts = texts_of("double", {"from": 0.01, "to": 1, "log": True, "step": 1.2589254118})
    assert len(texts) == 21
    assert (texts[0], texts[-1]) == ("0.01", "1.0")
    exact = texts_of("double", {"from": 0.01, "to": 1, "log": True, "count": 21})
    assert exact[10] == "0.1"
    assert all(math.isclose(float(one), float(two)) for one, two in zip(texts, exact, strict=True))


@pytest.mark.parametrize(
    ("kind", "form", "path", "mentioned"),
    [
        ("double", {"from": 1, "to": 2}, "/params/p", "step"),
        ("double", {"from": 1, "step": 1}, "/params/p", "'to'"),
        ("double", {"from": 1, "to": 2, "step": 1, "count": 2}, "/params/p", "both"),
        ("double", {"from": 1, "to": 2, "step": 1, "log": 1}, "/params/p/log", "true or false"),
        ("double", {"from": 1, "to": 2, "log": True, "log2": True}, "/params/p", "at most one"),
        ("double", {"from": 1, "to": 2, "steps": 1, "step": 1}, "/params/p/steps", "steps"),
        ("double", {"from": 1, "to": 2, "step": "x"}, "/params/p/step", "number"),
        ("double", {"from": 1, "to": 2, "step": -1}, "/params/p", "below"),
        ("double", {"from": "NaN", "to": 2, "step": 1}, "/params/p/from", "double"),
        ("double", {"from": 1, "to": "Infinity", "step": 1}, "/params/p/to", "double"),
        ("double", {"from": 1, "to": 2, "count": 1}, "/params/p/count", "one point"),
        ("double", {"from": 1, "to": 1, "count": 5}, "/params/p/count", "one point"),
        ("double", {"from": 1, "to": 2, "count": 0}, "/params/p/count", "1 or more"),
        ("double", {"from": 1, "to": 2, "count": 2.5}, "/params/p/count", "2.5"),
        ("double", {"from": 1, "to": 2, "count": "3"}, "/params/p/count", "whole number"),
        ("double", {"from": 1, "to": 2, "count": True}, "/params/p/count", "true"),
        ("double", {"from": 0, "to": 1, "log": True}, "/params/p/from", "above 0"),
        ("double", {"from": -1, "to": 1, "log": True}, "/params/p/from", "above 0"),
        ("double", {"from": 1, "to": 10, "log": True, "step": 1}, "/params/p/step", "above 1"),
        ("double", {"from": 1, "to": 10, "log": True, "step": 0.5}, "/params/p/step", "above 1"),
        ("double", {"from": 10, "to": 1, "log": True}, "/params/p", "above"),
        ("double", {"from": 1e16, "to": 1e17, "step": 0.5}, "/params/p/step", "tell"),
        ("double", {"from": 1e16, "to": 10000000000000010, "count": 100}, "/params/p/count", "tell"),
        ("double", {"from": 1, "to": 2, "log": True, "step": "1.00000000000000001"}, "/params/p/step", "tell"),
        ("integer", {"from": 1.5, "to": 3, "step": 1}, "/params/p/from", "integer"),
        ("integer", {"from": 1, "to": 3000000000, "step": 1}, "/params/p/to", "integer"),
        ("byte", {"from": 1, "to": 10, "log2": True}, "/params/p/log2", "byte"),
        ("distance", {"from": "1.m", "to": "2.m", "step": 1}, "/params/p/step", "unit"),
        ("distance", {"from": "1.m", "to": "9.m", "log": True, "step": "2.m"}, "/params/p/step", "number"),
        ("duration", {"from": "1s", "to": "2s", "step": "0.5.millis"}, "/params/p/step", "millisecond"),
        ("duration", {"from": 1000, "to": 9000, "log": True, "step": 1.5}, "/params/p/step", "whole milliseconds"),
        ("duration", {"from": 1000, "to": 9000, "log": True, "count": 4}, "/params/p/count", "whole milliseconds"),
        ("duration", {"from": 1, "to": 2**60, "log": True, "step": "1.0001"}, "/params/p/step", "whole milliseconds"),
        ("location", {"from": "1,2", "to": "3,4", "step": 1}, "/params/p", "location"),
        ("string", {"from": "a", "to": "z", "count": 3}, "/params/p", "string"),
    ],
)
def test_what_is_no_range(kind: str, form: dict[str, Any], path: str, mentioned: str) -> None:
    """A range that can't be is one issue, at the key that is to blame."""
    issue = issue_of(kind, form)
    assert issue.path == path
    assert mentioned in issue.message


@pytest.mark.parametrize(
    ("kind", "form", "keys"),
    [
        ("double", {"from": "a", "to": "b", "step": 0}, ["/from", "/to", "/step"]),
        ("double", {"from": 0, "to": -1, "log": True, "step": 1}, ["/from", "/to", "/step"]),
        ("double", {"from": "a", "step": 1, "count": "x"}, ["", "", "/from", "/count"]),
        ("double", {"from": "a", "to": 1, "log": True, "log2": True, "step": "depends"}, ["", "/from"]),
        ("integer", {"from": 1.5, "to": 3, "log10": True, "count": 0}, ["/log10", "/from", "/count"]),
        ("timestamp", {"from": "yesterday", "to": "2014-01-02T00:00:00Z"}, ["", "/from"]),
    ],
)
def test_everything_that_is_wrong_with_a_range(kind: str, form: dict[str, Any], keys: list[str]) -> None:
    """Each key is judged by itself, and all of them in one pass."""
    errors = check_one_param(kind, form).errors
    assert [issue.path for issue in errors] == [f"/params/p{key}" for key in keys]


def test_a_huge_range_costs_nothing() -> None:
    """A formula of 10^12 points gives each of them, and finds them again, without listing any."""
    axis = Axis("x", LONG, WholePoints(start=-7, step=3, size=10**12))
    assert axis.value_at(10**12 - 1) == str(-7 + 3 * (10**12 - 1))
    assert axis.index_of(axis.value_at(123_456_789_012)) == 123_456_789_012
    fine = Axis("y", DOUBLE, linear(Decimal(0), Decimal(1), Decimal("1e-12")))
    assert fine.size == 10**12 + 1
    assert fine.value_at(123_456_789_012) == "0.123456789012"
    assert fine.index_of("0.123456789012") == 123_456_789_012


def test_a_huge_range_is_refused_by_its_size() -> None:
    """A range of more points than the limit is refused at once, with its size."""
    assert "1000000000001 children" in issue_of("double", {"from": 0, "to": 1, "step": 1e-12}).message
    everything = {"from": -(2**63), "to": 2**63 - 1, "step": 1}
    assert "18446744073709551616 children" in issue_of("long", everything).message


numbers = st.decimals(-(10**6), 10**6, places=6)


@given(start=numbers, step=st.decimals("0.000001", 1000, places=6), size=st.integers(1, 5000), data=st.data())
def test_linear_points_and_indices_are_inverse(start: Decimal, step: Decimal, size: int, data: st.DataObject) -> None:
    """Every point of a stepped range is found at its index, and what lies between points isn't."""
    axis = axis_of("double", {"from": str(start), "to": str(start + step * (size - 1)), "step": str(step)})
    assert axis.size == size
    index = data.draw(st.integers(0, size - 1))
    assert axis.value_at(index) == repr(float(start + step * index))
    assert axis.index_of(axis.value_at(index)) == index
    assert axis.index_of(repr(float(start + step * index + step / 2))) is None
    assert axis.index_of('"NaN"') is None


@given(
    start=st.floats(1e-300, 1e300),
    factor=st.floats(1.001, 1e6),
    count=st.integers(2, 2000),
    data=st.data(),
)
def test_geometric_points_and_indices_are_inverse(start: float, factor: float, count: int, data: st.DataObject) -> None:
    """Points of an evenly spaced log range grow, keep both ends exactly, and are found at their index."""
    end = start * factor
    assume(math.isfinite(end))
    points = evenly_geometric(Decimal(repr(start)), Decimal(repr(end)), count)
    axis = Axis("x", DOUBLE, points)
    assert (axis.value_at(0), axis.value_at(count - 1)) == (repr(start), repr(end))
    index = data.draw(st.integers(0, count - 2))
    assert float(axis.value_at(index)) < float(axis.value_at(index + 1))
    assert axis.index_of(axis.value_at(index)) == index


@given(start=st.integers(-(2**40), 2**40), step=st.integers(-1000, 1000).filter(bool), size=st.integers(2, 100))
def test_whole_points_and_indices_are_inverse(start: int, step: int, size: int) -> None:
    """Ranges of whole numbers are those of Python."""
    axis = axis_of("long", {"from": start, "to": start + step * (size - 1), "step": step})
    assert list(axis.values()) == [str(start + step * at) for at in range(size)]
    assert [axis.index_of(text) for text in axis.values()] == list(range(size))
    assert axis.index_of(str(start - step)) is None


@given(start=st.integers(1, 1000), ratio=st.integers(2, 10), size=st.integers(1, 12))
def test_whole_ratios_are_exact(start: int, ratio: int, size: int) -> None:
    """A geometric progression of whole numbers has no rounding, and the end is part of it."""
    points = geometric(Decimal(start), Decimal(start * ratio ** (size - 1)), Decimal(ratio))
    assert [points.at(at) for at in range(points.size)] == [start * ratio**at for at in range(size)]


def test_a_single_point_reads_back() -> None:
    """Ranges of one point work like all others."""
    assert evenly_linear(Decimal(1), Decimal(2), 2) == LinearPoints(
        start=Decimal(1), step=Decimal(1), size=2, end=Decimal(2)
    )
    assert axis_of("timestamp", {"from": 5, "to": 5, "count": 1}).index_of("5") == 0
