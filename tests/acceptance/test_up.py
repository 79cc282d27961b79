"""`accio up` with real processes: ready, usable, stopped as a whole, and honest about what died."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from accio.domain.states import RunState
from accio.errors import NotFound
from accio.interpreter import python
from accio_client import Client
from tests.acceptance.processes import Cluster, eventually
from tests.unit.sdk.packages import write

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]
EXAMPLES = Path(__file__).parents[2] / "examples"


class Up:
    """A running `accio up`, in a folder with a file that is called like a module of the standard library."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        folder = cluster.root / "work"
        folder.mkdir(exist_ok=True)
        (folder / "queue.py").write_text("raise RuntimeError('a file of the working folder was run')\n")
        command = [
            *python("accio_client.cli.main", "up"),
            "--operators",
            str(EXAMPLES / "own_operators.py"),
        ]
        self.popen = subprocess.Popen(
            [*command, "-cpus=1"],
            cwd=folder,
            env=cluster.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.popen.stdout is not None
        self.first_line = self.popen.stdout.readline()

    def children(self) -> list[psutil.Process]:
        """Everything that it has started, the workers included."""
        return psutil.Process(self.popen.pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        """One that it has started itself: forks of that one are called like it, and may end at any moment."""
        return next(child for child in psutil.Process(self.popen.pid).children() if module in child.cmdline())

    def rest(self) -> str:
        """What it says until its end."""
        assert self.popen.stdout is not None
        if self.popen.stdout.closed:
            return ""
        with self.popen.stdout as output:
            said = output.read()
        self.popen.wait(60)
        return said


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """An `accio up` of its own, gone at the end with everything that it started."""
    running = Up(Cluster(tmp_path))
    yield running
    if running.popen.poll() is None:
        running.popen.send_signal(signal.SIGTERM)
    running.rest()


def client(up: Up, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("ACCIO_DATA_DIR", str(up.cluster.data))
    monkeypatch.delenv("ACCIO_TOKEN", raising=False)
    return Client(up.cluster.address)


def test_it_is_ready_and_runs_things(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line comes when an agent is connected; a workflow then runs to its end; Ctrl-C ends every process."""
    assert up.cluster.address in up.first_line
    assert up.popen.stdout is not None
    offered = up.popen.stdout.readline()
    assert "2 of own_operators.py" in offered
    with client(up, monkeypatch) as connection:
        assert [agent.state for agent in connection.list_agents()] == ["connected"]
        connection.push(EXAMPLES / "own_workflow.json")
        created = connection.submit(EXAMPLES / "own_run.json").run
        assert connection.wait(created.id).state is RunState.SUCCESS
    started = up.children()
    assert len(started) >= 2
    up.popen.send_signal(signal.SIGINT)
    assert "stopping" in up.rest()
    assert up.popen.returncode == 130
    eventually(lambda: not any(child.is_running() for child in started), what="the end of every process")


def test_runs_are_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `accio up` on the same folder has the runs and the operators of the first."""
    cluster = Cluster(tmp_path)
    for turn in (1, 2):
        running = Up(cluster)
        with client(running, monkeypatch) as connection:
            connection.push(EXAMPLES / "own_workflow.json")
            connection.submit(EXAMPLES / "own_run.json")
            assert len(connection.list_runs().runs) == turn
        running.popen.send_signal(signal.SIGTERM)
        running.rest()
        assert running.popen.returncode == 0


def test_it_says_which_operators_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose operators can't be imported is told by `accio up`, in lists, and to who misses an operator."""
    package = {
        "faulty_operators.py": "import a_module_that_is_not_there\n",
        "faulty-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n",
        "faulty-1.0.dist-info/entry_points.txt": "[accio.operators]\nall = faulty_operators\n",
    }
    write(tmp_path / "site", package)
    monkeypatch.syspath_prepend(tmp_path / "site")
    running = Up(Cluster(tmp_path))
    try:
        assert running.popen.stdout is not None
        running.popen.stdout.readline()
        said = "the operators of faulty are left out"
        assert said in running.popen.stdout.readline()
        with client(running, monkeypatch) as connection:
            (agent,) = connection.list_agents()
            assert "a_module_that_is_not_there" in agent.left_out[0]
            with pytest.raises(NotFound, match=said):
                connection.get_operator("Fit")
        told = subprocess.run(
            [*python("accio_client.cli.main"), "submit", "Fit"],
            env=running.cluster.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said in told.stderr
    finally:
        running.popen.send_signal(signal.SIGTERM)
        running.rest()


@pytest.mark.parametrize(("module", "name"), [("accio_daemon", "daemon"), ("accio_agent", "agent")])
def test_it_says_which_of_the_two_died(up: Up, module: str, name: str) -> None:
    """When the daemon or the agent dies, the other is stopped, and the message names it and how it died."""
    started = up.children()
    up.child(module).kill()
    said = up.rest()
    assert f"the {name} ended by signal SIGKILL" in said
    assert "Traceback" not in said
    assert up.popen.returncode == 5
    eventually(lambda: not any(child.is_running() for child in started), what="the end of every process")


def test_files_of_the_working_folder_are_left_alone(up: Up) -> None:
    """A file queue.py there is run by none of the processes."""
    assert up.cluster.address in up.first_line
    logs = (up.cluster.data / "logs").glob("*.log")
    assert [log.name for log in logs if "was run" in log.read_text(encoding="utf-8")] == []


def test_nobody_outlives_it(up: Up) -> None:
    """Even kill -9 of `accio up` ends daemon, agent and workers."""
    started = up.children()
    up.popen.kill()
    up.popen.wait(60)
    eventually(lambda: not any(child.is_running() for child in started), what="the end of every process")


def test_a_port_in_use(up: Up, tmp_path: Path) -> None:
    """Where something listens already, nothing is started, and the message says what to do."""
    environment = dict(up.cluster.environment(), ACCIO_DATA_DIR=str(tmp_path / "other"))
    command = [sys.executable, "-m", "accio_client.cli.main", "up"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"something listens at {up.cluster.address} already" in done.stderr
    assert not (tmp_path / "other").exists()


def web_link(up: Up) -> str:
    assert up.popen.stdout is not None
    return next(line for line in iter(up.popen.stdout.readline, "") if "in a browser" in line).split()[-1]


def test_nobody_waits_for_the_web_interface(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start, and what is run, share the processors with no web interface that nobody has asked for."""
    web_link(up)
    with client(up, monkeypatch) as connection:
        connection.push(EXAMPLES / "own_workflow.json")
        created = connection.submit(EXAMPLES / "own_run.json").run
        assert connection.wait(created.id).state is RunState.SUCCESS
    up.popen.send_signal(signal.SIGINT)
    up.rest()
    assert up.popen.returncode == 130
    assert not (up.cluster.data / "logs" / "web.log").exists()


def test_it_serves_the_web_interface(up: Up) -> None:
    """The link that it prints logs in, and a further one; when it dies, that is said once, and runs go on."""
    assert up.popen.stdout is not None
    link = web_link(up)
    origin, _, code = link.partition("/login#code=")
    command = [sys.executable, "-m", "accio_client.cli.main", "web", "link", f"--port={origin.rpartition(':')[2]}"]
    further = subprocess.run(command, env=up.cluster.environment(), capture_output=True, text=True, check=True).stdout
    with httpx.Client(base_url=origin, headers={"origin": origin}, timeout=60, trust_env=False) as http:
        assert http.post("/api/v1/login", json={"code": code}).status_code == 200
        assert http.post("/api/v1/login", json={"code": further.strip().partition("=")[2]}).status_code == 200
        assert http.get("/api/v1/workload").json()["cluster"]["agents"] == 1
    up.child("accio_web").kill()
    told = next(line for line in iter(up.popen.stdout.readline, "") if "web interface" in line)
    assert "ended by signal SIGKILL; runs go on" in told
    assert up.popen.poll() is None
