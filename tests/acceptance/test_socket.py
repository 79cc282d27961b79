"""Daemon, agent, command line and Python client find each other by the socket in the data folder."""

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from accio.domain.states import RunState
from accio.interpreter import python
from accio_client import Client
from tests.acceptance.processes import Cluster, Process, cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]
NO_ADDRESS = {"ACCIO_ADDR": ""}
NOBODY = 65534


@pytest.fixture
def made() -> Iterator[Cluster]:
    """A cluster in a folder whose path is short enough for a socket, and has characters that URLs don't."""
    with TemporaryDirectory(prefix="a%41 ") as folder, cluster(Path(folder)) as found:
        yield found


def start_daemon(made: Cluster, *arguments: str, **environment: str) -> Process:
    """Start a daemon, and wait until it listens."""
    process = made.start_daemon(*arguments, wait=False, **{**NO_ADDRESS, **environment})
    eventually(lambda: '"listening"' in process.output() or process.popen.poll() is not None, what="the daemon's start")
    return process


def accio(made: Cluster, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the command line."""
    return subprocess.run(
        python("accio_client.cli.main", *arguments),
        env=made.environment(**{**NO_ADDRESS, **environment}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def path_of(made: Cluster) -> Path:
    return made.data / "daemon.sock"


def test_everything_goes_through_the_socket(made: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address anywhere, a run ends well, on a machine on which nothing listens at a port."""
    start_daemon(made)
    assert stat.S_IMODE(path_of(made).stat().st_mode) == 0o600
    made.start_agent("a1", "--cpus", "1", "--daemon", f"unix:{path_of(made)}")
    for name, value in made.environment(**NO_ADDRESS).items():
        monkeypatch.setenv(name, value)
    with Client() as client:
        eventually(lambda: [each.state for each in client.list_agents()] == ["connected"], what="the agent")
        client.push({"id": "one", "graph": [{"op": "Square", "inputs": {"x": {"value": 3}}}]})
        assert client.wait(client.submit({"workflow": "one"}).run.id).state is RunState.SUCCESS
    assert accio(made, "get", "agents").stdout.count("connected") == 1
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", made.port)) != 0


def test_a_socket_comes_besides_an_address(made: Cluster) -> None:
    """A daemon with an address is found at the socket, too."""
    made.start_daemon()
    assert accio(made, "version").returncode == 0
    assert accio(made, "version", ACCIO_ADDR=made.address).returncode == 0


def test_a_socket_that_was_left_behind_is_replaced(made: Cluster) -> None:
    """After kill -9 the socket is left; clients say that nobody answers, and the next daemon takes its place."""
    start_daemon(made).popen.kill()
    eventually(lambda: made.processes[0].popen.poll() is not None, what="the daemon's end")
    assert path_of(made).is_socket()
    said = accio(made, "version").stderr
    assert f"no daemon answers at unix:{path_of(made)} (connection refused)" in said
    daemon = start_daemon(made)
    assert accio(made, "version").returncode == 0
    daemon.popen.send_signal(signal.SIGTERM)
    assert daemon.ended() == 0
    assert not path_of(made).exists()


def test_a_living_socket_is_left_alone(made: Cluster) -> None:
    """A second daemon that is told to listen at the same socket is refused, and the first one goes on."""
    start_daemon(made)
    second = start_daemon(made, "--data-dir", str(made.root / "other"), "--listen", f"unix:{path_of(made)}")
    assert second.ended() == 1
    assert "another process does" in second.output()
    assert accio(made, "version").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a socket of somebody else")
@pytest.mark.root
def test_a_socket_of_somebody_else_gets_no_token(made: Cluster) -> None:
    """Whoever put a socket of his own into the data folder isn't talked to: by no client, agent or daemon."""
    made.data.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path_of(made)))
        theirs.listen()
        os.chown(path_of(made), NOBODY, NOBODY)
        client = accio(made, "get", "agents")
        agent = made.start_agent("a1", "--cpus", "1", "--daemon", f"unix:{path_of(made)}")
        assert (client.returncode, agent.ended()) == (6, 6)
        daemon = start_daemon(made)
        assert daemon.ended() == 1
        for said in (client.stderr, agent.output(), daemon.output()):
            assert f"belongs to nobody (user {NOBODY})" in said
        theirs.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody has dialled
            theirs.accept()


def test_a_long_path_is_listened_to_elsewhere(made: Cluster) -> None:
    """Where the path of the socket would be too long, daemon and clients meet in the runtime folder."""
    runtime = made.root / "run"
    runtime.mkdir()
    there = {"ACCIO_DATA_DIR": str(made.root / ("x" * 100)), "XDG_RUNTIME_DIR": str(runtime)}
    start_daemon(made, **there)
    assert accio(made, "version", **there).returncode == 0
    assert stat.S_IMODE((runtime / "accio").stat().st_mode) == 0o700
    (found,) = (runtime / "accio").iterdir()
    assert stat.S_IMODE(found.stat().st_mode) == 0o600


def test_up_needs_no_port(made: Cluster) -> None:
    """`accio up` without an address is ready at the socket, and what it says next needs no address either."""
    up = subprocess.Popen(
        python("accio_client.cli.main", "up", "-cpus=1"),
        env=made.environment(**NO_ADDRESS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert up.stdout is not None
    try:
        assert up.stdout.readline() == f"accio is up at unix:{path_of(made)}; everything is kept in {made.data}\n"
        assert accio(made, "get", "agents").stdout.count("connected") == 1
        assert "listens at unix:" in accio(made, "up").stderr
    finally:
        up.send_signal(signal.SIGTERM)
        with up.stdout as output:
            rest = output.read()
        up.wait(100)
    assert f"export ACCIO_DATA_DIR='{made.data}'" in rest
    assert "ACCIO_ADDR" not in rest
