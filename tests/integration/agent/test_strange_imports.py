"""Operators whose import does what no import should: they are described all the same, or it is said what they do."""

import subprocess
import sys
from pathlib import Path

import pytest

from accio.errors import BadRequest
from accio.sdk.catalogue import discover

OPERATOR = """
from accio import operator

@operator(version="1")
def One(x: int = 0) -> int:
    return 1
"""
KEEPING = {
    "a program": """
import subprocess
pid = subprocess.Popen(["sleep", "1000"]).pid
""",
    "a process": """
import os, time
pid = os.fork()
if pid == 0:
    time.sleep(1000)
    os._exit(0)
""",
    "a thread": """
import threading, time
pid = 0
threading.Thread(target=time.sleep, args=(1000,)).start()
""",
    "a function at the end": """
import atexit, time
pid = 0
atexit.register(time.sleep, 1000)
""",
}
RAISING = {
    "text that is none": ('raise ValueError("\\udcff" * 100_000)', "ValueError: "),
    "no text": (
        "class Odd(Exception):\n    __str__ = None\nraise Odd",
        "Odd, at line 3 of ops.py",
    ),
    "no Exception": ("class Odd(BaseException): pass\nraise Odd('hm')", "Odd: hm, at line 2 of ops.py"),
    "a group": ("raise BaseExceptionGroup('both', [SystemExit()])", "BaseExceptionGroup: both"),
}


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.timeout(400)
@pytest.mark.parametrize("what", KEEPING)
def test_what_an_import_starts_keeps_nobody(tmp_path: Path, what: str) -> None:
    """Neither a program that has our pipes, nor a process, a thread or a function at the end; and programs end."""
    note = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(pid))\n"
    (tmp_path / "ops.py").write_text(KEEPING[what] + note + OPERATOR)
    found = discover(["ops.py"], folder=tmp_path, cache=None, installed=False)
    assert [each.spec.name for each in found.offers] == ["One"]
    pid = int((tmp_path / "pid").read_text())
    while pid and _is_alive(pid):  # it was sent a signal that nobody survives
        pass


@pytest.mark.parametrize("what", RAISING)
def test_what_an_import_raises_is_told(tmp_path: Path, what: str) -> None:
    """Whatever it is, and whatever its text is made of: in bounds, with its kind."""
    text, told = RAISING[what]
    (tmp_path / "ops.py").write_text(text + OPERATOR)
    with pytest.raises(BadRequest) as caught:
        discover(["ops.py"], folder=tmp_path, cache=None, installed=False)
    assert f"can't be imported: {told}" in caught.value.message
    assert len(caught.value.message) < 10_000


def test_the_child_of_an_import_does_not_go_on_as_its_parent(tmp_path: Path) -> None:
    """A module that forks, and whose child falls through: one process has loaded operators, not two."""
    (tmp_path / "ops.py").write_text(f"import os\nif os.fork(): os.wait()\n{OPERATOR}")
    reference = str(tmp_path / "ops.py")
    code = f"from accio.sdk.loading import load_all; load_all([{reference!r}]); print('loaded', flush=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"
