"""What a path holds: links, special files, names, and changes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from accio.content.errors import ChangedWhileRead, PathMissing, StagingError
from accio.content.manifest import Shape
from accio.content.tree import changed_since, only_grew, require_unchanged, scan
from tests.unit.content.trees import digest_of, make_tree


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    """Links to files and folders, inside or outside, relative or absolute, give the digest of a plain copy."""
    make_tree(tmp_path / "elsewhere", {"far/x": b"1"})
    plain = make_tree(tmp_path / "plain", {"a": b"0", "b": b"0", "far/x": b"1", "near/x": b"1"})
    linked = make_tree(tmp_path / "linked", {"a": b"0"})
    (linked / "b").symlink_to("a")
    (linked / "far").symlink_to(tmp_path / "elsewhere" / "far")
    (linked / "near").symlink_to("../elsewhere/far")
    assert digest_of(linked) == digest_of(plain)
    (tmp_path / "top").symlink_to(linked)
    assert digest_of(tmp_path / "top") == digest_of(plain)


def test_a_link_to_nothing_names_itself_and_its_target(tmp_path: Path) -> None:
    """A dangling link is an error that says where it leads."""
    folder = make_tree(tmp_path / "d", {"a": b""})
    (folder / "l").symlink_to("gone")
    with pytest.raises(StagingError, match=r"staging: the symbolic link .*/d/l leads to gone, which does not exist"):
        scan(folder)


@pytest.mark.parametrize("target", ["..", ".", "../..", "../sub"])
def test_a_folder_inside_itself_is_an_error(tmp_path: Path, target: str) -> None:
    """A cycle through a link ends with an error that names the place, however it is closed."""
    folder = make_tree(tmp_path / "d", {"sub/a": b""})
    (folder / "sub" / "l").symlink_to(target)
    with pytest.raises(StagingError, match="contains itself through a symbolic link"):
        scan(folder)


def test_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    """A link that leads only to itself is an error that names it."""
    folder = make_tree(tmp_path / "d", {"a": b""})
    (folder / "l").symlink_to("l")
    with pytest.raises(StagingError, match="d/l leads back to itself"):
        scan(folder)


def test_the_same_folder_twice_is_no_cycle(tmp_path: Path) -> None:
    """Two links to one folder beside each other are two copies."""
    make_tree(tmp_path / "shared", {"x": b"1"})
    folder = make_tree(tmp_path / "d", {})
    (folder / "a").symlink_to("../shared")
    (folder / "b").symlink_to("../shared")
    assert sorted(scan(folder).files) == ["a/x", "b/x"]


def test_special_files_are_errors(tmp_path: Path) -> None:
    """A FIFO, a socket and a device are refused at once, each by its name, at the top as well as below."""
    fifo, sock = tmp_path / "fifo" / "f", tmp_path / "socket" / "s"
    fifo.parent.mkdir()
    sock.parent.mkdir()
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(sock))
        for place, kind in (
            (fifo, "a FIFO"),
            (fifo.parent, "a FIFO"),
            (sock.parent, "a socket"),
            (Path("/dev/null"), "a device"),
        ):
            with pytest.raises(StagingError, match=f"is {kind}: a dataset consists of files and folders"):
                scan(place)


def test_a_name_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    """A name that can't be decoded is refused with the name in escaped form."""
    folder = make_tree(tmp_path / "d", {})
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9")).write_bytes(b"")
    with pytest.raises(StagingError, match=r"the name of .*/caf\\xe9 isn't UTF-8: rename it"):
        scan(folder)


def test_a_root_that_is_not_utf8_is_accepted(tmp_path: Path) -> None:
    """The place of a dataset doesn't count, so it may have any name."""
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))
    assert digest_of(make_tree(folder, {"a": b"1"})) == digest_of(make_tree(tmp_path / "plain", {"a": b"1"}))


@pytest.mark.parametrize("path", ["", "gone", "file/below"])
def test_nothing_at_the_path(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with nothing at it has an error of its own: another agent may have it."""
    monkeypatch.chdir(make_tree(tmp_path, {"file": b""}))
    with pytest.raises(PathMissing, match="staging: "):
        scan(path)


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from accio.content.errors import StagingError
from tests.unit.content.trees import digest_of
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    digest_of(Path(sys.argv[1]))
except StagingError as error:
    print(error.message)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the user who may not read")
@pytest.mark.parametrize("unreadable", ["d/secret", "d/sub"])
def test_what_may_not_be_read_is_named(tmp_path: Path, unreadable: str) -> None:
    """An unreadable file or folder is an error that names it and says what to do."""
    make_tree(tmp_path, {"d/secret": b"1", "d/sub/x": b"1"})
    (tmp_path / unreadable).chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(tmp_path / "d")], capture_output=True, text=True, check=True
    )
    expected = f"can't read {tmp_path / unreadable}: permission denied; give the agent's user the right to read it"
    assert done.stdout == f"staging: {expected}\n"


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit to the number of files and folders, and it is told."""
    monkeypatch.setattr("accio.content.tree.MAX_ENTRIES", 3)
    folder = make_tree(tmp_path / "d", {"a": b"", "b": b""})
    assert len(scan(folder).files) == 2
    make_tree(folder, {"c": b""})
    with pytest.raises(StagingError, match="holds more than 3 files and folders"):
        scan(folder)


def test_snapshot_of_a_file(tmp_path: Path) -> None:
    """A file is a dataset of its own shape, read at its own place."""
    make_tree(tmp_path, {"a": b"12"})
    seen = scan(tmp_path / "a")
    assert (seen.shape, list(seen.files), seen.place(""), seen.size) == (Shape.FILE, [""], bytes(tmp_path / "a"), 2)


def replace(folder: Path) -> None:
    (folder / "new").write_bytes(b"1")
    (folder / "new").replace(folder / "sub" / "a")


def rewrite_and_hide(folder: Path) -> None:
    place = folder / "sub" / "a"
    times = place.stat()
    place.write_bytes(b"2")
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))


def swap_link(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("other")


CHANGES = {
    "sub/a was written to or replaced": (
        lambda folder: (folder / "sub/a").write_bytes(b"22"),
        rewrite_and_hide,
        replace,
    ),
    "sub/a is gone": (lambda folder: (folder / "sub/a").unlink(),),
    "sub/b was added": (lambda folder: (folder / "sub/b").write_bytes(b""),),
    "sub/c was added": (lambda folder: (folder / "sub/c").mkdir(),),
    "empty is gone": (lambda folder: (folder / "empty").rmdir(),),
    "link was written to or replaced": (swap_link,),
}


@pytest.mark.parametrize(
    ("says", "change"), [(says, change) for says, changes in CHANGES.items() for change in changes]
)
def test_every_change_is_noticed(tmp_path: Path, says: str, change: object) -> None:
    """Writing (also with the time put back), replacing, adding and removing are noticed, and the path is named."""
    folder = make_tree(tmp_path / "d", {"sub/a": b"1", "other": b"3", "empty": None, "x": b"3"})
    (folder / "link").symlink_to("x")
    before = scan(folder)
    assert changed_since(before) is None
    assert callable(change)
    change(folder)
    assert (what := changed_since(before)) is not None
    assert what.removeprefix(f"{folder}/") == says
    with pytest.raises(ChangedWhileRead, match="staging: changed while it was read: "):
        require_unchanged(before)
    assert only_grew(before) is says.endswith("was added")


def test_a_dataset_that_vanished_or_changed_shape(tmp_path: Path) -> None:
    """The top itself is watched, too."""
    folder = make_tree(tmp_path / "d", {"a": b"1"})
    before = scan(folder)
    folder.rename(tmp_path / "e")
    assert changed_since(before) == f"there is no file or folder at {folder}"
    folder.write_bytes(b"")
    assert changed_since(before) == f"{folder} was a folder and is a file"
    assert not only_grew(before)


def test_something_came_and_went_in_a_folder(tmp_path: Path) -> None:
    """Even what left no entry behind is noticed: the folder's time has moved."""
    folder = make_tree(tmp_path / "d", {"a": b"1"})
    before = scan(folder)
    (folder / "b").write_bytes(b"")
    (folder / "b").unlink()
    assert changed_since(before) == f"something was added to or taken out of the folder {folder}"
    assert only_grew(before)


def test_a_deep_tree(tmp_path: Path) -> None:
    """A tree deeper than Python's stack is walked."""
    folder = tmp_path / "d"
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("n", dir_fd=fd)
        below = os.open("n", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    try:
        assert len(scan(folder).folders) == 1201
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)  # shutil.rmtree, hence pytest, can't remove what is so deep
