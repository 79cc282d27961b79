"""Runs as messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DISTANCE, DOUBLE, DURATION, INTEGER, LONG, TIMESTAMP, DataType
from accio.domain.findings import Findings
from accio.domain.range_forms import read_range
from accio_daemon.services.messages.runs import axis_form


def axis_of(datatype: DataType, form: dict[str, object]) -> Axis:
    """Read a range as a run definition would have it."""
    findings = Findings()
    axis = read_range("x", datatype, form, "/params/x", findings)
    assert axis is not None, findings.errors
    return axis


FORMS: list[tuple[DataType, dict[str, object]]] = [
    (DOUBLE, {"from": 0.00001, "to": 1, "log": True}),
    (DOUBLE, {"from": 1, "to": 64, "log2": True}),
    (DOUBLE, {"from": 1, "to": 100, "log": True, "step": 1.5}),
    (DOUBLE, {"from": 1, "to": 100, "log": True, "count": 7}),
    (DOUBLE, {"from": 0, "to": 1, "step": 0.1}),
    (DOUBLE, {"from": 0, "to": 1, "step": 0.3}),
    (DOUBLE, {"from": 0, "to": 1, "count": 7}),
    (DOUBLE, {"from": 1, "to": 0, "step": -0.25}),
    (INTEGER, {"from": 1, "to": 10, "step": 4}),
    (LONG, {"from": 10, "to": 1, "step": -3}),
    (DISTANCE, {"from": "100.meters", "to": "2.kilometers", "step": "250.meters"}),
    (DURATION, {"from": "1.minutes", "to": "1.hours", "step": "90.seconds"}),
    (TIMESTAMP, {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z", "step": "6.hours"}),
]


@pytest.mark.parametrize(("datatype", "form"), FORMS)
def test_a_shown_range_gives_the_same_values(datatype: DataType, form: dict[str, object]) -> None:
    """What is shown of a parameter that varies can be submitted again and means the same values."""
    axis = axis_of(datatype, form)
    again = axis_of(datatype, json.loads(axis_form(axis)))
    assert list(again.values()) == list(axis.values())


def test_a_range_is_shown_as_it_was_written() -> None:
    """The usual forms come back as people write them."""
    assert json.loads(axis_form(axis_of(DOUBLE, FORMS[0][1]))) == {"from": 1e-05, "to": 1.0, "log": True}
    assert json.loads(axis_form(axis_of(INTEGER, {"from": 1, "to": 9, "step": 2}))) == {"from": 1, "to": 9, "step": 2}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20, unique=True))
def test_listed_values_are_shown_in_their_order(values: list[float]) -> None:
    """A list of values is shown as it is."""
    axis = Axis("x", DOUBLE, tuple(repr(value) for value in values))
    assert json.loads(axis_form(axis)) == {"values": values}
