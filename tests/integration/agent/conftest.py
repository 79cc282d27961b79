"""A fake daemon and a real agent process, with operators written for the tests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.agent.fake_daemon import PATIENCE_S, TOKEN, FakeDaemon, fake_daemon

OPERATORS = Path(__file__).with_name("operators.py")
ROOT = Path(__file__).resolve().parents[3]


class AgentProcess:
    """An agent as users start it."""

    def __init__(self, folder: Path, address: str, *options: str, token: str | None = TOKEN) -> None:
        self.folder = folder
        self.state = folder / "state"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ACCIO_")}
        environment |= {"ACCIO_DATA_DIR": str(folder / "data"), "ACCIO_CONFIG_ROOT": str(folder / "config")}
        if token is not None:
            environment["ACCIO_TOKEN"] = token
        command = [sys.executable, "-m", "accio_agent", "--daemon", address, "--operators", str(OPERATORS)]
        command += ["--no-installed", "--cpus", "2", "--state-dir", str(self.state), "--name", "test", *options]
        self.log = folder / "agent.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=environment, cwd=ROOT)

    def kill(self) -> None:
        """End the agent as a crash would."""
        self.process.kill()
        self.process.wait()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """End the agent as a user would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self, seconds: float = PATIENCE_S) -> int:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(self.process.wait)

    @property
    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
async def daemon() -> AsyncIterator[FakeDaemon]:
    async with fake_daemon() as running:
        yield running


@pytest.fixture
async def agent(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent that has connected."""
    running = AgentProcess(tmp_path, daemon.address)
    try:
        await daemon.connected()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.send_signal(signal.SIGINT)
            try:
                await running.ended(5)
            except TimeoutError:
                running.kill()
        await daemon.stop()
