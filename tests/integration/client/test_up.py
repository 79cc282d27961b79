"""How `accio up` waits for its agent."""

import os
from pathlib import Path

import pytest

from accio.v1 import accio_pb2
from accio_client.cli.daemon import _await_agent
from accio_client.cli.output import Tables
from accio_client.cli.processes import Child
from accio_client.cli.session import Session
from tests.integration.client.fake_daemon import FakeDaemon


class SlowAgent(Child):
    """An agent that says something at each of the looks at it: at the fourth one, that it is connected, or not even
    then.
    """

    def __init__(self, log: Path, *, silent: bool = False) -> None:
        self.log, self._begin, self._looks, self._silent = log, 0, 0, silent
        log.touch()

    @property
    def pid(self) -> int:
        return os.getpid()

    def ended(self, within_s: float) -> bool:
        self._looks += 1
        with self.log.open("a") as file:
            said = "connected" if self._looks == 4 and not self._silent else "not connected yet"
            file.write(f'{{"event": "{said}"}}\nsomething connected otherwise\n')
        return False


def test_up_waits_for_a_slow_agent(daemon: FakeDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`accio up` waits as long as the agent takes to import its operators, and says so now and then."""
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse()
    agent = SlowAgent(tmp_path / "agent.log")
    session = Session(output=Tables(), json=False, quiet=False)
    _await_agent(session, agent, [agent], daemon.address, tell_every_s=0)
    assert capsys.readouterr().err.count("still waiting for the agent") == 4


def test_up_finds_an_agent_that_can_say_nothing(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Where nothing of what the agent says is in its log, the daemon is asked now and then whether it is there."""

    def agents(request: accio_pb2.ListAgentsRequest) -> accio_pb2.ListAgentsResponse:
        there = len(daemon.requests["ListAgents"]) > 3
        return accio_pb2.ListAgentsResponse(agents=[accio_pb2.Agent(name="slow", state="connected")] if there else [])

    daemon.answers["ListAgents"] = agents
    agent = SlowAgent(tmp_path / "agent.log", silent=True)
    session = Session(output=Tables(), json=False, quiet=False)
    _await_agent(session, agent, [agent], daemon.address, tell_every_s=0)
    assert len(daemon.requests["ListAgents"]) == 4
