"""Codes and sessions of the web interface, by a clock of the test's own."""

from accio.web_links import CODE_LIVES_S
from accio_web.sessions import AGAIN_WITHIN_S, IDLE_S, MOST_TRIES, TRIES_WITHIN_S, Sessions


def test_a_code_opens_one_session() -> None:
    """A one-time code opens a session with its token, and never another one."""
    sessions = Sessions()
    code = sessions.offer("secret", "me", 0.0)
    cookie = sessions.redeem(code, 1.0)
    assert cookie is not None
    found = sessions.find(cookie, 2.0)
    assert found is not None
    assert (found.token, found.who) == ("secret", "me")
    assert sessions.redeem(code, 2.0) is None


def test_a_lost_answer_is_given_again() -> None:
    """Who redeemed a code with a key may do so again for a minute, with that key alone; only one session is left."""
    sessions = Sessions()
    code = sessions.offer("secret", "me", 0.0)
    lost = sessions.redeem(code, 1.0, "mine")
    assert lost is not None
    began = sessions.find(lost, 1.0)
    assert began is not None
    assert sessions.redeem(code, 2.0) is None
    assert sessions.redeem(code, 2.0, "another's") is None
    cookie = sessions.redeem(code, 2.0, "mine")
    assert cookie is not None
    found = sessions.find(cookie, 2.0)
    assert found is not None
    assert (found.token, found.who) == ("secret", "me")
    assert sessions.find(lost, 2.0) is None
    assert began.is_over
    assert sessions.redeem(code, 1.0 + AGAIN_WITHIN_S, "mine") is None
    assert sessions.find(cookie, 1.0 + AGAIN_WITHIN_S) is found


def test_who_has_logged_out_is_not_let_in_again() -> None:
    """Nor is a code that was redeemed without a key worth anything later, whatever key comes with it."""
    sessions = Sessions()
    code = sessions.offer("secret", "me", 0.0)
    cookie = sessions.redeem(code, 1.0, "mine")
    assert cookie is not None
    sessions.close(cookie)
    assert sessions.redeem(code, 2.0, "mine") is None
    other = sessions.offer("secret", "me", 0.0)
    assert sessions.redeem(other, 1.0) is not None
    assert [sessions.redeem(other, 2.0, key) for key in ("", "mine")] == [None, None]


def test_a_code_ends() -> None:
    """A code that nobody has used opens nothing after its time."""
    sessions = Sessions()
    code = sessions.offer("secret", "me", 0.0)
    assert sessions.redeem(code, CODE_LIVES_S) is None


def test_what_was_never_offered_opens_nothing() -> None:
    """Neither an invented code nor an invented cookie is anybody's."""
    sessions = Sessions()
    assert sessions.redeem("invented", 0.0) is None
    assert sessions.find("invented", 0.0) is None


def test_a_session_lives_while_it_is_used() -> None:
    """Each use makes a session live on; one that is idle for too long is over."""
    sessions = Sessions()
    cookie = sessions.open("secret", "me", 0.0)
    assert sessions.find(cookie, IDLE_S) is not None
    assert sessions.find(cookie, 2 * IDLE_S) is not None
    assert sessions.find(cookie, 3 * IDLE_S + 1) is None


def test_a_closed_session_is_over() -> None:
    """Who has logged out is unknown, whatever the cookie."""
    sessions = Sessions()
    cookie = sessions.open("secret", "me", 0.0)
    sessions.close(cookie)
    assert sessions.find(cookie, 0.0) is None


def test_tries_are_counted() -> None:
    """Only so many log-ins may be tried within a minute; later ones may again."""
    sessions = Sessions()
    assert [sessions.may_try(0.0) for _ in range(MOST_TRIES + 1)] == [True] * MOST_TRIES + [False]
    assert sessions.may_try(TRIES_WITHIN_S)


def test_no_secret_is_shown() -> None:
    """Neither a token nor a cookie is in what sessions look like to a debugger or a log."""
    sessions = Sessions()
    cookie = sessions.open("secret", "me", 0.0)
    code = sessions.offer("secret", "me", 0.0)
    assert not any(each in repr(sessions) for each in ("secret", cookie, code))
