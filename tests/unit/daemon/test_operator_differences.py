"""What of an operator differs between two of its versions."""

from accio.domain.operators import OperatorSpec
from accio_daemon.storage.runs.why import operator_differences


def spec(digest: str, **components: str) -> OperatorSpec:
    """Return a version of an operator."""
    return OperatorSpec(name="A", digest=f"blake3:{digest * 64}", components=tuple(sorted(components.items())))


def test_the_parts_that_changed_are_named() -> None:
    """Parts that changed, came or went are listed by name; equal digests have no differences."""
    before, after = spec("1", run="a", noise="b", gone="c"), spec("2", run="a", noise="x", new="d")
    found = [(each.component, each.before, each.after) for each in operator_differences(before, after)]
    assert found == [("gone", "c", ""), ("new", "", "d"), ("noise", "b", "x")]
    assert not operator_differences(before, before)


def test_versions_without_parts_differ_by_their_digests() -> None:
    """Where no part is known to differ, the digests themselves are told."""
    (found,) = operator_differences(spec("1"), spec("2"))
    assert (found.component, found.before[:8], found.after[:8]) == ("operator", "blake3:1", "blake3:2")
