"""Further links to a web interface: what becomes of one that is asked for too late."""

import shutil
import socket
from pathlib import Path

import pytest

from accio import places
from accio.errors import FailedPrecondition
from accio.web_links import Doorway, open_doors


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A socket that listens, for a user whose state is in a folder of the test's."""
    monkeypatch.setattr(places, "state_folder", lambda: tmp_path)
    return socket.create_server(("127.0.0.1", 0))


def test_no_link_is_made_for_one_that_has_just_ended(listening: socket.socket) -> None:
    """Who has found an open door, whose process then ends, is told so: no traceback, and no folder is left behind."""
    with listening:
        doorway = Doorway(listening, "http://127.0.0.1/login#code=", "127.0.0.1:7615")
        (door,) = open_doors()
        assert door.new_link().startswith("http://127.0.0.1/login#code=")
        doorway.close()
        with pytest.raises(FailedPrecondition, match="has just ended"):
            door.new_link()
        assert not door.folder.exists()
        assert list(open_doors()) == []


def test_a_folder_that_takes_no_file(listening: socket.socket) -> None:
    """What hinders a link from being kept is told, with where that was, and what to do."""
    with listening:
        doorway = Doorway(listening, "http://127.0.0.1/login#code=", "127.0.0.1:7615")
        (door,) = open_doors()
        shutil.rmtree(door.folder)
        door.folder.touch()  # now each way of making a file in it fails
        with pytest.raises(
            FailedPrecondition, match=r"no link can be kept in .*: Not a directory; log in with the token"
        ):
            door.new_link()
        doorway.close()
