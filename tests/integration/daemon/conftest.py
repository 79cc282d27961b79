"""A running daemon, and an agent of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Serving]:
    """A daemon with an empty data folder."""
    async with serving(configured(tmp_path / "data")) as running:
        yield running


@pytest.fixture
async def agent(daemon: Serving) -> AsyncIterator[ScriptedAgent]:
    """An agent that computes what its operators promise."""
    async with joined(daemon.agents) as agent:
        yield agent
