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
