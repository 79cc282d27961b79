"""Programs that the command line starts while it talks to a daemon."""

import os
import subprocess
import sys
from pathlib import Path

from accio.v1 import accio_pb2
from tests.integration.client.fake_daemon import FakeDaemon

FORKS = 150
CODE = f"""
import os, sys, threading
from pathlib import Path
from accio_client.cli.main import main
main(["get", "agents"])
from accio_client import Client
from accio_client.cli.processes import Child
client = Client()
def ask():
    while True:
        client.list_agents()
for _ in range(2):
    threading.Thread(target=ask, daemon=True).start()
ended = []
for _ in range({FORKS}):
    child = Child("it", ["accio.version"], Path("it.log"), dict(os.environ))
    child.process.kill()
    child.process.wait()
    ended.append(child.process.returncode)
print(len(ended), sorted(set(ended) - {{0, -9}}))  # some have ended before the signal comes
sys.stdout.flush()
os._exit(0)
"""


def test_children_survive_calls_that_go_on_beside_their_start(daemon: FakeDaemon, tmp_path: Path) -> None:
    """While calls are made, none of many programs dies between fork and exec: each ends by itself, or by the signal
    that it is sent. With gRPC's own handling of forks, one of ten ended by SIGABRT or SIGSEGV, with nothing in its log.
    """
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    environment.pop("GRPC_ENABLE_FORK_SUPPORT", None)
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.stdout.splitlines()[-1:] == [f"{FORKS} []"], done.stderr


FORKED = """
import multiprocessing
from accio_client import Client
def ask(answers, client):
    try:
        if client is None:
            with Client() as client:
                answers.put(len(client.list_agents()))
        else:
            answers.put(len(client.list_agents()))
    except Exception as error:
        answers.put(f"{type(error).__name__}: {error}")
def asked(client):
    forking = multiprocessing.get_context("fork")
    answers = forking.Queue()
    process = forking.Process(target=ask, args=(answers, client))
    process.start()
    answer = answers.get(timeout=60)
    process.join()
    return f"{process.exitcode} {answer}"
with Client() as closed:
    closed.list_agents()
print(asked(None))
with Client() as client:
    client.list_agents()
    print(asked(client))
    print(asked(None))
    with Client(brief=True) as brief:
        print(asked(brief))
    print(len(client.list_agents()))
"""


def test_forked_processes_ask_or_are_told_how(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A process that was forked after a client was closed has clients of its own; beside an open one, where gRPC
    aborted and the parent's client never answered, it is told what to do, and a brief client asks.
    """
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == 5, done.stderr
    after_close, its_client, its_own, brief, parent = lines
    assert after_close == brief == "0 0"
    assert its_client.startswith("0 FailedPrecondition: this process was forked from one with an open client")
    assert its_own == its_client
    assert parent == "0"
