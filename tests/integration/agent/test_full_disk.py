"""An agent whose disk is full while a worker of it starts: no node is to blame, and others may have the space."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

WRITING = '''
"""An operator whose second import, a template's, finds no space once it is let go on."""
import errno
import os
import time
from pathlib import Path
from accio.sdk.declare import operator

here = Path(__file__).parent
if (here / "described").exists():
    while not (here / "full").exists():
        time.sleep(0.01)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "cache")
(here / "described").touch()

@operator(version="1", cpus=2)
def Cached() -> int:
    return 1
'''


@pytest.fixture
async def writing(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent that also offers Cached, whose next import fails."""
    (tmp_path / "writing.py").write_text(WRITING)
    running = AgentProcess(tmp_path, daemon.address, "--operators", str(tmp_path / "writing.py"))
    try:
        await daemon.connected()
        yield running
    finally:
        running.kill()


@pytest.fixture
def no_room(agent: AgentProcess) -> Iterator[Path]:
    """A file system without room for a folder, where the agent's workers have theirs."""
    place = agent.state / "workers"
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place.mkdir(exist_ok=True)
    options = "size=4k,nr_inodes=1"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.root
@pytest.mark.usefixtures("no_room")
async def test_a_worker_that_finds_no_space_blames_no_node(daemon: FakeDaemon) -> None:
    """A worker that can't make its folder for want of space fails its attempt in staging, and says so."""
    daemon.assign(daemon.node_class("Add", 1), [1], '{"x":1}')
    report = await daemon.report(1)
    assert (report.failure.cause, report.disk_full) == ("staging", True), report


@pytest.mark.usefixtures("writing")
async def test_an_import_that_finds_no_space_blames_no_node(daemon: FakeDaemon, tmp_path: Path) -> None:
    """So does a template whose operators can't be imported for want of space, though a worker was asked for."""
    daemon.assign(daemon.node_class("Cached", 1), [1], "{}")
    (tmp_path / "full").touch()
    report = await daemon.report(1)
    assert (report.failure.cause, report.disk_full) == ("staging", True), report
    assert "No space left" in report.failure.message
