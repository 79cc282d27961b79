"""Whole numbers of definitions."""

from decimal import Decimal
from typing import Any

import pytest

from accio.domain.numbers import whole_number
from accio.domain.problems import ValueProblem


@pytest.mark.parametrize("written", [2, 2.0, Decimal("2.0"), Decimal("2e0"), Decimal("0.2e1")])
def test_a_number_without_a_fraction_is_whole(written: Any) -> None:
    """How it is written doesn't matter, as for values of integer parameters."""
    found = whole_number(written, 1, 5)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize(
    "written",
    [
        2.5,
        Decimal("1.999"),
        Decimal("1e5000"),
        Decimal("1e19"),
        6.0,
        0.0,
        float("inf"),
        float("nan"),
        True,
        "2",
        None,
        [],
    ],
)
def test_others_are_refused(written: Any) -> None:
    """Fractions, numbers out of range, and what is no number."""
    with pytest.raises(ValueProblem, match="expected a whole number, 1 to 5, found"):
        whole_number(written, 1, 5)
    with pytest.raises(ValueProblem, match="expected a whole number, 7 or more, found"):
        whole_number(written, 7)
