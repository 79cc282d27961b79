"""The program that describes operators, beside whoever asked for it."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.sdk.packages import write

ASKING = """
import sys
from pathlib import Path
from accio.sdk.descriptions import describe_source
from accio.sdk.sources import named_source
describe_source(named_source(sys.argv[1], Path.cwd()), None)
"""
ENDLESS = """
import os, sys, threading
with open("who", "w") as pipe:
    pipe.write(f"{os.getpid()} {sys.stdin.read()!r}")
threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_import_without_end_ends_with_who_asked_for_it(tmp_path: Path, number: signal.Signals) -> None:
    """However the agent ends: nobody else would end it. Until then the import finds an empty input."""
    write(tmp_path, {"endless.py": ENDLESS})
    os.mkfifo(tmp_path / "who")
    with subprocess.Popen([sys.executable, "-c", ASKING, "endless.py"], cwd=tmp_path) as asking:
        pid, read = (tmp_path / "who").read_text().split()
        describing = os.pidfd_open(int(pid))
        try:
            asking.send_signal(number)
            ended, _, _ = select.select([describing], [], [], 60)
            assert (ended, read) == ([describing], "''")
        finally:
            if not select.select([describing], [], [], 0)[0]:
                signal.pidfd_send_signal(describing, signal.SIGKILL)
            os.close(describing)
