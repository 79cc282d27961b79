"""How gRPC reads messages in the processes of daemon and agent."""

import os
import subprocess
import sys

import pytest

from accio.grpc_polling import IN_PLACE, VARIABLE, poll_in_place
from accio_agent.agent.workers.environment import worker_environment

SERVE = """
import asyncio
from accio.grpc_polling import poll_in_place
poll_in_place()
import grpc.aio
async def serve():
    server = grpc.aio.server()
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await server.stop(None)
asyncio.run(serve())
"""


def test_grpc_knows_what_is_chosen() -> None:
    """A release that has no such choice says so for every process: then it is to be taken out here."""
    plain = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=plain, capture_output=True, text=True, check=True, timeout=90
    )
    assert "xperiment" not in done.stderr
    wrong = plain | {VARIABLE: "-no_such_thing"}
    told = subprocess.run(
        [sys.executable, "-c", SERVE], env=wrong, capture_output=True, text=True, check=True, timeout=90
    )
    assert "no_such_thing" in told.stderr


def test_it_is_the_choice_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators that use gRPC themselves find it as it is; what somebody else has chosen stays, and is passed on."""
    monkeypatch.delenv(VARIABLE, raising=False)
    poll_in_place()
    assert os.environ[VARIABLE] == IN_PLACE
    assert VARIABLE not in worker_environment(1)
    monkeypatch.setenv(VARIABLE, "tcp_frame_size_tuning")
    poll_in_place()
    assert worker_environment(1)[VARIABLE] == "tcp_frame_size_tuning"
