"""What the command line tells of processes that it started."""

import os
from pathlib import Path

import pytest

from accio.inotify import Inotify
from accio.interpreter import PATH
from accio_client.cli.processes import Child, listening

ABORTING = """
import os, threading
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def broken():
    os.abort()
broken()
"""

SAYING = """
import os
for _ in range(3):
    print('{"event": "said"}', flush=True)
    open(os.environ["GO_ON"]).read()
"""


def test_a_process_that_a_signal_ended_tells_where_it_was(tmp_path: Path) -> None:
    """A process that calls abort() leaves in its log which function did, and that is told, whatever came before."""
    (tmp_path / "aborting.py").write_text('print("before\\n" * 5)\n' + ABORTING)
    child = Child("agent", ["aborting"], tmp_path / "agent.log", {PATH: str(tmp_path)})
    assert child.ended(60)
    assert child.ending == "by signal SIGABRT"
    told = child.last_words()
    assert "Fatal Python error: Aborted" in told
    assert "in broken" in told
    assert "before" not in told


def test_a_process_that_ended_by_itself_tells_its_last_lines(tmp_path: Path) -> None:
    """Without a fault, the last ten lines are told."""
    (tmp_path / "ending.py").write_text("for number in range(20): print(number)\n")
    child = Child("agent", ["ending"], tmp_path / "agent.log", {PATH: str(tmp_path)})
    assert child.ended(60)
    assert child.last_words().split() == [str(number) for number in range(10, 20)]


@pytest.mark.parametrize("blind", [False, True], ids=["told by the kernel", "where the kernel tells nothing"])
def test_what_a_process_says_and_its_end_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blind: bool
) -> None:
    """Each line wakes who waits, and so does the end; a process is waited for no longer than wanted."""

    def refuse(_: Inotify) -> None:
        raise OSError("tests")

    if blind:
        monkeypatch.setattr(Inotify, "__init__", refuse)
    (tmp_path / "saying.py").write_text(SAYING)
    os.mkfifo(tmp_path / "go on")
    child = Child("agent", ["saying"], tmp_path / "agent.log", {PATH: str(tmp_path), "GO_ON": str(tmp_path / "go on")})
    looks = 0
    with listening(child, [child]) as listen:
        for _ in range(3):
            while not [*child.news(["said"])]:
                listen(90)
                looks += 1
            (tmp_path / "go on").write_text("")
        while not child.ended(0):
            listen(90)
    assert blind or looks <= 6, "it was looked at without need"
