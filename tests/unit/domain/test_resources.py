"""Amounts of resources: reading, adding up, and taking away no more than there is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.problems import ValueProblem
from accio.domain.resources import (
    NOTHING,
    ResourceChanges,
    Resources,
    parse_changes,
    parse_cpus,
    parse_size,
    resources_from_json,
    sorted_counters,
)

counters = st.dictionaries(st.sampled_from(["lic", "dongle"]), st.integers(0, 9), max_size=2).map(sorted_counters)
amounts = st.integers(0, 10**12)
resources = st.builds(
    Resources, milli_cpus=st.integers(1, 10**6), memory=amounts, disk=amounts, gpus=st.integers(0, 16), custom=counters
)


@given(resources, resources)
def test_what_was_added_can_be_taken_away(one: Resources, other: Resources) -> None:
    """Addition and subtraction are inverse, and a part fits its sum."""
    assert one + other == other + one
    assert (one + other) - other == one
    assert one.fits(one + other)
    assert one + NOTHING == one


@given(resources, resources)
def test_nothing_is_overdrawn(room: Resources, demand: Resources) -> None:
    """What doesn't fit can't be taken; what fits leaves no negative amount."""
    if demand.fits(room):
        left = room - demand
        assert min(left.milli_cpus, left.memory, left.disk, left.gpus, *(amount for _, amount in left.custom)) >= 0
    else:
        with pytest.raises(ValueError, match="can't be taken"):
            room - demand


@given(resources)
def test_resources_read_back(amount: Resources) -> None:
    """The JSON form means the same amounts."""
    assert resources_from_json(amount.to_json()) == (amount, [])


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        ("1024", 1024),
        ("512MiB", 512 * 2**20),
        ("8GB", 8 * 10**9),
        ("1.5 kib", 1536),
        ("2tb", 2 * 10**12),
        ("7 B", 7),
        (" 0.1kB ", 100),
    ],
)
def test_sizes(written: Any, size: int) -> None:
    """Sizes are bytes, decimal and binary units are told apart, case and a space don't matter."""
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "8 G", "x", -1, "0.0001kB", 1.5, "1e30 GB", None, True, "-1MB"])
def test_what_is_no_size(written: Any) -> None:
    """Units that could mean two things, fractions of a byte and negative sizes are refused."""
    with pytest.raises(ValueProblem, match="size"):
        parse_size(written)


@pytest.mark.parametrize(("written", "milli"), [(1, 1000), (0.5, 500), ("2.25", 2250), ("0.001", 1)])
def test_cpus(written: Any, milli: int) -> None:
    """CPUs come in thousandths."""
    assert parse_cpus(written) == milli


@pytest.mark.parametrize("written", [0, -1, "0.0001", "many", None, True, "1e5000", float("inf")])
def test_what_is_no_number_of_cpus(written: Any) -> None:
    """No CPU at all, less than a thousandth, and other things are refused."""
    with pytest.raises(ValueProblem, match="CPUs"):
        parse_cpus(written)


def test_every_mistake_is_found() -> None:
    """All issues come in one pass, with their pointers and suggestions."""
    custom = {"a b": 1, "lic": "x", "gpus": 2, "x-c": 1}
    document = {"cpu": 1, "memory": "lots", "gpus": -1, "custom": custom, "x-note": 5, "$schema": "s"}
    _, issues = parse_changes(document, "/graph/0/resources")
    assert [(issue.path.removeprefix("/graph/0/resources"), issue.suggestion) for issue in issues] == [
        ("/cpu", "cpus"),
        ("/memory", None),
        ("/gpus", None),
        ("/custom/a b", None),
        ("/custom/lic", None),
        ("/custom/gpus", None),
    ]
    assert [issue.path for issue in parse_changes([], "/r")[1]] == ["/r"]
    assert [issue.path for issue in parse_changes({"custom": 3}, "/r")[1]] == ["/r/custom"]


def test_changes_replace_what_they_name() -> None:
    """A node's resources replace the operator's one by one; a counter set to 0 is gone."""
    operator = Resources(milli_cpus=2000, memory=5, custom=(("dongle", 1), ("lic", 2)))
    changes, issues = parse_changes({"memory": 7, "custom": {"lic": 0, "seat": 1}})
    assert not issues
    expected = Resources(milli_cpus=2000, memory=7, custom=(("dongle", 1), ("seat", 1)))
    assert changes.apply(operator) == expected
    assert parse_changes(changes.to_json())[0] == changes
    assert ResourceChanges().apply(operator) == operator
