"""What batch systems do to an agent: signal all of its processes, give it cards, close its input."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from accio_agent import clock, linux
from tests.integration.agent.conftest import OPERATORS, AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon


def signal_all(agent: AgentProcess, number: int, *, agent_too: bool = True) -> None:
    """Signal every process of an agent's job, workers and templates first, as a batch system may."""
    everybody = [*linux.descendants(agent.process.pid)][::-1]
    for pid in everybody + [agent.process.pid] * agent_too:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def begun(daemon: FakeDaemon, folder: Path) -> None:
    """Begin an attempt that takes a minute, and return once its operator runs."""
    inputs = json.dumps({"ledger": str(folder / "ledger"), "name": "x", "seconds": 60.0})
    daemon.assign(daemon.node_class("Effect", 1), [1], inputs)
    await daemon.until(lambda: (folder / "ledger").exists())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGXCPU])
async def test_a_signal_to_all_processes_fails_nothing(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path, number: int
) -> None:
    """A walltime or a cancellation signals workers, templates and agent: what ran is given back, not failed."""
    await begun(daemon, tmp_path)
    signal_all(agent, number)
    assert await agent.ended() == 0
    assert 1 not in daemon.reports
    assert [no for each in daemon.recalled for no in each.withdrawn] == [1]
    assert daemon.others[-1].WhichOneof("kind") == "goodbye"


async def test_what_dies_shortly_before_its_agent_is_told_is_given_back(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path
) -> None:
    """A worker's death is judged a moment later, so that it doesn't matter who is signalled first."""
    await begun(daemon, tmp_path)
    signal_all(agent, signal.SIGTERM, agent_too=False)
    await daemon.until(lambda: "worker lost" in agent.said)
    agent.process.send_signal(signal.SIGTERM)
    assert await agent.ended() == 0
    assert 1 not in daemon.reports


async def test_kill_of_all_processes_reports_nothing(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """SIGKILL of the whole job is the loss of an agent, not the failure of what ran on it."""
    await begun(daemon, tmp_path)
    signal_all(agent, signal.SIGKILL)
    await agent.ended()
    assert 1 not in daemon.reports


async def test_templates_go_on_while_their_agent_drains(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path
) -> None:
    """An operator that survives the warning ends well within the grace: its template doesn't take it along."""
    marker = tmp_path / "set"
    inputs = json.dumps({"seconds": 2.0, "marker": str(marker)})
    daemon.assign(daemon.node_class("Stubborn", 1), [1], inputs)
    await daemon.until(marker.exists)
    signal_all(agent, signal.SIGTERM)
    assert (await daemon.report(1)).success
    assert await agent.ended() == 0


async def test_nodes_get_the_cards_of_the_job(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the cards 2 and 3, a node gets one of these, whatever the daemon counts them as."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    agent = AgentProcess(tmp_path, daemon.address)
    try:
        assert (await daemon.connected()).resources.gpus == 2
        for no, (index, card) in enumerate(((1, "3"), (0, "2")), start=1):
            node_class = daemon.node_class("Variable", no, gpus=1)
            daemon.assign(node_class, [no], '{"name":"CUDA_VISIBLE_DEVICES"}', gpus=[index])
            assert json.loads((await daemon.report(no)).outputs["value"]) == card
    finally:
        await agent.stop()
        await daemon.stop()


async def test_an_agent_without_a_daemon_ends(tmp_path: Path) -> None:
    """With --patience an agent that meets no daemon ends, says why, and has the exit code of an absent daemon."""
    agent = AgentProcess(tmp_path, "127.0.0.1:9", "--patience", "0.5")
    assert await agent.ended() == 4
    assert "no daemon has answered at 127.0.0.1:9 for 0.5 s" in agent.said


async def test_why_no_daemon_would_do_is_the_last_word(daemon: FakeDaemon, tmp_path: Path) -> None:
    """What ends up as the reason of an allocation says that something answered, and what was wrong with it."""
    agent = AgentProcess(tmp_path, daemon.address, "--patience", "0.5", token=f"accio_j1_{'0' * 32}_secret")
    assert await agent.ended() == 4
    last = agent.said.splitlines()[-1]
    assert "for 0.5 s (--patience), and this agent holds nothing of one: it ends; at its last try: " in last
    assert "doesn't speak TLS" in last


async def test_an_agent_in_a_scripts_background_ends(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Shells ignore SIGINT for what a script begins with `&`; a script's `kill -INT` ends the agent all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        agent = AgentProcess(tmp_path, daemon.address)
    finally:
        signal.signal(signal.SIGINT, before)
    await daemon.connected()
    assert await agent.stop(signal.SIGINT) == 0
    assert daemon.others[-1].goodbye.reason == "ended by SIGINT"
    await daemon.stop()


async def test_an_agent_without_work_ends(daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --idle-timeout an agent that has nothing to do says goodbye, but not as long as it works."""
    agent = AgentProcess(tmp_path, daemon.address, "--idle-timeout", "4")
    await daemon.connected()
    daemon.assign(daemon.node_class("Sleep", 1), [1], '{"seconds":6.0}')
    assert (await daemon.report(1)).success
    assert await agent.ended() == 0
    assert daemon.others[-1].goodbye.reason == "ended by having nothing to do for 4 s"
    await daemon.stop()


async def test_an_agent_ends_with_its_input(daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --stdin an agent drains when its standard input ends, as that of an SSH session does."""
    command = [sys.executable, "-m", "accio_agent", "--daemon", daemon.address, "--operators", str(OPERATORS)]
    command += ["--no-installed", "--state-dir", str(tmp_path / "state"), "--stdin"]
    environment = os.environ | {"ACCIO_DATA_DIR": str(tmp_path), "ACCIO_TOKEN": daemon.token}
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, env=environment)
    try:
        await daemon.connected()
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(60):
            assert await process.wait() == 0
        assert daemon.others[-1].goodbye.reason == "ended by the end of its standard input"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await daemon.stop()


async def test_an_agent_knows_when_its_host_ends(daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --until an agent tells when it ends, drains before that, and gives back what still runs in time."""
    agent = AgentProcess(tmp_path, daemon.address, "--until", "24s")
    try:
        hello = await daemon.connected()
        assert 0 < hello.ends_in_ms == hello.lasts_ms <= 21_000
        daemon.assign(daemon.node_class("Variable", 1), [1], '{"name":"ACCIO_ENDS_AT"}')
        ends_at = int(json.loads((await daemon.report(1)).outputs["value"]))
        daemon.assign(daemon.node_class("Sleep", 2), [2], '{"seconds":60.0}')
        assert await agent.ended() == 0
        assert clock.wall_ms() >= ends_at * 1000
        kinds = [message.WhichOneof("kind") for message in daemon.others]
        assert kinds == ["draining", "goodbye"]
        assert daemon.others[-1].goodbye.walltime
        assert 2 not in daemon.reports
    finally:
        await agent.stop()
        await daemon.stop()


async def test_a_time_that_makes_no_sense(tmp_path: Path) -> None:
    """A --until that is neither a time nor a duration is refused, and says what was expected."""
    agent = AgentProcess(tmp_path, "127.0.0.1:9", "--until", "tomorrow")
    assert await agent.ended() == 1
    assert 'expected a time such as "2026-11-30T06:00"' in agent.said


async def test_time_counts_from_the_script_that_became_the_agent() -> None:
    """What a job does before it becomes the agent is part of the time that its host is there."""
    asked = f"exec {sys.executable} -c 'from accio_agent import clock; print(clock.process_began().timestamp())'"
    before = clock.now().timestamp()
    script = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"echo; read -r line; {asked}"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert script.stdout is not None
    await script.stdout.readline()
    begun_at = clock.now().timestamp()
    await asyncio.sleep(0.2)  # time passes: the script does something before it becomes the agent
    began, _ = await script.communicate(b"go on\n")
    assert before - 0.05 <= float(began) <= begun_at + 0.05
