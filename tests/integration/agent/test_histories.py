"""An agent and daemons of several histories: what it holds of one never reaches another."""

import asyncio
import json
from pathlib import Path

import pytest

from accio.v1 import agents_pb2
from accio_agent.agent.disk.journal import Journal
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

HELD = agents_pb2.HeldAttempt
ONE, TWO = "1" * 32, "2" * 32


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon of the first history."""
    daemon.history = ONE
    return daemon


def effect(folder: Path, name: str, seconds: float = 0.0) -> str:
    return json.dumps({"ledger": str(folder / "ledger"), "name": name, "seconds": seconds})


def begun(folder: Path) -> list[str]:
    return (folder / "ledger").read_text().split() if (folder / "ledger").exists() else []


async def holding(daemon: FakeDaemon, folder: Path) -> None:
    """Bring the agent to hold a report that isn't acknowledged, a running attempt, and one that waits."""
    daemon.acking = False
    daemon.assign(daemon.node_class("Add", 2), [1], '{"x":1}')
    await daemon.report(1)
    daemon.assign(daemon.node_class("Effect", 1), [2], effect(folder, "old", 60.0))
    daemon.assign(daemon.node_class("Effect", 1), [3], effect(folder, "waits", 60.0), reserved=False)
    await daemon.until(lambda: begun(folder) == ["old"])
    daemon.acking = True
    daemon.reports.clear()


async def test_the_agent_tells_the_history_of_what_it_holds(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """A fresh agent names no history, and then the one that it was welcomed to, also in its next life."""
    assert daemon.hellos[0].history == ""
    daemon.hang_up()
    assert (await daemon.connected(2)).history == ONE
    agent.kill()
    again = AgentProcess(agent.folder, daemon.address)
    assert (await daemon.connected(3)).history == ONE
    assert await again.stop() == 0


@pytest.mark.parametrize("following", [TWO, ""])
async def test_another_history_finds_empty_hands(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path, following: str
) -> None:
    """What is held of another history is set aside and stopped, and numbers that it used are new again.

    An earlier daemon, which knows no histories, may be any.
    """
    await holding(daemon, tmp_path)
    daemon.history = following
    daemon.hang_up()
    hello = await daemon.connected(3)  # in the second one it named the first history
    assert (hello.history, list(hello.held)) == (following, [])
    daemon.assign(daemon.node_class("Add", 2), [1, 2], '{"x":5}')
    assert json.loads((await daemon.report(1)).outputs["value"]) == json.loads(
        (await daemon.report(2)).outputs["value"]
    )
    assert sorted(daemon.reports) == [1, 2]
    assert begun(tmp_path) == ["old"]
    assert agent.said.count("the journal is set aside") == 1
    kept = Journal(agent.state / "aside" / ONE / "journal")
    kept.close()
    assert (kept.remembered.history, kept.remembered.begun) == (ONE, {2})
    assert [attempt for attempt, _ in kept.remembered.reports.values()] == [1]
    assert agent.process.poll() is None


async def test_a_dead_agents_holdings_are_set_aside_by_the_next(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path
) -> None:
    """After kill -9 the next agent on the folder meets a daemon of another history, and hands nothing over."""
    await holding(daemon, tmp_path)
    agent.kill()
    daemon.history = TWO
    again = AgentProcess(tmp_path, daemon.address)
    hello = await daemon.connected(3)
    assert (hello.history, list(hello.held)) == (TWO, [])
    await asyncio.sleep(0.3)  # time passes: a report would have come
    assert not daemon.reports
    assert await again.stop() == 0


async def test_logs_stay_with_their_history(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """An attempt's log isn't shown to another history that used its number, and is there when the first comes back."""
    daemon.assign(daemon.node_class("Print", 1), [1], '{"out":"first"}')
    await daemon.report(1)
    for sessions, history, found in ((1, ONE, b"first"), (3, TWO, b""), (5, ONE, b"first")):
        daemon.history = history
        daemon.others.clear()
        if sessions > 1:
            daemon.hang_up()
        await daemon.connected(sessions)
        assert (await daemon.logs(1))[0] == found
    assert agent.process.poll() is None


async def test_a_journal_of_the_version_before_goes_on(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A folder whose journal names no history is believed by the daemon that welcomes it, and is its from then on."""
    (tmp_path / "state").mkdir()
    journal = Journal(tmp_path / "state" / "journal")
    content = agents_pb2.Report(seq=1, attempt=9, success=True).SerializeToString()
    journal.report(1, 9, content)
    journal.write()
    journal.close()
    agent = AgentProcess(tmp_path, daemon.address)
    assert (await daemon.report(9)).success
    assert daemon.hellos[0].history == ""
    daemon.hang_up()
    assert (await daemon.connected(2)).history == ONE
    assert await agent.stop() == 0
