"""Unix sockets as addresses: where they are, and whose."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from accio import sockets
from accio.errors import FailedPrecondition, PermissionDenied

NOBODY = 65534


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path that is short enough for sockets, which a test's own may not be."""
    with TemporaryDirectory(prefix="accio-") as folder:
        yield Path(folder)


def make(path: Path) -> Path:
    """Leave a socket as a killed process leaves it: there, and without anybody who listens."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return path


def test_the_socket_is_in_the_data_folder() -> None:
    """Its place follows from the data folder alone."""
    assert sockets.socket_address(Path("/srv/accio"), {}) == "unix:/srv/accio/daemon.sock"


def test_a_long_path_moves_to_the_runtime_folder(short: Path) -> None:
    """Where the path would be too long, a name of the runtime folder stands for it, the same one through links."""
    data = short / ("x" * 100) / "data"
    data.mkdir(parents=True)
    (short / "link").symlink_to(data.parent)
    environment = {"XDG_RUNTIME_DIR": str(short)}
    found = sockets.socket_address(data, environment)
    assert Path(found.removeprefix("unix:")).parent == short / "accio"
    assert sockets.socket_address(short / "link" / ("y" * 90) / ".." / "data", environment) == found
    assert sockets.socket_address(data.parent / "other", environment) != found


def test_a_long_path_without_a_runtime_folder_is_refused(short: Path) -> None:
    """Without a place for the socket, the message says what can be done."""
    with pytest.raises(FailedPrecondition, match=r"XDG_RUNTIME_DIR.*ACCIO_DATA_DIR.*ACCIO_ADDR"):
        sockets.socket_address(Path("/" + "x" * 120), {"XDG_RUNTIME_DIR": str(short / "none")})


@pytest.mark.parametrize(("address", "path"), [("unix:/a/b", Path("/a/b")), ("h:1", None), ("[::1]:1", None)])
def test_addresses_of_sockets(address: str, path: Path | None) -> None:
    """Only `unix:` names a socket."""
    assert sockets.socket_path(address) == path


def test_a_path_is_escaped_for_grpc() -> None:
    """A path is what gRPC takes for a part of a URL; other addresses are left as they are."""
    assert sockets.target("unix:/a b/100%?#") == "unix:/a%20b/100%25%3F%23"
    assert sockets.target("h:1") == "h:1"


def test_ones_own_socket_is_taken(short: Path) -> None:
    """A socket of this user, and one that isn't there, are no reason to refuse."""
    sockets.require_own(short / "none")
    sockets.require_own(make(short / "own"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a socket of somebody else")
@pytest.mark.root
def test_a_socket_of_somebody_else_is_refused(short: Path) -> None:
    """A socket that another user made is refused with both names, also through a link."""
    os.chown(make(short / "theirs"), NOBODY, NOBODY)
    (short / "link").symlink_to(short / "theirs")
    for path in (short / "theirs", short / "link"):
        with pytest.raises(PermissionDenied, match=rf"user {NOBODY}.*user {os.geteuid()}"):
            sockets.require_own(path)


def test_what_is_no_socket_is_refused(short: Path) -> None:
    """A file at the socket's place is named."""
    (short / "file").touch()
    with pytest.raises(FailedPrecondition, match="expected a socket"):
        sockets.require_own(short / "file")
