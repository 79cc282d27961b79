"""What the kernel tells of files is as good as a look at each of them."""

import asyncio
import errno
import mmap
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from accio import inotify
from accio.file_systems import is_local
from accio.sdk.catalogue import discover
from accio.sdk.glances import Glances
from accio_agent.agent import code_watch, file_events
from accio_agent.agent.code_watch import CodeWatch
from tests.unit.sdk.packages import write

QUEUED = Path("/proc/sys/fs/inotify/max_queued_events")
OPERATOR = "from accio import operator\nfrom . import helper\n\n@operator\ndef Heard() -> int:\n    return helper.N\n"


class Watched:
    """A package `home/heard` of one operator, and the watch at it. State: what was told."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.package = self.home / "heard"
        self.told: list[frozenset[str]] = []
        write(self.package, {"__init__.py": OPERATOR, "helper.py": "N = 1\n", "inner/__init__.py": "N = 1\n"})
        write(folder, {"elsewhere/real.py": "N = 1\n", "other/real.py": "N = 2\n"})
        (folder / "hop").symlink_to("elsewhere")
        (self.package / "linked.py").symlink_to(folder / "hop" / "real.py")
        (self.package / "inner" / "__pycache__").mkdir()

    def watch(self) -> CodeWatch:
        catalogue = discover(["heard"], folder=self.home, cache=None, installed=False)
        return CodeWatch(catalogue, lambda changed, loading: self.told.append(changed))


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Return a package whose files the kernel tells of, whatever this file system is."""
    monkeypatch.setattr(file_events, "is_local", lambda path: True)
    monkeypatch.setattr(code_watch, "QUICK_S", float("inf"))  # however busy this machine is
    found = Watched(tmp_path)
    monkeypatch.syspath_prepend(found.home)
    return found


def _without_looks(monkeypatch: pytest.MonkeyPatch, watch: CodeWatch) -> bool:
    """Return what a watch says without looking at each file."""

    def fail(_: Glances) -> int:
        raise AssertionError("each file is looked at")

    with monkeypatch.context() as patched:
        patched.setattr(Glances, "at_source", fail)
        return watch.nothing_new()


def _written_as_before(watched: Watched) -> None:
    path = watched.package / "helper.py"
    before = path.stat()
    with path.open("r+", encoding="utf-8") as file:
        file.write("N = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(watched: Watched) -> None:
    write(watched.home, {"next.py": "N = 2\n"})
    (watched.home / "next.py").replace(watched.package / "helper.py")


def _by_another_name(watched: Watched) -> None:
    other = watched.home.parent / "alias.py"
    other.hardlink_to(watched.package / "helper.py")
    other.write_text("N = 2\n")


def _mapped(watched: Watched) -> None:
    with (watched.package / "helper.py").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[4:5] = b"2"


def _another_folder(of: Callable[[Watched], Path]) -> Callable[[Watched], None]:
    def edit(watched: Watched) -> None:
        folder = of(watched)
        aside = watched.home.parent / "aside"
        folder.rename(aside)
        for path in [path for path in aside.rglob("*") if path.is_file() and not path.is_symlink()]:
            write(folder, {str(path.relative_to(aside)): path.read_text().replace("1", "2")})

    return edit


def _linked_elsewhere(watched: Watched) -> None:
    hop = watched.home.parent / "hop"
    hop.unlink()
    hop.symlink_to("other")


def _queue_full(watched: Watched) -> None:
    for number in range(int(QUEUED.read_text()) + 10):  # alike ones are told once
        (watched.package / f"{number}.txt").touch()
    write(watched.package, {"helper.py": "N = 2\n"})


EDITS: dict[str, Callable[[Watched], None]] = {
    "written, with size and time as before": _written_as_before,
    "replaced": _replaced,
    "by another name": _by_another_name,
    "through memory": _mapped,
    "removed": lambda watched: (watched.package / "inner" / "__init__.py").unlink(),
    "a new file": lambda watched: write(watched.package, {"inner/more.py": ""}),
    "a new folder": lambda watched: write(watched.package, {"deep/deeper/__init__.py": ""}),
    "another folder within": _another_folder(lambda watched: watched.package / "inner"),
    "another package": _another_folder(lambda watched: watched.package),
    "another folder around it": _another_folder(lambda watched: watched.home),
    "what a link leads to": lambda watched: write(watched.home.parent, {"elsewhere/real.py": "N = 3\n"}),
    "where a part of a link leads": _linked_elsewhere,
    "after more than the kernel remembers": _queue_full,
}


@pytest.mark.parametrize("what", EDITS)
@pytest.mark.parametrize("early", [False, True], ids=["later", "before the first look"])
async def test_each_edit_is_heard(watched: Watched, monkeypatch: pytest.MonkeyPatch, what: str, early: bool) -> None:
    """Nothing is looked at while nothing happens; any edit that has ended is found by who asks next."""
    watch = watched.watch()
    if early:
        await watch.look_now()
    else:
        watch.look(Glances.at_source)
    assert _without_looks(monkeypatch, watch)
    EDITS[what](watched)
    assert not watch.nothing_new()
    await watch.look_now()
    assert watched.told == [{"heard"}]
    assert _without_looks(monkeypatch, watch), "it is followed again, and was told"


async def test_an_edit_is_heard_once_it_is_loaded_from_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders that came with an edit are followed from then on; those that went are watched no longer."""
    watch = watched.watch()
    watch.look(Glances.at_source)
    for number in range(2, 5):
        write(watched.package, {"deep/more.py": f"N = {number}\n"})
        assert not watch.nothing_new()
        await watch.look_now()
        assert _without_looks(monkeypatch, watch)
    for path in (watched.package / "deep" / "more.py", watched.package / "helper.py"):
        path.unlink()
    await watch.look_now()
    assert _without_looks(monkeypatch, watch)


@pytest.mark.timeout(400)
async def test_an_agent_that_has_just_begun_answers_at_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are followed from the start on, not only after the first look at all."""
    watch = watched.watch()
    monkeypatch.setattr(code_watch, "FIRST_LOOK_AFTER_S", 10_000.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run())
        watch.expect()
        while not _without_looks(monkeypatch, watch):  # noqa: ASYNC110 - a thread reads the source
            await asyncio.sleep(0.01)  # time passes: in the thread
        _written_as_before(watched)
        assert not watch.nothing_new()
        running.cancel()
    assert not _without_looks(monkeypatch, watch), "it follows nothing any more"


async def test_a_busy_moment_makes_no_look_slow(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the search path can be looked at at once is told by the quickest of the last looks."""
    watch = watched.watch()
    watch.look(Glances.at_source)
    monkeypatch.setattr(code_watch, "QUICK_S", 5.0)
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", count(step=9.0).__next__)
        assert watch.nothing_new()
        assert watch.nothing_new(), "one look took nine seconds"
        assert watch.nothing_new(), "two of three did"
        assert not watch.nothing_new(), "these files are slow to look at"


async def test_what_is_no_code_is_not_heard(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytecode, results and logs in a package cost no look."""
    watch = watched.watch()
    watch.look(Glances.at_source)
    (watched.package / "__pycache__").mkdir(exist_ok=True)
    write(watched.package, {"__pycache__/helper.cpython-311.pyc": "", "results.csv": "1\n", "inner/log.txt": "1\n"})
    assert _without_looks(monkeypatch, watch)


@pytest.mark.parametrize("why", ["too many files", "another file system", "too many watches", "no queue", "no mounts"])
async def test_what_cannot_be_followed_is_looked_at(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Where the kernel tells nothing, edits are found all the same."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "tests")

    if why == "another file system":
        monkeypatch.setattr(file_events, "is_local", lambda path: False)
    elif why == "too many files":
        monkeypatch.setattr(file_events, "MOST_WATCHES", 2)
    elif why == "no mounts":
        monkeypatch.setattr(file_events, "MOUNTS", str(watched.home / "none"))
    else:
        monkeypatch.setattr(inotify.Inotify, "add" if why == "too many watches" else "__init__", refuse)
    watch = watched.watch()
    watch.look(Glances.at_source)
    assert not _without_looks(monkeypatch, watch)
    assert watch.nothing_new()
    _written_as_before(watched)
    assert not watch.nothing_new()
    await watch.look_now()
    assert watched.told == [{"heard"}]


def test_an_edit_while_it_is_looked_at_is_heard(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written after a file was looked at, and before the look is over, isn't taken for what was seen."""
    watch = watched.watch()
    look = Glances.at_source

    def edited_after(glances: Glances) -> int:
        found = look(glances)
        _written_as_before(watched)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Glances, "at_source", edited_after)
        watch.look(Glances.at_source)
    assert not _without_looks(monkeypatch, watch)


async def test_a_watch_that_ends_leaves_nothing_open(watched: Watched) -> None:
    """Its descriptors are closed, and it follows nothing any more."""
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names alone
    events = file_events.FileEvents()
    watch = watched.watch()
    (glances,) = watch._glances.values()
    since = events.follow("it", glances)
    events.confirm("it", since)
    assert events.still() == {"it"}
    events.close()
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above
    events.follow("it", glances)
    assert events.still() == frozenset()


def test_file_systems_of_this_machine_are_told_from_others() -> None:
    """`/proc` makes its files up as they are read, and a path that is nowhere is on none."""
    assert is_local("/dev/shm")
    assert not is_local("/proc")
    assert not is_local("/nowhere")
