"""When what an agent has finished counts as lost, as its reports can't be read."""

from accio_daemon.services.sessions.unread import SESSIONS, Unread


def test_only_sessions_in_a_row_count() -> None:
    """A report that is read says that the agent's reports can be; another agent's sessions say nothing."""
    unread = Unread()
    for _ in range(SESSIONS - 1):
        unread.note("a", "bad")
    unread.note("b", "bad")
    assert not unread.problem("a")
    unread.clear("a")
    unread.note("a", "bad")
    assert not unread.problem("a")
    for _ in range(SESSIONS - 1):
        unread.note("a", "worse")
    assert unread.problem("a") == "what it reports can't be read (worse)"
    assert not unread.problem("b")
