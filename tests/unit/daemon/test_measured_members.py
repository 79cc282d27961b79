"""What the children of a point gave, read by repetition: numbers, and members of maps."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, cast

import pytest

from accio.domain.datatypes import parse_type
from accio_daemon.core.effects import MeasureRequest
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.rows.rounds import measure_point


class Children:
    """A database whose children gave these outputs, each as canonical text."""

    def __init__(self, *outputs: Mapping[str, str]) -> None:
        self._rows = [(at, json.dumps(each)) for at, each in enumerate(outputs)]

    def execute(self, sql: str, parameters: Any) -> list[tuple[int, str]]:
        """Return the rows, whatever is asked."""
        assert sql
        assert parameters["node"] == 1
        return self._rows


@pytest.mark.parametrize(
    ("kind", "member", "given", "count", "mean"),
    [
        ("double", None, ["1.0", "3.0"], 2, 2.0),
        ("map(string,double)", "a.b", ['{"a.b":1.0,"c":9.0}', '{"a.b":3.0}', '{"c":9.0}'], 2, 2.0),
        ("map(double,integer)", "0.5", ['{"0.5":4}', '{"0.5":8}'], 2, 6.0),
        ("map(string,duration)", "x", ['{"x":250}', '{"x":750}'], 2, 500.0),
        ("map(string,double)", "absent", ['{"x":1.0}'], 0, None),
    ],
)
def test_members_are_read(kind: str, member: str | None, given: list[str], count: int, mean: float | None) -> None:
    """By the name that its column has; a child without that member says nothing, nor does one without the output."""
    request = MeasureRequest(RunNo(1), 0, 0, 5, 1, "port", parse_type(kind), member)
    rows = Children(*({"port": text, "other": "1"} for text in given), {"other": "1"})
    found = measure_point(cast("sqlite3.Connection", rows), request)
    assert found.count == count
    assert mean is None or found.mean == mean
