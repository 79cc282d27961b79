"""An agent is asked about the code of its operators by a socket of the daemon, beside its session."""

import asyncio
import signal
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from accio.look_line import UNSURE
from accio.v1 import agents_pb2
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon
from tests.look_lines import accepted, ask, listening

pytestmark = pytest.mark.timeout(400)

CODE = """
from accio import operator

@operator
def Edited() -> int:
    return 1
"""


@pytest.fixture
async def listener(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[socket.socket]:
    """Where the daemon listens for agents; there is an operator to edit."""
    (tmp_path / "edited.py").write_text(CODE)
    with listening(tmp_path / "looks") as listener:
        daemon.looks_at = str(tmp_path / "looks")
        yield listener


async def _sure(connection: socket.socket) -> int:
    """Ask until the agent is sure; return how often it has told something."""
    number = told = UNSURE
    while told == UNSURE:
        number += 2
        again, told = await ask(connection, number)
        assert again == number
    return told


async def test_an_agent_says_at_once_whether_anything_is_new(
    daemon: FakeDaemon, listener: socket.socket, tmp_path: Path
) -> None:
    """An edit that has ended is never new to it later: it isn't sure, or has told of it."""
    agent = AgentProcess(tmp_path, daemon.address, "--operators", str(tmp_path / "edited.py"))
    try:
        connection, key = await accepted(listener)
        with connection:
            assert key == b"1"
            assert await _sure(connection) == 0
            daemon.assign(daemon.node_class("Edited"), [1])
            await daemon.report(1)  # it is loaded: else an edit has it withheld, which another session tells
            for told, text in enumerate((CODE.replace("1", "2"), CODE), start=1):
                (tmp_path / "edited.py").write_text(text)
                _, found = await ask(connection, 7)
                assert found in (UNSURE, told)
                assert await _sure(connection) == told
            await daemon.until(lambda: len(_tellings(daemon)) == 2)
            assert _tellings(daemon) == [["Edited"], []]
            daemon.hang_up()
            assert await asyncio.get_running_loop().sock_recv(connection, 1) == b"", "the session has ended"
        connection, key = await accepted(listener)
        with connection:
            assert key == b"2"
            assert await _sure(connection) == 0
    finally:
        await agent.stop(signal.SIGTERM)


async def test_code_that_was_loaded_is_announced_before_anything_else_is_said(
    daemon: FakeDaemon, listener: socket.socket, tmp_path: Path
) -> None:
    """An agent that reloads is never sure in the session in which it found an edit, and is in the one that tells."""
    agent = AgentProcess(tmp_path, daemon.address, "--reload", "--operators", str(tmp_path / "edited.py"))
    try:
        connection, _ = await accepted(listener)
        with connection:
            assert await _sure(connection) == 0
            (tmp_path / "edited.py").write_text(CODE.replace("1", "2"))
            found = UNSURE
            while found == UNSURE:
                try:
                    _, found = await ask(connection, 7)
                except (OSError, struct.error):  # the session ended
                    break
                assert found == UNSURE
        while True:
            connection, key = await accepted(listener)
            with connection:
                hello = daemon.hellos[int(key) - 1]
                if _digest(hello) not in ("", _digest(daemon.hellos[0])):  # else it is withheld, until it is loaded
                    assert await _sure(connection) in (0, 1)
                    return
    finally:
        await agent.stop(signal.SIGTERM)


def _digest(hello: agents_pb2.Hello) -> str:
    return next((each.digest for each in hello.operators if each.name == "Edited"), "")


def _tellings(daemon: FakeDaemon) -> list[list[str]]:
    """Return what the agent has told of its code: each time the operators that differ."""
    return [list(each.stale.operators) for each in daemon.others if each.HasField("stale")]
