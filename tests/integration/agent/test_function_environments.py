"""Operators that run in Python environments of their own, at an agent whose own environment lacks what they import."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from accio_agent import linux
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon
from tests.unit.sdk.test_python_environments import environment

pytestmark = pytest.mark.timeout(400)

FIT = """
import os, sys
import tinylib
from accio import operator
{more}

@operator(python="venv")
def Fit(x: int) -> list[str]:
    print("it prints")
    return [sys.prefix, os.environ["VIRTUAL_ENV"], os.environ["PATH"].split(":")[0], str(x * tinylib.VALUE)]
"""
THREADED = "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()"


def _of_template(agent: AgentProcess) -> list[int]:
    """Return the process that has imported the operator, and what is below it."""
    (found,) = [
        pid for pid in linux.children(agent.process.pid) if b"fit.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return [found, *linux.descendants(found)]


@pytest.mark.parametrize("more", ["", THREADED], ids=["forked", "started anew"])
async def test_a_function_runs_in_its_environment(daemon: FakeDaemon, tmp_path: Path, more: str) -> None:
    """With its packages and its interpreter, as if it were activated; a copy of it that is gone is no failure."""
    place = environment(tmp_path / "venv", 7)
    (tmp_path / "fit.py").write_text(FIT.format(more=more))
    running = AgentProcess(tmp_path, daemon.address, "--operators", str(tmp_path / "fit.py"))
    try:
        await daemon.connected()
        daemon.assign(daemon.node_class("Fit", 1), [1], '{"x": 6}')
        done = await daemon.report(1)
        assert json.loads(done.outputs["value"]) == [str(place), str(place), str(place / "bin"), "42"]
        assert (await daemon.logs(1))[0] == b"it prints\n"

        processes = _of_template(running)
        shutil.move(place, tmp_path / "elsewhere")
        linux.kill_all(processes[:1])
        await daemon.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))
        daemon.assign(daemon.node_class("Fit", 1), [2], '{"x": 6}')
        withheld = await daemon.connected(2)
        assert "Fit" not in [each.name for each in withheld.operators]
        shutil.move(tmp_path / "elsewhere", place)
        assert "Fit" in [each.name for each in (await daemon.connected(3)).operators]
        daemon.assign(daemon.node_class("Fit", 1), [3], '{"x": 7}')
        assert json.loads((await daemon.report(3)).outputs["value"])[-1] == "49"
        assert 2 not in daemon.reports
    finally:
        await running.stop(signal.SIGTERM)
        await daemon.stop()
