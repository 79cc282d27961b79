"""Queries that a program changes: brushed ranges, clicked values, removed chips."""

import pytest

from accio.domain.filters import parse, with_range, with_values, without


@pytest.mark.parametrize(
    ("before", "low", "high", "after"),
    [
        ("", "1", "2", "x>=1 x<=2"),
        ("state=failed", "1", None, "state=failed x>=1"),
        ("x<5 state=failed x>2", None, "3", "x<=3 state=failed"),
        ("x in (1, 2) geolife", "4", "4", "x=4 geolife"),
        ("x<5 or y=1", "1", "2", "(x<5 or y=1) x>=1 x<=2"),
        ("x<5 y=1", None, None, "y=1"),
    ],
)
def test_a_brushed_range_replaces_what_was_said(before: str, low: str | None, high: str | None, after: str) -> None:
    """The terms that all must satisfy are replaced in their place; what stands inside `or` stays."""
    assert str(with_range(parse(before), "x", low, high)) == after


def test_clicked_values_and_removed_chips() -> None:
    """One value is an equality, several are a list, none removes the field."""
    before = parse("x=1 y=2")
    assert str(with_values(before, "x", ["a b"])) == 'x="a b" y=2'
    assert str(with_values(before, "x", ["3", "4"])) == "x in (3, 4) y=2"
    assert str(with_values(before, "x", [])) == "y=2"
    assert str(without(before, "y")) == "x=1"
