"""Areas range and parameter-forms: what one parameter's form expands to."""

from typing import Any

import pytest

from accio.domain.axes import Axis
from accio.domain.datatypes import DataType, Kind
from accio.domain.values import decode, display
from tests.cases.language import check_one_param
from tests.cases.loader import Case, checks, issue_matches, only, pure_cases, same
from tests.cases.test_types import outcome


def in_units(datatype: DataType, text: str) -> Any:
    """Return a value as the cases write it: metres and milliseconds as bare numbers, timestamps as texts."""
    if datatype.kind is Kind.TIMESTAMP:
        return display(datatype, text)
    value = outcome(decode(datatype, text))
    return next(iter(value.values())) if datatype.kind in (Kind.DISTANCE, Kind.DURATION) else value


def values_of(axis: Axis) -> list[Any]:
    return [in_units(axis.type, text) for text in axis.values()]


@pytest.mark.parametrize("case", pure_cases("range", "parameter-forms"))
def test_forms(case: Case) -> None:
    """A form gives these values in this order, or this error."""
    for given, expect in checks(case):
        only(given, "kind", "range", "param")
        only(expect, "values", "error")
        checked = check_one_param(given["kind"], given["range"] if "range" in given else given["param"])
        if "error" in expect:
            assert any(issue_matches(issue, expect["error"]) for issue in checked.errors), checked.errors
            continue
        assert checked.value is not None, checked.errors
        axis = checked.value.sweep.axis("p")
        assert axis is not None
        assert same(values_of(axis), expect["values"])
