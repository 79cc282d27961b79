"""An agent that root starts and that works as another user: what operators can't get at then, and what still works."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from accio.domain.states import RunState
from accio_client import Client
from tests.acceptance.joining import by_token, join_file
from tests.acceptance.processes import Cluster, cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(240)]
OTHER = pwd.getpwnam("nobody")
ROOT = Path(__file__).parents[2]
# Without the standard library of the interpreter that runs the tests: the agent's may be another.
LIBRARIES = os.pathsep.join([str(ROOT), *(each for each in sys.path if each.endswith("-packages"))])
ELSEWHERE = {"ACCIO_DATA_DIR": "/nonexistent", "ACCIO_ADDR": "", "PYTHONPATH": LIBRARIES}


@pytest.fixture
def made() -> Iterator[Cluster]:
    """A cluster whose folder everybody may enter, but not its data folder."""
    root = Path(tempfile.mkdtemp(prefix="accio-other-user-"))
    root.chmod(0o711)
    try:
        with cluster(root) as found:
            yield found
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def interpreter() -> str:
    """An interpreter that the other user can run this checkout with, for one of root's home it can't enter."""
    version = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if candidate is None:
            continue
        try:
            done = subprocess.run(
                [candidate, "-c", "import accio_agent.worker.template, tests.acceptance.prying_operators"],
                env={"PYTHONPATH": LIBRARIES},
                user=OTHER.pw_uid,
                group=OTHER.pw_gid,
                extra_groups=[],
                check=False,
            )
        except PermissionError:
            continue
        if done.returncode == 0:
            return candidate
    pytest.skip(f"{OTHER.pw_name} can run no {version} with this checkout")


def start(made: Cluster, interpreter: str) -> tuple[int, Path]:
    """Start daemon and agent; return the agent's process and its join file."""
    made.start_daemon("--listen", f"0.0.0.0:{made.port}")
    path = join_file(made)
    state = made.root / "a1"
    state.mkdir(mode=0o700)
    os.chown(state, OTHER.pw_uid, OTHER.pw_gid)
    agent = made.start_agent(
        *("a1", "--daemon", "", "--join", str(path), "--user", OTHER.pw_name),
        operators=("tests.acceptance.prying_operators",),
        interpreter=interpreter,
        **ELSEWHERE,
    )
    return agent.popen.pid, path


def connected(client: Client) -> bool:
    """Return whether the agent is there."""
    return [each.state for each in client.list_agents()] == ["connected"]


def test_operators_of_another_user_find_no_secrets(made: Cluster, interpreter: str) -> None:
    """An operator reads neither token nor join file, nor the agent's memory, and can't become root again; what it
    writes is the other user's, and the agent reads its token again when the daemon comes back.
    """
    agent, path = start(made, interpreter)
    with Client(made.address, token=by_token(made)) as client:
        eventually(lambda: connected(client), what="the agent")
        files = [str(path), str(made.data / "token"), str(made.data / "accio.db")]
        run = client.submit("Pry", agent=agent, files={"value": files})
        assert run.wait(raise_on_failure=True).state is RunState.SUCCESS
        assert [each.value for each in client.get_node(run.id, "Pry").artifacts] == [[]]
    assert made.daemon is not None
    made.daemon.kill(signal.SIGTERM)
    made.daemon.ended()
    made.start_daemon("--listen", f"0.0.0.0:{made.port}")
    with Client(made.address, token=by_token(made)) as client:
        eventually(lambda: connected(client), what="the agent's return")
        run = client.submit("Write", text="hello")
        assert run.wait(raise_on_failure=True).state is RunState.SUCCESS
        assert [each.value for each in client.get_node(run.id, "Write").artifacts] == [str(OTHER.pw_uid)]
        assert "hello" in "".join(each.text for each in client.logs(run.id))


def test_what_makes_another_user_impossible_is_told(made: Cluster, interpreter: str) -> None:
    """A user that isn't there, root itself, a socket of root's alone: each is refused with what to do instead."""
    made.start_daemon("--listen", f"0.0.0.0:{made.port}")
    path = join_file(made)
    for arguments, told in (
        (("--join", str(path), "--user", "nosuchuser"), "no user 'nosuchuser'"),
        (("--join", str(path), "--user", "root"), "must not run as root"),
        (("--daemon", f"unix:{made.data}/daemon.sock", "--user", OTHER.pw_name), "--listen"),
    ):
        done = subprocess.run(
            [interpreter, "-m", "accio_agent", "--no-installed", *arguments],
            env=made.environment(ACCIO_ADDR="", PYTHONPATH=LIBRARIES),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert told in done.stderr
        assert "Traceback" not in done.stderr
