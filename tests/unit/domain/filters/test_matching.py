"""Rows that match: the meaning of each operator, and of what isn't there."""

import gc
import math
from decimal import Decimal
from typing import Any

import pytest

from accio.domain.axes import Axis
from accio.domain.datatypes import DOUBLE, LONG, TIMESTAMP, parse_type
from accio.domain.filters import RUN_FIELDS, Context, Row, matcher, matches, read_query
from accio.domain.ranges import GeometricPoints, WholePoints
from accio.domain.values import Timestamp
from tests.unit.domain.filters.queries import NOW

DAY = 86_400_000
ROW = {
    "state": "failed",
    "owner": ("Ada", "ada@example.org"),
    "tag": ("draft", "paper"),
    "workflow": "geoind:3fa9c0de1122",
    "name": "Second Try",
    "created": NOW - DAY,
    "progress": 0.5,
    "param.n": 7,
    "param.big": 2**62 + 1,
    "param.at": Timestamp(NOW - 2 * DAY),
    "param.uri": "/data/Geolife",
    "Noise/error": math.nan,
    "Noise/all": (1.0, 2.0),
    "Noise.wall_us": 2_000_000,
    "Noise.peak_memory": 2**31,
}
CONTEXT = Context(
    fields=RUN_FIELDS,
    now_ms=NOW,
    parameters={"n": LONG, "big": LONG, "at": TIMESTAMP, "uri": parse_type("dataset"), "gone": DOUBLE},
    outputs={"Noise/error": DOUBLE, "Noise/all": parse_type("list(double)")},
    nodes=frozenset({"Noise"}),
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=failed",
        "state=FAILED",
        "state!=killed",
        "state in killed, failed",
        "owner=Ada",
        "owner~EXAMPLE",
        "tag=draft",
        "tag!=final",
        "workflow=geoind",
        "workflow=geoind:3fa9",
        "created>2d",
        "created<1h",
        "created>=2026-01-30T12:00:00Z",
        "created>2026-01-30",
        "progress=50%",
        "n<7.5",
        "n>=7 n<=7",
        "big>4611686018427387904",
        "big=4611686018427387905",
        "at<1d",
        "geolife",
        "second",
        "DRAFT",
        "Noise/error=nan",
        "Noise/error!=1",
        "Noise/all='[1, 2]'",
        "Noise.wall_us<=2s",
        "Noise.peak_memory=2GiB",
        "not started>2d",
        "not gone=1",
    ],
)
def test_rows_match(query: str) -> None:
    """Equality is exact, texts are found whatever their case, spans are ago, and many values need one that fits."""
    assert matches(read_query(query, CONTEXT), ROW)


@pytest.mark.parametrize(
    "query",
    [
        "not ()",
        "state=killed",
        "owner=ada",
        "tag!=draft",
        "workflow=geo",
        "workflow=geoind:4",
        "created>1h",
        "created<2d",
        "big=4611686018427387904",
        "started<2d",
        "gone!=1",
        "Noise/error<1",
        "Noise/error>=1",
        "nowhere",
    ],
)
def test_rows_do_not_match(query: str) -> None:
    """What has no value satisfies no term, and NaN is neither more nor less than anything."""
    assert not matches(read_query(query, CONTEXT), ROW)


def test_a_sweep_matches_with_one_of_its_values() -> None:
    """An axis in a row satisfies a term if one of its values does, at the price of a bisection."""
    row = {"param.n": Axis("n", LONG, WholePoints(start=0, step=5, size=10**12))}
    assert matches(read_query("n>=4999999999995", CONTEXT), row)
    assert matches(read_query("n=15", CONTEXT), row)
    assert not matches(read_query("n=16", CONTEXT), row)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("epsilon<0.01", True),
        ("epsilon=0.1", True),
        ("epsilon=0.2", False),
        ("epsilon>100", False),
        ("epsilon=word", False),
        ("epsilon!=word", True),
        ("epsilon~0.1", False),
    ],
)
def test_ranges_of_runs_that_differ_are_compared_as_their_type_has_it(query: str, found: bool) -> None:
    """Over all runs, where no parameter's type is known, a computed axis says how a value is read."""
    axis = Axis("epsilon", DOUBLE, GeometricPoints(start=Decimal("0.001"), ratio=Decimal(10), size=4, end=None))
    checked = read_query(query, Context(fields=RUN_FIELDS, now_ms=NOW))
    assert matches(checked, {"param.epsilon": axis}) == found


class Reading(dict[str, Any]):
    """A row that notes what it is asked for."""

    def __init__(self, row: Row) -> None:
        super().__init__(row)
        self.asked: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.append(key)
        return super().get(key, default)


def test_a_row_is_asked_for_no_more_than_decides() -> None:
    """Once a term has decided, what the others are about isn't read: it may be costly."""
    for query, asked in {
        "state=success progress<1": ["state"],
        "state=failed or progress<1": ["state"],
        "state=failed progress<1": ["state", "progress"],
        "second or progress<1": ["name"],
    }.items():
        row = Reading(ROW)
        matcher(read_query(query, CONTEXT))(row)
        assert row.asked == asked, query


def test_what_a_query_came_to_is_freed_with_it() -> None:
    """Nothing of it is left to the collector of cycles, which stops everybody where there is much to collect."""
    checked = read_query("not (state=failed or n>3 and Second)", CONTEXT)
    matcher(checked)(ROW)  # the first use may finish classes
    gc.collect()
    gc.disable()
    try:
        assert not matcher(checked)(ROW)
        assert gc.collect() == 0
    finally:
        gc.enable()
