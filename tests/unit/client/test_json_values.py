"""Values in `--json` documents: nothing that a reader of doubles would change."""

from typing import Any

import pytest

from accio_client.json_values import json_parameter, json_value
from accio_client.views import ParameterView

BIG = 2**63 - 1


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("long", BIG, str(BIG)),
        ("long", 1, "1"),
        ("long", None, None),
        ("list(long)", [1, -BIG], ["1", str(-BIG)]),
        ("map(long,set(long))", {"7": [1, 2]}, {"7": ["1", "2"]}),
        ("map(string,list(integer))", {"a": [1]}, {"a": [1]}),
        ("integer", 2**31 - 1, 2**31 - 1),
        ("double", 1e300, 1e300),
        ("duration", "1.millis", "1.millis"),
    ],
)
def test_longs_are_texts(kind: str, value: Any, shown: Any) -> None:
    """64-bit integers are texts at any depth, which a definition takes as well; everything else is as it was."""
    assert json_value(kind, value) == shown


@pytest.mark.parametrize(
    ("kind", "values", "form", "shown"),
    [
        ("long", 1, BIG, str(BIG)),
        ("long", 2, {"values": [1, BIG]}, {"values": ["1", str(BIG)]}),
        ("long", 3, {"from": 1, "to": 3, "step": 1}, {"from": "1", "to": "3", "step": "1"}),
        ("long", 3, {"from": 1, "to": 3, "count": 3}, {"from": "1", "to": "3", "count": 3}),
        ("double", 3, {"from": 1.0, "to": 4.0, "log2": True}, {"from": 1.0, "to": 4.0, "log2": True}),
    ],
)
def test_forms_of_parameters(kind: str, values: int, form: Any, shown: Any) -> None:
    """In the form of a sweep, too, only values are texts, not counts and flags."""
    assert json_parameter(ParameterView(name="p", type=kind, value=form, values=values)) == shown
