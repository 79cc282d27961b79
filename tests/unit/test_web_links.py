"""Further links to a web interface: what becomes of one that is asked for too late."""

import fcntl
import os
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


def test_folders_of_killed_processes_are_removed(listening: socket.socket, tmp_path: Path) -> None:
    """At the next start: those whose door nobody holds; what is open, new, or another machine's stays."""
    now = tmp_path.stat().st_mtime
    old = now - 3600
    name = socket.gethostname()

    def left(folder: str, *, door: bool = True, made: float = old) -> Path:
        path = tmp_path / "web" / folder
        path.mkdir(parents=True, mode=0o700)
        if door:
            (path / "door").write_text("{}")
        os.utime(path, (made, made))
        return path

    (tmp_path / "web").mkdir(mode=0o700)
    killed, early = left(f"{name}-1"), left(f"{name}-2", door=False)
    held, new, elsewhere = left(f"{name}-3"), left(f"{name}-4", made=now), left("elsewhere-5")
    with (held / "door").open("rb") as opened, listening:
        fcntl.flock(opened, fcntl.LOCK_EX)
        doorway = Doorway(listening, "http://127.0.0.1/login#code=", "127.0.0.1:7615")
        assert not killed.exists()
        assert not early.exists()
        assert [each.exists() for each in (held, new, elsewhere)] == [True] * 3
        assert doorway.folder is not None
        assert doorway.folder.exists()
        doorway.close()
