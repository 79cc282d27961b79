"""The agent's command line refuses what can't be, before anything starts."""

import pytest

from accio.exits import USAGE
from accio_agent.agent.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--owners", "everybody"], "found 'everybody'"),
        (["--owners", "ana@example.org,"], "expected an owner"),
        (["--owners", "group:"], "expected a group"),
        (["--owners", "ana@example.org", "--allocation", "accio-1a2b3c4d-cpu-7"], "pool take everybody's nodes"),
    ],
)
def test_owners_that_are_none_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Owners must be somebody, and an agent of a pool has none."""
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")  # which the command line sets
    assert main(arguments) == USAGE
    assert said in capsys.readouterr().err
