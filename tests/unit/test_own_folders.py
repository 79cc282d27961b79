"""Folders that are their user's alone."""

import os
import stat
from pathlib import Path

import pytest

from accio.errors import FailedPrecondition, PermissionDenied
from accio.own_folders import take

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_its_users(tmp_path: Path) -> None:
    """A folder that isn't there is made, and needs no mending afterwards."""
    folder = tmp_path / "a" / "data"
    assert not take(folder)
    assert mode(folder) == 0o700
    assert not take(folder)


@pytest.mark.parametrize("loose", [0o755, 0o770, 0o707, 0o1777])
@pytest.mark.parametrize("content", [None, "accio.db", "agents", "token", "lost+found"])
def test_a_loose_folder_is_tightened(tmp_path: Path, loose: int, content: str | None) -> None:
    """An empty folder, or one that is known to be ours, is closed to others."""
    folder = tmp_path / "data"
    folder.mkdir()
    if content:
        (folder / content).touch()
    folder.chmod(loose)
    assert take(folder)
    assert mode(folder) == 0o700


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """A folder that others may have business in isn't closed to them: the message says what to do."""
    (tmp_path / "somebodys").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(PermissionDenied, match=f"mode 0755.*chmod 700 {tmp_path}"):
        take(tmp_path)
    assert mode(tmp_path) == 0o755
    tmp_path.chmod(0o700)
    assert not take(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of somebody else")
@pytest.mark.root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Whoever owns the folder could read and replace everything in it, whatever its mode is."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(PermissionDenied, match=rf"user {NOBODY}.*chown {os.geteuid()} {folder}"):
        take(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of somebody else")
@pytest.mark.root
def test_presents_are_refused(tmp_path: Path) -> None:
    """A file that somebody else has put into a folder that was open to him isn't taken for ours."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "accio.db").touch()
    (folder / "token").touch()
    os.chown(folder / "token", NOBODY, NOBODY)
    folder.chmod(0o777)
    with pytest.raises(PermissionDenied, match=f"token in it belongs to .*user {NOBODY}"):
        take(folder)
    assert mode(folder) == 0o777


@pytest.mark.parametrize("link", [False, True])
def test_what_has_no_end_is_no_file_of_ours(tmp_path: Path, *, link: bool) -> None:
    """A FIFO or a device, also behind a link, is refused by its name: whoever opened it would wait or read for ever."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    if link:
        (folder / "token").symlink_to("/dev/zero")
    else:
        os.mkfifo(folder / "token")
    (folder / "dangling").symlink_to("nowhere")
    with pytest.raises(FailedPrecondition, match=r"found token, which is a (FIFO|device): move it away"):
        take(folder)
    (folder / "token").unlink()
    assert take(folder) is False
