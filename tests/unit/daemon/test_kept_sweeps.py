"""Stored sweeps are kept once they were read: many short ones, few that list thousands of values."""

from accio.domain.axes import Axis
from accio.domain.datatypes import parse_type
from accio.domain.sweeps import Sweep
from accio_daemon.storage.recorded import sweep_of


def listed(name: str, size: int) -> str:
    """Return a sweep over so many texts, as it is stored."""
    values = tuple(f'"{name} {number}"' for number in range(size))
    return Sweep((Axis("x", parse_type("string"), values),), 1).to_text()


def test_short_sweeps_are_kept_and_few_long_ones() -> None:
    """Hundreds of long ones would be gigabytes; one of them that is looked at again and again is read once."""
    short, long = listed("short", 2), listed("long", 5_000)
    first, large = sweep_of(short), sweep_of(long)
    assert sweep_of(long) is large
    for number in range(40):
        sweep_of(listed(str(number), 5_000))
    assert sweep_of(short) is first
    again = sweep_of(long)
    assert again is not large
    assert again == large
