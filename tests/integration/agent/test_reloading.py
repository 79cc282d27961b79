"""An agent that reloads: operators are edited under it, and it offers them as they are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from accio.events import CODE_KEPT
from accio.v1 import agents_pb2
from accio_agent import linux
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

pytestmark = pytest.mark.timeout(400)

EDITED = '''
"""An operator that goes on when it may."""
import time
from pathlib import Path
from accio import operator

@operator
def Edited(folder: str, name: str) -> int:
    Path(folder, f"begun-{name}").touch()
    while not Path(folder, f"go-{name}").exists():
        time.sleep(0.01)
    return 1
'''
ADDED = """
@operator
def Added() -> int:
    return 5
"""


@pytest.fixture
async def agent(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent that offers a file, and reloads it."""
    (tmp_path / "edited.py").write_text(EDITED)
    running = AgentProcess(tmp_path, daemon.address, "--reload", "--operators", str(tmp_path / "edited.py"))
    try:
        await daemon.connected()
        yield running
    finally:
        running.kill()
        await daemon.stop()


def _inputs(folder: Path, name: str) -> str:
    return f'{{"folder": "{folder}", "name": "{name}"}}'


def _digest(hello: agents_pb2.Hello, name: str) -> str:
    return next(each.digest for each in hello.operators if each.name == name)


def _templates(agent: AgentProcess, path: Path) -> list[int]:
    """Return the processes that the agent has started for the operators of a file."""
    found = []
    for pid in linux.descendants(agent.process.pid):
        try:
            stat, command = Path(f"/proc/{pid}/stat").read_text(), Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == agent.process.pid and str(path).encode() in command:
            found.append(pid)
    return found


async def test_an_edited_operator_is_offered_as_it_is(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """What runs ends as it began, what waits is given back, new work runs the new code; an edit may be undone."""
    path = tmp_path / "edited.py"
    before = await daemon.connected()
    edited = daemon.node_class("Edited", 1)
    daemon.assign(edited, [1], _inputs(tmp_path, "old"))
    daemon.assign(edited, [2], _inputs(tmp_path, "ahead"), reserved=False)
    await daemon.until(lambda: (tmp_path / "begun-old").exists())

    path.write_text(EDITED.replace("return 1", "return 2") + ADDED)
    after = await daemon.connected(2)
    assert [(each.attempt, each.state) for each in after.held] == [(1, agents_pb2.HeldAttempt.RUNNING)]
    assert _digest(after, "Edited") != _digest(before, "Edited")
    (tmp_path / "go-new").touch()
    daemon.assign(daemon.node_class("Edited", 1), [3], _inputs(tmp_path, "new"))
    assert (await daemon.report(3)).outputs["value"] == "2"
    daemon.assign(daemon.node_class("Added", 2), [4])
    assert (await daemon.report(4)).outputs["value"] == "5"

    path.write_text(EDITED)
    undone = await daemon.connected(3)
    assert _digest(undone, "Edited") == _digest(before, "Edited")
    assert "Added" not in [each.name for each in undone.operators]
    daemon.assign(daemon.node_class("Edited", 1), [5], _inputs(tmp_path, "new"))
    assert (await daemon.report(5)).outputs["value"] == "1"
    assert 1 not in daemon.reports
    (tmp_path / "go-old").touch()
    assert (await daemon.report(1)).outputs["value"] == "1"
    assert not (tmp_path / "begun-ahead").exists()
    await daemon.until(lambda: len(_templates(agent, path)) == 1)
    assert not daemon.duplicates


async def test_what_is_not_edited_stays(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """Work of an operator whose file is edited elsewhere isn't given back: it is the version that it was."""
    await daemon.connected()
    edited = daemon.node_class("Edited", 1)
    daemon.assign(edited, [1], _inputs(tmp_path, "old"))
    daemon.assign(edited, [2], _inputs(tmp_path, "ahead"), reserved=False)
    await daemon.until(lambda: (tmp_path / "begun-old").exists())
    (tmp_path / "edited.py").write_text(EDITED + ADDED)
    after = await daemon.connected(2)
    held = [(1, agents_pb2.HeldAttempt.RUNNING), (2, agents_pb2.HeldAttempt.PENDING)]
    assert [(each.attempt, each.state) for each in after.held] == held
    for name in ("old", "ahead"):
        (tmp_path / f"go-{name}").touch()
    assert (await daemon.report(1)).outputs["value"] == "1"
    assert (await daemon.report(2)).outputs["value"] == "1"
    await daemon.until(lambda: len(_templates(agent, tmp_path / "edited.py")) == 1)


async def test_what_cannot_be_loaded_is_offered_as_it_was(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path
) -> None:
    """A file with a mistake in it: the agent says what is wrong, goes on, and reloads once that is mended."""
    (tmp_path / "go-on").touch()
    daemon.assign(daemon.node_class("Edited", 1), [3], _inputs(tmp_path, "on"))
    assert (await daemon.report(3)).success, "its code is loaded"
    (tmp_path / "edited.py").write_text(EDITED + "\ndef Broken(:\n")
    await daemon.until(lambda: CODE_KEPT in agent.said and "line 14" in agent.said)
    await daemon.until(lambda: any("line 14" in each.stale.problem for each in daemon.others))
    daemon.assign(daemon.node_class("Edited", 1), [1], _inputs(tmp_path, "on"))
    assert (await daemon.report(1)).outputs["value"] == "1"
    assert len(daemon.hellos) == 1
    (tmp_path / "edited.py").write_text(EDITED.replace("return 1", "return 3"))
    await daemon.connected(2)
    daemon.assign(daemon.node_class("Edited", 1), [2], _inputs(tmp_path, "on"))
    assert (await daemon.report(2)).outputs["value"] == "3"
