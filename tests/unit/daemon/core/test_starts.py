"""Starts of a daemon that agents tell back: a proven one that isn't known says that the database was set back."""

from accio_daemon.core.starts import KEPT, Starts

NONE = Starts(history="h", key=b"k" * 32, first=1, names=())


def started(starts: Starts, *names: str) -> Starts:
    """Start so often."""
    for name in names:
        starts = starts.further(name)
    return starts


def test_a_start_that_is_known_says_nothing() -> None:
    """Whichever of its starts an agent tells, and if it tells none."""
    told = [started(NONE, "a").told, started(NONE, "a", "b").told]
    assert not any(started(NONE, "a", "b").lacks(each) for each in (*told, ""))


def test_a_start_of_the_time_that_was_lost_is_missed() -> None:
    """Whether the database has started less often since, as often under another name, or more often."""
    lost = started(NONE, "a", "b").told
    for since in (("a",), ("a", "c"), ("a", "c", "d", "e")):
        assert started(NONE, *since).lacks(lost)


def test_another_databases_start_says_nothing() -> None:
    """Nobody can make up a start, and one of another history is none of this one."""
    here = started(NONE, "a")
    lost = started(NONE, "a", "b").told
    other_key = Starts(history="h", key=b"x" * 32, first=1, names=("a", "b"))
    other_history = Starts(history="g", key=b"k" * 32, first=1, names=("a", "b"))
    made_up = (
        lost[:-1] + "0" if lost[-1] != "0" else lost[:-1] + "1",
        "h.2.b",
        "h.2.b.",
        "...",
        ".",
        "\x00é",
        "h" * 200,
    )
    assert not any(here.lacks(each) for each in (other_key.told, other_history.told, *made_up))


def test_who_was_away_for_long_is_believed() -> None:
    """Starts before those that are kept can't be told from lost ones; so they say nothing."""
    first = started(NONE, "a").told
    many = started(NONE, "a", *(str(number) for number in range(KEPT)))
    assert (len(many.names), many.first) == (KEPT, 2)
    assert not many.lacks(first)
    assert not many.lacks(many.told)
