"""What the pages on clusters tell readers to type, typed: on a real Slurm, on machines reached by SSH, on two paths.

Names, sizes and places that a page takes for an example are replaced by those that are there; the rest is as it says.
"""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.machines import Machines, reached_by_ssh
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.slurm import Slurm
from tests.acceptance.test_documentation import ROOT, blocks

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(300)]

ACCIO = Path(sys.executable).with_name("accio")


@dataclass
class Reader:
    """Somebody who types what a page says in a folder of his own."""

    made: Cluster
    host: str
    """Where the page takes the daemon to be."""
    words: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def read(self, page: str, **pool: Any) -> None:
        """Type every line of the page's blocks for shells; in its pool, what is given stands for what the page says."""
        for block in blocks(ROOT / "docs" / page):
            if block.file is not None:
                (written,) = json.loads(block.text)["pools"]
                (self.made.root / block.file).write_text(json.dumps({"pools": [{**written, **pool}]}))
            elif block.language == "sh" and "test_cluster_pages.py" in (block.not_run or ""):
                for line in block.text.splitlines():
                    self.type(line.partition("  #")[0].strip())
                    if line.startswith("accio get agents"):
                        eventually(lambda: connected(self), what="an agent being there")

    def type(self, line: str) -> str:
        """Type a command, and return what it prints; one with & goes on beside the shell."""
        example = {
            "0.0.0.0:7615": f"0.0.0.0:{self.made.port}",
            f"{self.host}:7615": f"127.0.0.1:{self.made.port}",
            "~/accio.join": str(self.made.root / "accio.join"),
            "/tmp/accio-": f"{self.made.root}/",
        }
        for said, meant in {**example, **self.words}.items():
            line = line.replace(said, meant)
        environment = {**self.made.environment(), **self.environment}
        environment["PATH"] = f"{self.made.root / 'bin'}:{ACCIO.parent}:{environment['PATH']}"
        del environment["ACCIO_ADDR"]  # the daemon is found as the page says
        if line.endswith("&"):
            log = self.made.root / "typed.log"
            with log.open("ab") as sink:
                words = ["bash", "-c", f"exec {line.removesuffix('&')}"]
                popen = subprocess.Popen(
                    words, cwd=self.made.root, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
                )
            self.made.processes.append(Process(line, popen, log))
            if line.startswith("accio daemon"):  # a reader waits until it has said that it listens
                eventually(lambda: '"event": "listening"' in self.log, what="the daemon listening")
            return ""
        return eventually(lambda: self._succeeds(line, environment), what=f"the success of {line}")

    @property
    def log(self) -> str:
        """What commands that go on have printed."""
        return (self.made.root / "typed.log").read_text(errors="replace")

    def _succeeds(self, line: str, environment: Mapping[str, str]) -> str:
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.made.root, env=environment, capture_output=True, text=True, check=False
        )
        return "" if done.returncode else done.stdout or "nothing"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Cluster]:
    """Folders for a daemon that the page starts."""
    with cluster(tmp_path / "made") as found:
        yield found


def connected(reader: Reader) -> int:
    """Return how many agents are connected."""
    found = json.loads(reader.type("accio get agents --json"))
    return sum(each["state"] == "connected" for each in found["agents"])


def ended(reader: Reader) -> int:
    """Return how many allocations had an agent, and have ended."""
    found = json.loads(reader.type("accio get allocations --json"))
    return sum(each["state"] == "ended" and bool(each["agent"]) for each in found["allocations"])


def test_on_a_slurm_cluster(slurm: Slurm, made: Cluster) -> None:
    """The page brings a job in which an agent serves the daemon."""
    reader = Reader(made, "login.example.org", environment=slurm.environment)
    reader.read(
        "slurm.md",
        host={"cpus": 1, "memory": "300MiB"},
        options={"partition": "debug"},
        directives=[],
        before=[],
        command=f"{ACCIO} agent",
        join=str(made.root / "accio.join"),
        poll="0.5s",
    )
    eventually(lambda: ended(reader) == 1, what="the host being given back")
    eventually(lambda: not slurm.jobs(), what="no job being left")


def test_on_machines_that_i_reach_by_ssh(tmp_path: Path, made: Cluster) -> None:
    """The page brings an agent on one of two machines."""
    with reached_by_ssh(tmp_path / "ssh", "lab1", "lab2") as machines:
        typing(made, machines)
        words = {f"{name}:accio.join": f"{name}:{made.root}/copied.join" for name in ("lab1", "lab2")}
        reader = Reader(made, "desk.example.org", words)
        reader.read(
            "ssh.md",
            host={"cpus": 1},
            command=f"{ACCIO} agent",
            join=f"{made.root}/copied.join",
            before=[f"export ACCIO_DATA_DIR='{made.root}/there'"],
            folder=f"{made.root}/out",
            directives=machines.options,
            poll="0.5s",
        )
        eventually(lambda: ended(reader) == 1, what="the machine being given back")


def typing(made: Cluster, machines: Machines) -> None:
    """Describe the machines to `scp`, as `~/.ssh/config` would."""
    (made.root / "bin").mkdir()
    path = made.root / "bin" / "scp"
    path.write_text(f'#!/bin/sh\nexec {shutil.which("scp")} {shlex.join(machines.options)} "$@"\n')
    path.chmod(0o755)


def test_on_a_shared_file_system(tmp_path: Path, made: Cluster) -> None:
    """Agents see the daemon's store, under its path or under another one."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "disk")
    words = {"/mnt/scratch/lab": str(tmp_path / "elsewhere"), "/scratch/lab": str(tmp_path / "disk")}
    reader = Reader(made, "login.example.org", words)
    reader.read("shared-files.md")
    eventually(lambda: connected(reader) == 2, what="both agents being connected")
