"""A daemon that has no descriptor left: who is connected is served, and newcomers are as soon as others are idle."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.processes import cluster, eventually
from tests.acceptance.sweeps import GATED, SQUARE

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(240)]
DESCRIPTORS = 100
LIMITED = ["sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$0" "$@"']
HOLDING = """
import sys, threading, grpc
apart = [("grpc.use_local_subchannel_pool", 1)]
channels = [grpc.insecure_channel(sys.argv[1], apart) for _ in range(int(sys.argv[2]))]
ready = threading.Semaphore(0)
for channel in channels:
    channel.subscribe(lambda state: state is grpc.ChannelConnectivity.READY and ready.release(), try_to_connect=True)
for _ in range(int(sys.argv[2]) // 4):
    ready.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_connections_that_nobody_uses_make_way(tmp_path: Path) -> None:
    """A crowd that connects, proves nothing and asks for nothing takes all descriptors: a run ends well and is seen to
    by who was connected, and who comes later is answered though the crowd stays.
    """
    with cluster(tmp_path / "made") as made:
        made.daemon = daemon = made._start("daemon", ["accio_daemon"], made.environment(), LIMITED)
        eventually(lambda: made._answers(daemon), what="the daemon's answer")
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            client.push(SQUARE)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: made.executed(), what="the node's beginning")
            command = [sys.executable, "-c", HOLDING, made.address, str(DESCRIPTORS + 20)]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
                try:
                    assert crowd.stdout is not None
                    assert crowd.stdout.readline() == "held\n"
                    eventually(lambda: "descriptor limit" in daemon.output(), what="the daemon's limit")
                    made.open_gate("g")
                    assert client.wait(run).state == "success"
                    with made.client() as newcomer:
                        found = newcomer.submit({"workflow": "square", "params": {"x": 3}}).run.id
                        assert newcomer.wait(found).state == "success"
                finally:
                    crowd.kill()
        daemon.kill(signal.SIGTERM)
        assert daemon.ended() == 0
        assert "Traceback" not in daemon.output()
