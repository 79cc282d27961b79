"""What a fork shares with its siblings until it makes it its own."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from accio_agent.worker.unsharing import find_shared, unshare


def in_fork(does: Callable[[], bool]) -> bool:
    """Return what a fork of this process returns, after it has made everything its own."""
    shared = find_shared()
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            unshare(shared)
            code = int(does())
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, 1}
    return bool(code)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_bytes(b"0123456789")
    return path


def test_a_file_stands_where_it_did(file: Path) -> None:
    """What one fork reads, the process and its other forks still have before them."""
    with file.open("rb", buffering=0) as opened:
        opened.read(2)
        assert in_fork(lambda: opened.read(3) == b"234")
        assert in_fork(lambda: opened.read(3) == b"234")
        assert opened.read(3) == b"234"


def test_a_file_without_a_name_any_more(file: Path) -> None:
    """A file that was removed, and one that is written at its end, are opened anew as well."""
    with file.open("r+b", buffering=0) as opened, file.open("ab", buffering=0) as added:
        file.unlink()
        assert in_fork(lambda: opened.read(3) == b"012" and added.write(b"x") == 1)
        assert opened.read() == b"0123456789x"


def test_shared_memory_is_shared_with_own_children_alone() -> None:
    """Memory that is mapped to be shared is a copy, which the fork's own forks share with it."""
    memory = mmap.mmap(-1, 8192)
    memory[:2] = b"ab"

    def writes() -> bool:
        pid = os.fork()
        if pid == 0:
            memory[1:2] = b"c"
            os._exit(0)
        os.waitpid(pid, 0)
        return memory[:2] == b"ac"

    assert in_fork(writes)
    assert memory[:2] == b"ab"


def test_files_that_are_mapped_stay_shared(file: Path) -> None:
    """Memory that is a file of a name stays that file."""
    with file.open("r+b") as opened:
        memory = mmap.mmap(opened.fileno(), 10)
        assert in_fork(lambda: memory.write(b"ab") == 2)
    assert file.read_bytes() == b"ab23456789"
