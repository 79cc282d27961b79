"""Tokens: their file, and whom they identify."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from accio.domain.access import PEOPLE, Caller
from accio.domain.people import Person
from accio.errors import BadRequest, PermissionDenied, Unauthenticated
from accio.places import write_token
from accio_daemon.services.transport.auth import CALLER, Tokens, caller
from accio_daemon.services.transport.token_file import parse_entries, read_entries

ADA = Person(name="Ada", email="ada@x.org")
TOKEN = "a" * 32


def test_a_token_identifies_its_owner() -> None:
    """A token with a name tells who calls, one without that somebody may; the scheme's case doesn't matter."""
    tokens = Tokens([(TOKEN, ADA), ("b" * 32, None)])
    assert tokens.identify(f"Bearer {TOKEN}").caller.person == ADA
    assert tokens.identify(f"bearer {TOKEN} ".encode()).caller.person == ADA
    assert tokens.identify(f"Bearer {'b' * 32}").caller.person is None


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", b"\xff"]
)
def test_anything_else_is_refused(header: str | bytes | None) -> None:
    """Without a known bearer token nobody gets in, and is told where tokens come from."""
    with pytest.raises(Unauthenticated, match="ACCIO_TOKEN"):
        Tokens([(TOKEN, ADA)]).identify(header)


def test_the_file_has_a_token_per_line() -> None:
    """Comments and empty lines are skipped; what follows a token is its owner."""
    lines = ["# who may", "", f"{TOKEN} Ada <ada@x.org>", f"  {'b' * 32}  "]
    assert list(parse_entries(lines, "token")) == [(TOKEN, ADA), ("b" * 32, None)]


@pytest.mark.parametrize(("line", "mentions"), [("short", "16 characters"), (f"{TOKEN} Ada <ada", "owner")])
def test_a_wrong_line_is_named(line: str, mentions: str) -> None:
    """A token that could be guessed, or an owner that is none, is refused with its line."""
    with pytest.raises(BadRequest, match=f"token, line 2: .*{mentions}"):
        list(parse_entries(["", line], "token"))


def test_the_first_token_is_written_once(tmp_path: Path) -> None:
    """A new file has one long token and is its owner's; one that is there stays."""
    path = tmp_path / "deep" / "token"
    text = write_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_token(path) == text == path.read_text()
    assert read_entries(path) == [(text.strip(), None)]


_WRITES_NOTHING = """
import resource, signal, sys
from pathlib import Path
from accio.places import write_token
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
write_token(Path(sys.argv[1]))
"""


def test_a_token_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Neither a full disk nor a look at the wrong moment finds a file without a token."""
    path = tmp_path / "token"
    done = subprocess.run([sys.executable, "-c", _WRITES_NOTHING, path], check=False, capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []
    text = write_token(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """A token file must be its owner's alone; the message has the remedy."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(mode)
    with pytest.raises(PermissionDenied, match=f"chmod 600 {path}"):
        read_entries(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """A file without a token would lock everybody out."""
    path = tmp_path / "token"
    path.touch(mode=0o600)
    with pytest.raises(BadRequest, match="holds no token"):
        read_entries(path)


def test_the_token_wins_over_what_the_request_claims() -> None:
    """Who calls is whom the token identifies, else who the request says, else somebody without a name."""
    assert caller("Eve <eve@x.org>") == Person(name="Eve", email="eve@x.org")
    assert caller("") == Person(name="anonymous")
    reset = CALLER.set(Caller(kinds=PEOPLE, person=ADA))
    try:
        assert caller("Eve <eve@x.org>") == ADA
    finally:
        CALLER.reset(reset)
    with pytest.raises(BadRequest, match="Name <email>"):
        caller("Eve <eve")
