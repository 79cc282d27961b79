"""Who may do what is said in sentences for people."""

import pytest

from accio.domain.access import MAY_CALL, PEOPLE, Caller, TokenKind, why_not_call
from accio.domain.people import Person

BO = Caller(kinds=frozenset({TokenKind.USER}), person=Person(name="Bo"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "/accio.v1.Pools/ChangePool",
            "to pause, resume or scale a pool takes an administrator's token, and you are Bo",
        ),
        ("/accio.v1.Accio/CreateToken", "an administrator makes one with `accio token create -kind=admin`"),
        ("/accio.v1.Agents/Connect", "to be an agent takes an agent's token, and you are Bo, with a user's token"),
    ],
)
def test_what_somebody_may_not_do_is_told_in_words(path: str, words: str) -> None:
    """By what it is for, whose token it takes, and how to get one that is for people, where there is such."""
    assert words in why_not_call(BO, path)


def test_what_only_some_people_may_do_has_words() -> None:
    """Nobody knows calls by their names: a new one that users may not make has to say what it is for."""
    for path, kinds in MAY_CALL.items():
        if not kinds >= PEOPLE:
            assert why_not_call(BO, path).startswith("to ")
