"""What of an agent's holdings a daemon believes, by the history that they belong to."""

from accio_daemon.core.history import History
from accio_daemon.core.numbering import ATTEMPT_BITS
from accio_daemon.core.terms import AttemptNo

OWN = History(id="a", since=10_004)
OLD, NEW = AttemptNo(5 << ATTEMPT_BITS | 1), AttemptNo(10_004 << ATTEMPT_BITS | 1)


def test_only_another_history_is_another() -> None:
    """An agent that names another history is sent away; one that names none can't be told apart from a fresh one."""
    assert OWN.is_other("b")
    assert not OWN.is_other("a")
    assert not OWN.is_other("")


def test_what_an_old_agent_holds_is_told_by_its_number() -> None:
    """Of an agent that knows no histories, only numbers that this history has given are believed."""
    assert OWN.foreign("", [OLD, NEW]) == [OLD]
    assert OWN.foreign("a", [OLD, NEW]) == []


def test_a_first_history_believes_all() -> None:
    """A database of the version before goes on with its agents."""
    assert History(id="a").foreign("", [OLD, NEW]) == []
