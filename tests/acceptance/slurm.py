"""A real Slurm of one machine, for tests: munged, slurmctld and slurmd as the system has them, in a folder of its own.

Everything listens on the loopback interface, nothing in /etc is read or written, and only processes that were started
here are ended. It has no cgroups and no accounting: jobs are confined by nothing, and told what they were given by
variables alone.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.acceptance.engines import Engine
from tests.acceptance.processes import eventually, free_port

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
KillWait=30
MaxArraySize=3
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes=n1 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class Slurm(Engine):
    """A running Slurm, and its commands."""

    name = "Slurm"
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scancel")
    pool: ClassVar[dict[str, Any]] = {"provider": "slurm", "walltime": "10m", "host": {"cpus": 1, "memory": "300MiB"}}
    shortest = "1m"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SLURM_CONF=str(folder / "slurm.conf"))

    @property
    def controller(self) -> Sequence[str]:
        """The command of slurmctld."""
        return ("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))

    def submit(self, script: Path, output: Path, *options: str, **environment: str) -> str:
        """Submit a job of 300 MB; return its id."""
        command = ("sbatch", "--parsable", "--no-requeue", "--ntasks=1", "--mem=300", f"--output={output}")
        return self.run(*command, *options, str(script), **environment)

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that haven't ended."""
        return self.run("squeue", "--noheader", "--format=%i").split()

    def cancel(self, *jobs: str) -> None:
        """End jobs by scancel."""
        self.says("scancel", *(jobs or ("--user=root",)))

    def start(self) -> None:
        """Start everything and wait until the node is idle."""
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        text = _CONFIGURATION.format(
            folder=self.folder,
            host=socket.gethostname().partition(".")[0],
            controller_port=free_port(),
            node_port=free_port(),
            cpus=os.cpu_count(),
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=no\nConstrainRAMSpace=no\n")
        munge = self.folder / "munge"
        files = [f"--{name}-file={munge / name}" for name in ("key", "pid", "log", "seed")]
        self.launch("munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *files)
        eventually((munge / "socket").is_socket, what="munged's socket")
        self.launch(*self.controller, "-i")
        self.launch("slurmd", "-D", "-N", "n1", "-f", str(self.folder / "slurm.conf"))
        eventually(self._is_idle, what="Slurm's node being idle")

    def _is_idle(self) -> bool:
        self.are_up()
        return bool(self.says("sinfo", "--noheader", "--Node", "--states=idle").strip())
