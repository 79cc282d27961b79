"""What is remembered stays bounded."""

from accio.latest import Latest


def test_the_first_entry_goes_when_there_are_too_many() -> None:
    """One that is put in again is no further one, and the latest then."""
    latest = Latest[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        latest.keep(key, value)
    assert list(latest.items()) == [("a", 3), ("c", 4)]


def test_what_is_used_stays() -> None:
    """Looking an entry up makes it the latest; what isn't there is None."""
    latest = Latest[str, int](2)
    latest.keep("a", 1)
    latest.keep("b", 2)
    assert (latest.use("a"), latest.use("z")) == (1, None)
    latest.keep("c", 3)
    assert list(latest) == ["a", "c"]
