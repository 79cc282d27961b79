"""Maintenance: which one comes next."""

from accio.domain.maintenance import Maintenance, maintenance_of, next_of

FIRST, SECOND, THIRD = (
    Maintenance(name, begins, ends) for name, begins, ends in (("a", 10, 20), ("b", 20, 25), ("c", 40, 50))
)


def test_the_next_one_lasts_or_comes() -> None:
    """Those that touch are one, by the name of the first; what is over counts no more."""
    entries = (THIRD, SECOND, FIRST)
    assert next_of(entries, 0) == Maintenance("a", 10, 25)
    assert next_of(entries, 15) == Maintenance("a", 10, 25)
    assert next_of(entries, 22) == SECOND
    assert next_of(entries, 25) == THIRD
    assert next_of(entries, 50) is None


def test_it_is_kept_as_it_was_written() -> None:
    """To the millisecond, whatever its zone."""
    document = {"name": "x", "from": "2027-01-12T08:00:00.5+01:00", "to": "2027-01-12T17:00:00Z"}
    found = maintenance_of(document)
    assert maintenance_of(found.to_json()) == found
    assert found.to_json()["from"] == "2027-01-12T07:00:00.500Z"
