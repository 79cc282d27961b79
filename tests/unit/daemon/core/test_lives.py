"""Who may take the place of an agent that is connected."""

import pytest

from accio_daemon.core.lives import Life

FIRST = Life(token="1", place="here")
CONNECTED = Life(token="2", predecessors=frozenset("1"), place="here")


@pytest.mark.parametrize(
    ("other", "succeeds"),
    [
        (CONNECTED, True),  # the same one dials again
        (Life(token="3", predecessors=frozenset("21"), place="here"), True),
        (Life(token="4", predecessors=frozenset("321"), place="here"), True),  # the one between never connected
        (Life(), True),  # of a version that knows no lives
        (Life(token="3", predecessors=frozenset("1"), place="here"), False),  # a copy from before it began
        (Life(token="3", predecessors=frozenset("21"), place="there"), False),  # a copy made while it lives
        (Life(token="3", predecessors=frozenset("21")), False),  # the system doesn't say where it is
    ],
)
def test_a_life_shows_that_the_one_before_is_over(other: Life, succeeds: bool) -> None:
    """Only from the place of the connected life, and with its token, is its end certain."""
    assert other.succeeds(CONNECTED) == succeeds


def test_agents_without_lives_are_decided_by_their_incarnation() -> None:
    """Beside an agent of a version that knows no lives, none can be told."""
    assert FIRST.succeeds(Life())
