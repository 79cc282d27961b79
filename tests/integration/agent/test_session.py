"""Connection and memory: what survives a lost connection, a daemon that is away, the death of the agent."""

import asyncio
import json
import shutil
import signal
from pathlib import Path

import grpc
import pytest

from accio.v1 import agents_pb2
from accio_agent.agent.disk.journal import Journal
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

HELD = agents_pb2.HeldAttempt


def held(hello: agents_pb2.Hello) -> dict[int, int]:
    return {each.attempt: each.state for each in hello.held}


def effect(folder: Path, seconds: float = 0.0) -> str:
    return json.dumps({"ledger": str(folder / "ledger"), "name": "effect", "seconds": seconds})


def gated(folder: Path) -> str:
    """Return the inputs of an effect that ends when `open_gate` is called."""
    return json.dumps({"ledger": str(folder / "ledger"), "name": "effect", "gate": str(folder / "gate")})


def open_gate(folder: Path) -> None:
    (folder / "gate").touch()


def reports_kept(agent: AgentProcess) -> list[int]:
    """Return the attempts whose reports the agent has on its disk, in order; reads a copy, as the agent goes on."""
    copy = agent.folder / "journal"
    shutil.copyfile(agent.state / "journal", copy)
    journal = Journal(copy)
    journal.close()
    return sorted(attempt for attempt, _ in journal.remembered.reports.values())


async def test_hello(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """An agent tells who it is and what it offers."""
    hello = await daemon.connected()
    assert hello.name == "test"
    assert (hello.protocol_min, hello.protocol_max) == (1, 1)
    assert len(hello.agent_id) == 32
    assert hello.incarnation == 1
    assert hello.resources.milli_cpus == 2000
    assert hello.resources.memory > 1 << 28
    operator = next(each for each in hello.operators if each.name == "Add")
    assert [(port.name, port.type) for port in operator.inputs] == [("x", "integer"), ("y", "integer")]
    assert operator.digest.startswith("blake3:")
    assert not hello.held
    assert agent.process.poll() is None


async def test_an_agent_tells_whose_nodes_it_takes(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Owners are said in any number of options, and told in the form in which the daemon knows them."""
    agent = AgentProcess(tmp_path, daemon.address, "--owners", "Bo@x.org,group:lab", "--owners", "Ana <ana@x.org>")
    assert list((await daemon.connected()).owners) == ["ana@x.org", "bo@x.org", "group:lab"]
    assert await agent.stop(signal.SIGINT) == 0


async def test_work_goes_on_without_a_connection(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """A lost connection stops nothing: running attempts go on, and their reports come with the next session."""
    effects = daemon.node_class("Effect", 1)
    daemon.assign(effects, [1], gated(tmp_path))
    daemon.assign(effects, [2], effect(tmp_path), reserved=False)
    daemon.assign(daemon.node_class("Add", 2), [3], '{"x":1}')
    await daemon.report(3)
    daemon.hang_up()
    await daemon.connected(2)
    assert held(daemon.hellos[1]) == {1: HELD.RUNNING, 2: HELD.PENDING}
    open_gate(tmp_path)
    assert (await daemon.report(1)).success
    assert (await daemon.report(2)).success
    assert (tmp_path / "ledger").read_text() == "effect\neffect\n"
    assert agent.process.poll() is None


async def test_reports_wait_for_the_daemon(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """While the daemon is away attempts end; their reports are handed over, once each, when it is back."""
    daemon.assign(daemon.node_class("Effect", 1), [1, 2], gated(tmp_path))
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    await daemon.stop()
    open_gate(tmp_path)
    await daemon.until(lambda: reports_kept(agent) == [1, 2])
    assert not daemon.reports
    await daemon.start()
    await daemon.connected(2)
    assert held(daemon.hellos[1]) == {1: HELD.FINISHED, 2: HELD.FINISHED}
    assert (await daemon.report(1)).success
    assert (await daemon.report(2)).success
    assert not daemon.duplicates
    assert agent.said.count("keeps dialling") == 1


async def test_unacknowledged_reports_come_again(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """A report stays with the agent until it is acknowledged, and then is gone."""
    daemon.acking = False
    daemon.assign(daemon.node_class("Add", 1), [1], '{"x":1}')
    first = await daemon.report(1)
    daemon.acking = True
    daemon.hang_up()
    await daemon.connected(2)
    await daemon.until(lambda: daemon.duplicates == [1])
    assert daemon.reports[1] == first
    daemon.assign(daemon.node_class("Add", 1), [2], '{"x":1}')
    await daemon.report(2)
    daemon.hang_up()
    await daemon.connected(3)
    assert held(daemon.hellos[2]) == {}
    assert agent.process.poll() is None


async def test_work_may_acknowledge_reports(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """What comes with work as durable is forgotten, as by a message of its own; the rest is handed over again."""
    daemon.acking = False
    add = daemon.node_class("Add", 2)
    daemon.assign(add, [1, 2], '{"x":1}')
    first = await daemon.report(1)
    await daemon.report(2)
    daemon.assign(add, [3], '{"x":1}', acked=[first.seq])
    await daemon.report(3)
    daemon.hang_up()
    await daemon.connected(2)
    assert held(daemon.hellos[1]) == {2: HELD.FINISHED, 3: HELD.FINISHED}
    assert agent.process.poll() is None


async def test_nothing_is_lost_or_repeated_when_the_agent_is_killed(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path
) -> None:
    """After kill -9 the next agent on the folder hands over what had ended, tells what is gone, and begins nothing
    again.
    """
    daemon.acking = False
    daemon.assign(daemon.node_class("Add", 2), [1], '{"x":1}')
    ended = await daemon.report(1)
    effects = daemon.node_class("Effect", 1)
    daemon.assign(effects, [2], effect(tmp_path, 60.0))
    daemon.assign(effects, [3], effect(tmp_path, 60.0), reserved=False)
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    agent.kill()
    daemon.acking = True
    second = AgentProcess(tmp_path, daemon.address)
    await daemon.connected(2)
    hello = daemon.hellos[1]
    assert hello.incarnation == 2
    assert hello.agent_id == daemon.hellos[0].agent_id
    assert held(hello) == {1: HELD.FINISHED, 2: HELD.GONE}
    await daemon.until(lambda: daemon.duplicates == [1])
    assert daemon.reports[1] == ended
    daemon.assign(daemon.node_class("Effect", 1), [1, 2], effect(tmp_path))
    daemon.assign(daemon.node_class("Effect", 1), [4], effect(tmp_path))
    await daemon.report(4)
    assert (tmp_path / "ledger").read_text() == "effect\neffect\n"
    assert await second.stop() == 0


async def test_repeated_assignments_are_ignored(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """An attempt that is assigned twice is executed once."""
    effects = daemon.node_class("Effect", 1)
    daemon.assign(effects, [1], effect(tmp_path))
    daemon.assign(effects, [1], effect(tmp_path))
    await daemon.report(1)
    daemon.assign(effects, [1, 2], effect(tmp_path))
    await daemon.report(2)
    assert (tmp_path / "ledger").read_text() == "effect\neffect\n"
    assert agent.process.poll() is None


async def test_dropped_attempts_are_stopped(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """What the daemon drops when the agent comes back is killed and not reported."""
    daemon.assign(daemon.node_class("Effect", 1), [1, 2], effect(tmp_path, 60.0))
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    daemon.keep = lambda _: ([2], [1])
    daemon.hang_up()
    await daemon.connected(2)
    daemon.send(agents_pb2.DaemonMessage(stop=agents_pb2.Stop(attempts=[2])))
    await daemon.report(2)
    daemon.assign(daemon.node_class("Add", 1), [3, 4, 5], '{"x":1}')
    for no in (3, 4, 5):
        await daemon.report(no)
    assert 1 not in daemon.reports
    assert agent.process.poll() is None


async def test_a_daemon_that_does_not_answer_is_left(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """Silence for a lease ends the session; the agent dials again."""
    daemon.lease_ms, daemon.heartbeat_ms = 1000, 200
    daemon.hang_up()
    await daemon.connected(2)
    daemon.answering = False
    daemon.lease_ms = 60_000  # of the third session, which this process mustn't end by pausing
    await daemon.connected(3)
    daemon.answering = True
    await daemon.until(lambda: daemon.heartbeats > 20)
    assert daemon.sessions == 3
    assert "hasn't answered for 1 s" in agent.said


async def test_a_pause_of_the_agent_is_no_silence_of_the_daemon(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """An agent that stood still takes the daemon for alive when it goes on."""
    daemon.lease_ms, daemon.heartbeat_ms = 1000, 200
    daemon.hang_up()
    await daemon.connected(2)
    agent.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.5)  # time passes: longer than the lease is what the test is about
    agent.process.send_signal(signal.SIGCONT)
    before = daemon.heartbeats
    await daemon.until(lambda: daemon.heartbeats > before + 10)
    assert daemon.sessions == 2


async def test_wrong_token(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A token that isn't known ends the agent with exit code 6 and a line that says what to do."""
    for token in ("wrong", None):
        agent = AgentProcess(tmp_path, daemon.address, token=token)
        assert await agent.ended() == 6
        assert "the token isn't known" in agent.said
        assert "ACCIO_TOKEN" in agent.said
        assert "Traceback" not in agent.said


@pytest.mark.parametrize("message", ["the agent speaks protocols 1 to 1, the daemon 5 to 6: upgrade the agent"])
async def test_refusal(daemon: FakeDaemon, tmp_path: Path, message: str) -> None:
    """What the daemon refuses for good ends the agent with its reason."""
    daemon.abort = (grpc.StatusCode.FAILED_PRECONDITION, message)
    agent = AgentProcess(tmp_path, daemon.address)
    assert await agent.ended() == 1
    assert agent.said.splitlines()[-1] == f"accio agent: {message}"


async def test_superseded(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """An agent that the daemon sends away for good ends; one that may come back dials again."""
    goodbye = agents_pb2.DaemonGoodbye(reason="restarting", reconnect=True)
    daemon.send(agents_pb2.DaemonMessage(goodbye=goodbye))
    await daemon.connected(2)
    goodbye = agents_pb2.DaemonGoodbye(reason="superseded by incarnation 7", reconnect=False)
    daemon.send(agents_pb2.DaemonMessage(goodbye=goodbye))
    assert await agent.ended() == 1
    assert "superseded by incarnation 7" in agent.said


async def test_one_agent_per_folder(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """A second agent on the same folder is refused, and the first goes on."""
    second = AgentProcess(tmp_path, daemon.address)
    assert await second.ended() == 1
    assert f"is used by process {agent.process.pid}" in second.said
    assert agent.process.poll() is None


async def test_no_daemon(tmp_path: Path) -> None:
    """An agent without a daemon says so once and keeps trying until it is stopped."""
    agent = AgentProcess(tmp_path, "127.0.0.1:9")
    await FakeDaemon().until(lambda: "keeps dialling" in agent.said)
    await asyncio.sleep(1)  # time passes: it dials several times
    assert agent.said.count("keeps dialling") == 1
    assert await agent.stop() == 0


async def test_drain(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """SIGTERM: what waits is given back, what runs may end, then the agent says goodbye and exits with 0."""
    effects = daemon.node_class("Effect", 1)
    daemon.assign(effects, [1], gated(tmp_path))
    daemon.assign(effects, [2], gated(tmp_path), reserved=False)
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    agent.process.send_signal(signal.SIGTERM)
    await daemon.until(lambda: bool(daemon.recalled))
    assert list(daemon.recalled[0].withdrawn) == [2]
    open_gate(tmp_path)
    assert (await daemon.report(1)).success
    assert await agent.ended() == 0
    kinds = [message.WhichOneof("kind") for message in daemon.others]
    assert kinds == ["draining", "goodbye"]


async def test_a_drain_between_hello_and_welcome_is_told(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path
) -> None:
    """The hello said that it takes work; told to end before it was let in, it says so once it is, and gets none."""
    daemon.assign(daemon.node_class("Effect", 1), [1], gated(tmp_path))
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    daemon.welcoming.clear()
    daemon.hang_up()
    await daemon.until(lambda: len(daemon.hellos) > 1)
    assert not daemon.hellos[1].draining
    agent.process.send_signal(signal.SIGTERM)
    await daemon.until(lambda: "draining; Ctrl-C" in agent.said)
    daemon.welcoming.set()
    await daemon.until(lambda: bool(daemon.others))
    assert daemon.others[0].draining.draining
    open_gate(tmp_path)
    assert (await daemon.report(1)).success
    assert await agent.ended() == 0


async def test_second_signal(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """Ctrl-C after a signal doesn't wait for what runs; another SIGTERM, as batch systems send in series, does."""
    daemon.assign(daemon.node_class("Effect", 1), [1], effect(tmp_path, 60.0))
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    agent.process.send_signal(signal.SIGTERM)
    await daemon.until(lambda: bool(daemon.others))
    agent.process.send_signal(signal.SIGTERM)
    agent.process.send_signal(signal.SIGUSR2)
    await asyncio.sleep(1)  # time passes: it doesn't end
    assert agent.process.poll() is None
    assert await agent.stop(signal.SIGINT) == 0
    assert 1 not in daemon.reports
    assert daemon.others[-1].WhichOneof("kind") == "goodbye"


@pytest.mark.parametrize(
    ("options", "mentions"),
    [
        (("--cpus", "many"), "CPUs"),
        (("--memory", "5 parsecs"), "5 parsecs"),
        (("--resource", "licence"), "NAME=N"),
        (("--operators", "no_such_module"), "no_such_module"),
        (("--daemon", "host:port"), "HOST:PORT"),
        (("--speed", "9"), "--speed"),
    ],
)
async def test_bad_options(tmp_path: Path, options: tuple[str, ...], mentions: str) -> None:
    """A wrong option is refused with exit code 1 and a line that names it."""
    agent = AgentProcess(tmp_path, "127.0.0.1:9", *options)
    assert await agent.ended() == 1
    assert mentions in agent.said
    assert "Traceback" not in agent.said


@pytest.mark.parametrize("reads_columns", [True, False])
async def test_plain_successes_come_in_columns(
    daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path, reads_columns: bool
) -> None:
    """Also those that a journal kept for a daemon that was away, and that of one that printed; any other end is a
    report of its own. An older daemon never gets columns, whatever the one before it read.
    """
    daemon.assign(daemon.node_class("Add", 1), [1], '{"x":1}')
    assert (await daemon.report(1)).outputs == {"value": "2"}
    assert daemon.in_columns == {1}
    daemon.reads_columns = reads_columns
    daemon.assign(daemon.node_class("Effect", 2), [2], gated(tmp_path))
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    await daemon.stop()
    open_gate(tmp_path)
    await daemon.until(lambda: reports_kept(agent) == [2])
    agent.kill()
    await daemon.start()
    again = AgentProcess(tmp_path, daemon.address)
    assert (await daemon.report(2)).success
    await daemon.connected(2)
    daemon.assign(daemon.node_class("Print", 1), [3], '{"out":"words"}')
    daemon.assign(daemon.node_class("Fail", 2), [4], '{"message":"no"}')
    daemon.assign(daemon.node_class("Add", 3), [5], '{"x":3}')
    assert [(await daemon.report(no)).success for no in (3, 4, 5)] == [True, False, True]
    assert daemon.reports[3].log_bytes > 0
    assert daemon.reports[5].outputs == {"value": "4"}
    assert daemon.reports[5].metrics.wall_us > 0
    assert daemon.in_columns - {1} == ({2, 3, 5} if reads_columns else set())
    assert await again.stop() == 0
