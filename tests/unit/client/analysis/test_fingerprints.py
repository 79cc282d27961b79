"""Failures of one kind have one fingerprint."""

import numpy as np
import pytest

from accio_client.analysis.fingerprints import Failed, fingerprint, group_failures
from tests.unit.client.analysis.tables import sweep_of, table_of


@pytest.mark.parametrize(
    ("message", "skeleton"),
    [
        ("can't allocate 1048576 bytes", "can't allocate N bytes"),
        ("no file /tmp/run-12/x.csv here", "no file PATH here"),
        ("at 0x7f3a9c2b10: bad", "at HEX: bad"),
        ("blob 3fa9c0de1122 is gone", "blob HEX is gone"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id HEX"),
        ("see https://example.org/a?b=1", "see URL"),
        ("loss -1.5e-07 after 3 steps", "loss N after N steps"),
        ("shape (3, 4) != (3, 5)", "shape (N, N) != (N, N)"),
        ("utf8 and x2 stay", "utf8 and x2 stay"),
        ("first\nsecond 1", "first"),
        ("", ""),
        ("and/or", "and/or"),
    ],
)
def test_numbers_paths_and_addresses_are_masked(message: str, skeleton: str) -> None:
    """What differs from child to child is masked, words stay."""
    assert fingerprint("exception", "builtins.ValueError", message).message == skeleton


def test_failures_are_grouped() -> None:
    """Groups come with counts, the first examples, and how many failures each value of a parameter has."""
    table = table_of(sweep_of(2, 3), np.zeros(6))
    failures = [
        Failed(child=child, node="Noise", cause="exception", exception="builtins.ValueError", message=f"bad {child}")
        for child in (5, 4, 3, 2)
    ]
    failures.append(Failed(child=0, node="Load", cause="out of memory", exception="", message="2 GiB weren't enough"))
    first, second = group_failures(table, failures)
    assert str(first.fingerprint) == "exception: ValueError: bad N"
    assert str(second.fingerprint) == "out of memory: N GiB weren't enough"
    assert (first.count, second.count) == (4, 1)
    assert [each.child for each in first.examples] == [2, 3, 4]
    assert first.by_value["a"].tolist() == [1, 3]
    assert first.by_value["b"].tolist() == [1, 1, 2]
    assert first.children.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("exception", ["MemoryError", "numpy.exceptions.AxisError", ""])
def test_an_exception_is_named_once(exception: str) -> None:
    """A message that begins with the class of its exception isn't headed by that class again."""
    found = fingerprint("exception", exception, f"{exception}: of 4 GiB" if exception else "of 4 GiB")
    assert str(found) == f"exception: {exception}: of N GiB" if exception else "exception: of N GiB"
