"""What runs were compiled from is kept for who looks again: of many small runs, and of few with thousands of nodes."""

from accio_daemon.storage.runs.plans import KEPT, KEPT_NODES, Kept


def made(kept: Kept[str], key: int, nodes: int) -> bool:
    """Return whether a value had to be made."""
    calls: list[int] = []

    def make() -> str:
        calls.append(key)
        return f"value {key}"

    assert kept.get_or(key, nodes, make) == f"value {key}"
    return bool(calls)


def test_many_small_ones_are_kept() -> None:
    """The one that nobody has used for longest goes first."""
    kept: Kept[str] = Kept()
    assert all(made(kept, key, 1) for key in range(KEPT))
    assert not made(kept, 0, 1)
    assert made(kept, KEPT, 1)
    assert not made(kept, 0, 1)
    assert made(kept, 1, 1)


def test_few_large_ones_are_kept() -> None:
    """A hundred runs of 10,000 nodes each would be gigabytes; one that is too large for all is kept alone."""
    kept: Kept[str] = Kept()
    half = KEPT_NODES // 2
    assert made(kept, 1, half)
    assert made(kept, 2, half)
    assert not made(kept, 1, half)
    assert made(kept, 3, half)
    assert not made(kept, 1, half)
    assert made(kept, 2, half)
    assert made(kept, 4, 3 * KEPT_NODES)
    assert not made(kept, 4, 3 * KEPT_NODES)
    assert made(kept, 1, half)
    assert made(kept, 4, 3 * KEPT_NODES)
