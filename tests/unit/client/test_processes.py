"""What the command line tells of processes that it started."""

from pathlib import Path

from accio.interpreter import PATH
from accio_client.cli.processes import Child

ABORTING = """
import os, threading
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def broken():
    os.abort()
broken()
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
