"""Failures as they are stored."""

import pytest

from accio.domain.failures import Failure
from accio.domain.states import Cause


@pytest.mark.parametrize("message", ["", "it broke"])
def test_what_is_stored_is_read_again(message: str) -> None:
    """An agent may know a cause and nothing to say about it."""
    failure = Failure(cause=Cause.EXCEPTION, message=message, exit_code=0)
    assert Failure.from_json(failure.to_json()) == failure
