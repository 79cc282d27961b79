"""A pool of machines by SSH: a real sshd of this machine, whose agents outlive connections and the pool's process."""

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from accio_client import Client
from tests.acceptance.machines import sshd_config
from tests.acceptance.processes import Cluster, Process, cluster, eventually, free_port
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(240)]


@dataclass(frozen=True)
class Sshd:
    """A running sshd, and how it is reached."""

    options: list[str]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd with keys of its own, on a port of its own."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("not installed: sshd; scripts/setup-system installs it")
    if os.geteuid() != 0:
        pytest.skip("an sshd of one's own takes root")
    folder, port = tmp_path / "ssh", free_port()
    folder.mkdir(mode=0o700)
    for name in ("host", "mine"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(sshd_config(folder, port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    options = ["-p", str(port), "-l", getpass.getuser(), "-i", str(folder / "mine"), "-F", "none"]
    options += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder / 'known'}"]
    try:
        eventually(
            lambda: (
                subprocess.run(["ssh", *options, "-o", "BatchMode=yes", "127.0.0.1", "true"], check=False).returncode
                == 0
            ),
            what="sshd's answer",
        )
        yield Sshd(options)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "made") as found:
        found.start_daemon("--lease", "5s")
        yield found


def serve(sshd: Sshd, made: Cluster, *hosts: str) -> Process:
    """Serve a pool of machines; agents get the test's environment, as no login of theirs would."""
    exported = [
        f"export {name}='{value}'"
        for name, value in made.environment().items()
        if name.startswith(("ACCIO_", "PYTHONPATH"))
    ]
    pool = {
        "name": "lab",
        "provider": "ssh",
        "hosts": hosts,
        "max": len(hosts),
        "keep": "2s",
        "poll": "0.5s",
        "directives": sshd.options,
        "before": exported,
        "folder": str(made.root / "out"),
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"],
    }
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [pool]}))
    return made._start("pool", ["accio_pool", "serve", str(file)], made.environment())


def live(client: Client) -> list[str]:
    """Return the states of the allocations that haven't ended."""
    return [each.state for each in client.list_allocations(live=True).allocations]


def test_machines_work_through_cut_connections(sshd: Sshd, made: Cluster) -> None:
    """An agent on another machine outlives the pool's process, is found again, does its work, and leaves nothing."""
    pool = serve(sshd, made, "127.0.0.1", "nowhere.invalid")
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("lab", kept=1)
        eventually(lambda: live(client) == ["running"] and client.list_operators(), what="an agent")
        # It may say that it runs before the list of machines tells where.
        eventually(lambda: client.list_allocations().allocations[0].host, what="its machine being known")
        client.push(GATED)
        run = client.submit({"workflow": "gated", "params": {"label": "a"}}).run.id
        eventually(lambda: any("Gate a begins" in line for line in made.executed()), what="the node's beginning")
        pool.kill()
        pool.ended()
        serve(sshd, made, "127.0.0.1", "nowhere.invalid")
        eventually(
            lambda: [each.state for each in client.list_pools().pools] == ["serving"], what="the pool being served"
        )
        made.open_gate("a")
        assert client.wait(run).state == "success"
        client.change_pool("lab", kept="auto")
        eventually(lambda: live(client) == [], what="the machine being given back")
        (allocation,) = client.list_allocations().allocations
        assert (allocation.state, allocation.host) == ("ended", "127.0.0.1")
    eventually(lambda: made.survivors() == [], what="every process of the agent having ended")
    assert len([line for line in made.executed() if "begins" in line]) == 1
