"""A real Slurm of one machine, for tests: munged, slurmctld and slurmd as the system has them, in a folder of its own.

Everything listens on the loopback interface, nothing in /etc is read or written, and only processes that were started
here are ended. It has no cgroups and no accounting: jobs are confined by nothing, and told what they were given by
variables alone.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.acceptance.processes import eventually, free_port

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scancel")

_SYSTEM = "/usr/sbin:/sbin"

LEASE = "5s"
"""Of the daemons beside it."""

_CONFIGURATION = """\
ClusterName=accio-test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes=n1 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class Slurm:
    """A running Slurm, and its commands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        path = f"{os.environ.get('PATH', '')}:{_SYSTEM}"
        self._environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}

    @property
    def environment(self) -> dict[str, str]:
        """What other programs need to use it."""
        return {name: self._environment[name] for name in ("SLURM_CONF", "PATH")}

    @property
    def _controller(self) -> "subprocess.Popen[bytes]":
        return next(each for each in self._processes if "slurmctld" in str(each.args))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep the controller from answering."""
        controller = self._controller
        controller.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            controller.send_signal(signal.SIGCONT)

    def replace_controller(self) -> None:
        """Kill the controller, and start another one on what it had saved."""
        controller = self._controller
        controller.kill()
        controller.wait()
        self._processes.remove(controller)
        self._launch("slurmctld", "-D", "-f", self._environment["SLURM_CONF"])

    def run(self, *command: str, **environment: str) -> str:
        """Run one of its commands; give what it printed."""
        done = subprocess.run(
            command, env={**self._environment, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def submit(self, script: Path, *options: str, **environment: str) -> str:
        """Submit a job; give its id."""
        return self.run("sbatch", "--parsable", "--no-requeue", *options, str(script), **environment)

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that haven't ended."""
        return self.run("squeue", "--noheader", "--format=%i").split()

    def start(self) -> None:
        """Start everything and wait until the node is idle."""
        for name in ("munge", "state", "spool", "log"):
            (self._folder / name).mkdir()
        key = self._folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        text = _CONFIGURATION.format(
            folder=self._folder,
            host=socket.gethostname().partition(".")[0],
            controller_port=free_port(),
            node_port=free_port(),
            cpus=os.cpu_count(),
        )
        (self._folder / "slurm.conf").write_text(text)
        (self._folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=no\nConstrainRAMSpace=no\n")
        munge = self._folder / "munge"
        files = [f"--{name}-file={munge / name}" for name in ("key", "pid", "log", "seed")]
        self._launch("munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *files)
        eventually((munge / "socket").is_socket, what="munged's socket")
        configuration = self._environment["SLURM_CONF"]
        self._launch("slurmctld", "-D", "-i", "-f", configuration)
        self._launch("slurmd", "-D", "-N", "n1", "-f", configuration)
        eventually(self._is_idle, what="Slurm's node being idle")

    def stop(self) -> None:
        """End its jobs, and then itself: what looks after a job doesn't end before it could tell the controller."""
        subprocess.run(["scancel", "--user=root"], env=self._environment, check=False)
        with suppress(AssertionError):
            eventually(lambda: not self.jobs(), patience=90, what="the end of every job")
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def words(self) -> str:
        """Return what its programs wrote."""
        logs = sorted((self._folder / "log").iterdir())
        return "\n".join(f"--- {path.name} ---\n{path.read_text(errors='replace')[-3000:]}" for path in logs)

    def _launch(self, *command: str) -> None:
        with (self._folder / "log" / command[0]).open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,
                )
            )

    def _is_idle(self) -> bool:
        for process in self._processes:
            assert process.poll() is None, f"{process.args!r} ended with {process.returncode}:\n{self.words()}"
        looked = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--states=idle"], env=self._environment, capture_output=True, check=False
        )
        return bool(looked.stdout.strip())


def missing_programs(names: Sequence[str] = _PROGRAMS) -> list[str]:
    """Return the programs that aren't installed."""
    path = f"{os.environ.get('PATH', '')}:{_SYSTEM}"
    return [name for name in names if shutil.which(name, path=path) is None]


@contextmanager
def local_slurm(folder: Path) -> Iterator[Slurm]:
    """Run a Slurm in a folder; the test is skipped where none can be had."""
    if os.geteuid() != 0:
        pytest.skip("a Slurm of one's own takes root")
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}; scripts/setup-system installs Slurm")
    folder.mkdir()
    slurm = Slurm(folder)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
