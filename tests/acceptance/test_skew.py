"""Other versions and strangers at the daemon's port: refused with a reason, and harmless to everybody else."""

import asyncio
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import grpc.aio
import psutil
import pytest

from accio.errors import BadRequest, Unavailable
from accio.v1 import accio_pb2, agents_pb2
from accio_client import AsyncClient
from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.simulated_agents import hello, stream
from tests.acceptance.sweeps import GATED, SQUARE

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

STRANGERS = {
    "HTTP/1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(190),
    "noise": bytes(range(256)) * 64,
    "half a preface": b"PRI * HTTP/2.0\r\n\r\nSM",
    "a preface and noise": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(255, -1, -1)) * 16,
}


def _token(made: Cluster) -> str:
    return (made.data / "token").read_text(encoding="utf-8").split()[0]


@pytest.mark.parametrize(
    ("oldest", "newest", "words"),
    [(3, 4, "the agent speaks protocols 3 to 4, the daemon 1 to 1: upgrade the daemon"), (0, 0, "upgrade the agent")],
)
async def test_another_protocol_is_refused(tmp_path: Path, oldest: int, newest: int, words: str) -> None:
    """A Hello whose protocols the daemon doesn't speak is refused, with both ranges and what to upgrade."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        async with stream(made.address, _token(made)) as call:
            opening = hello("other", protocol_min=oldest, protocol_max=newest)
            await call.write(agents_pb2.AgentMessage(hello=opening))
            with pytest.raises(grpc.aio.AioRpcError, match=words) as refusal:
                await call.read()
            assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_newer_agent_ends_with_the_reason(tmp_path: Path) -> None:
    """An agent that the daemon refuses for its protocol ends with one sentence, rather than dial for ever."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        arguments = ["--daemon", made.address, "--state-dir", str(tmp_path / "agent"), "--no-installed"]
        operators = ["--operators", "tests.acceptance.ledger_operators"]
        ended = subprocess.run(
            [sys.executable, "-m", "tests.acceptance.newer_agent", *arguments, *operators],
            env=made.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 1
        assert "the agent speaks protocols 3 to 4, the daemon 1 to 1: upgrade the daemon" in ended.stderr
        assert "Traceback" not in ended.stderr
        eventually(lambda: not made.survivors(), what="the end of its processes")


async def test_what_is_not_known_yet_is_passed_over(tmp_path: Path) -> None:
    """Fields and kinds of messages of a later protocol change nothing; an unknown value of a known field is refused."""
    unknown = b"\xba\x3e\x03new"  # field 999, a text
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        async with stream(made.address, _token(made)) as call:
            opening = agents_pb2.AgentMessage(hello=hello("later"))
            opening.MergeFromString(unknown)
            await call.write(opening)
            assert (await call.read()).HasField("welcome")
            await call.write(agents_pb2.AgentMessage.FromString(unknown))
            await call.write(agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=7)))
            assert (await call.read()).heartbeat.seq == 7
            async with AsyncClient(made.address, token=_token(made)) as client:
                request = accio_pb2.SubmitRequest(definition=b'{"workflow":"none"}', cache=7)  # type: ignore[arg-type]
                with pytest.raises(BadRequest, match="cache mode"):
                    await client._connection.call(client._accio.Submit, request, accio_pb2.SubmitResponse)


def test_strangers_harm_nobody(tmp_path: Path) -> None:
    """HTTP/1, TLS, noise and 120 silent connections are let go; running work, streams and other callers go on."""
    with cluster(tmp_path / "made") as made:
        daemon = made.start_daemon()
        agent = made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client, ThreadPoolExecutor(8) as pool:
            client.push(GATED)
            client.push(SQUARE)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: made.executed(), what="the node's beginning")
            process = psutil.Process(daemon.popen.pid)
            before = process.cpu_times()
            silent = [socket.create_connection(("127.0.0.1", made.port)) for _ in range(120)]
            try:
                told = list(pool.map(lambda words: _say(made.port, words), STRANGERS.values()))
                assert told == [True] * len(STRANGERS), "each stranger's connection was closed"
                found = client.submit({"workflow": "square", "params": {"x": 3}}).run.id
                assert client.wait(found, patience=90).state == "success"
                assert all(pool.map(_is_closed, silent)), "silent connections are closed"
            finally:
                for each in silent:
                    each.close()
            after = process.cpu_times()
            assert after.user + after.system - before.user - before.system < 3.0
            assert agent.output().count("connected") == 1, "the agent's stream wasn't hurt"
            made.open_gate("g")
            assert client.wait(run).state == "success"
        assert "Traceback" not in daemon.output()


def _say(port: int, words: bytes) -> bool:
    """Say something to the daemon; gives whether it closed the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        try:
            connection.sendall(words)
        except OSError:
            return True
        return _is_closed(connection)


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(20)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


async def test_few_open_files_stop_nobody_for_long(tmp_path: Path) -> None:
    """With fewer open files than callers, the daemon goes on once connections are given back."""
    with cluster(tmp_path / "made") as made:
        limited = ["prlimit", "--nofile=96:96"]
        try:
            daemon = made._start("daemon", ["accio_daemon"], made.environment(), limited)
        except FileNotFoundError:
            pytest.skip("limiting open files needs prlimit")
        made.daemon = daemon
        await asyncio.to_thread(eventually, lambda: made._answers(daemon))
        silent = []
        for _ in range(120):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", made.port))
            silent.append(connection)
        try:
            async with AsyncClient(made.address, token=_token(made)) as client, asyncio.timeout(40):
                while not await _answers(client):
                    assert daemon.popen.poll() is None
        finally:
            for connection in silent:
                connection.close()
        assert daemon.popen.poll() is None


async def _answers(client: AsyncClient) -> bool:
    try:
        await client.list_runs()
    except Unavailable:
        return False
    return True
