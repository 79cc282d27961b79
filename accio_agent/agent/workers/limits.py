"""What this machine offers, and how the memory of workers is kept within what was reserved for them."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from accio.control_groups import groups_above, own_group
from accio.domain.resources import Resources
from accio.domain.sizes import size
from accio_agent import linux
from accio_agent.agent.batch_job import BatchJob
from accio_agent.agent.workers import devices
from accio_agent.agent.workers.devices import Devices

BIND_FROM = 4
"""Fewest processors of a machine whose lanes are bound to some of them."""


def detect(folder: Path, job: BatchJob | None = None) -> Resources:
    """Detect the processors, memory and disk space (of *folder*'s file system) that this process may use: no more than
    its batch system's *job* was given. GPUs are `find_devices`'s business.
    """
    return Resources(
        milli_cpus=_milli_cpus(job.cpus if job is not None else 0),
        memory=_memory(job.memory if job is not None else 0),
        disk=shutil.disk_usage(folder).free,
    )


def _milli_cpus(given: int) -> int:
    """Return the least of processors by affinity, by the control group's quota, as *given* to the job (0: none)."""
    found = [len(os.sched_getaffinity(0)) * 1000, _quota(), given * 1000]
    return max(1, min(each for each in found if each))


def _quota() -> int:
    """Return the quota of processor time in thousandths of a processor; 0 if there is none."""
    found = []
    for group in groups_above(own_group("")):
        with suppress(OSError, ValueError):  # "max" is no number
            limit, period = map(int, (group / "cpu.max").read_text().split())
            found.append(limit * 1000 // period)
    for group in groups_above(own_group("cpu")):
        with suppress(OSError, ValueError):
            limit = int((group / "cpu.cfs_quota_us").read_text())
            period = int((group / "cpu.cfs_period_us").read_text())
            if limit > 0:
                found.append(limit * 1000 // period)
    return max(1, min(found)) if found else 0


def _memory(given: int) -> int:
    """Return the machine's memory, or the least of what limits it: the control groups that this process is in, the
    address space that it may have, what was *given* to the job.
    """
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    addressable, _ = resource.getrlimit(resource.RLIMIT_AS)  # Grid Engine's h_vmem, for one
    for limit in (given, addressable):
        if limit > 0:  # the endless one is -1
            found = min(found, limit)
    for controller, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        for group in groups_above(own_group(controller)):
            with suppress(OSError, ValueError):  # "max" is no number
                found = min(found, int((group / name).read_text()))
    return found


def find_devices() -> Devices:
    """Return the GPUs that a variable leaves to this process, or all that NVIDIA's driver shows."""
    return devices.named(os.environ) or devices.numbered(_installed_gpus())


def _installed_gpus() -> int:
    if Path("/proc/driver/nvidia/gpus").is_dir():
        return sum(1 for _ in Path("/proc/driver/nvidia/gpus").iterdir())
    if shutil.which("nvidia-smi") is None:
        return 0
    with suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=5, check=True)
        return sum(1 for line in found.stdout.splitlines() if line.startswith("GPU "))
    return 0


class Processors:
    """Which processors busy lanes are bound to: those that the fewest others use.

    Only lanes that reserved whole processors are bound, and only where there are enough processors that daemon, agent
    and everything else on the machine can keep out of their way.
    """

    def __init__(self, available: Iterable[int]) -> None:
        self._use = dict.fromkeys(sorted(available), 0)
        self._lanes: dict[int, list[int]] = {}

    def take(self, lane: int, milli_cpus: int) -> list[int]:
        """Bind a lane that becomes busy; an empty list leaves it free. A lane that is bound stays as it is."""
        count = milli_cpus // 1000
        if len(self._use) < BIND_FROM or count == 0 or count >= len(self._use):
            return []
        found = self._lanes.get(lane)
        if found is None:
            found = self._lanes[lane] = sorted(sorted(self._use, key=self._use.__getitem__)[:count])
            for number in found:
                self._use[number] += 1
        return found

    def release(self, lane: int) -> None:
        """Free the processors of a lane that isn't busy any more."""
        for number in self._lanes.pop(lane, ()):
            self._use[number] -= 1


class MemoryGuard:
    """Memory limits of lanes: a control group for each that has one where groups can be made; else only `used`."""

    def __init__(self, name: str) -> None:
        self._name = f"accio-{name}-{os.getpid()}"
        self._groups: dict[int, Path] = {}
        self._kills: dict[int, int] = {}
        self._limits: dict[int, int] = {}
        self._parent, self._files = self._find_parent()

    def prepare(self, lane: int, limit: int) -> str:
        """Set a lane's limit (0 for none); the group that its worker must join, empty for none."""
        self._limits[lane] = limit
        group = self._groups.get(lane)
        if group is None:
            if not limit or self._parent is None:
                return ""
            group = self._parent / f"{self._name}-{lane}"
            try:
                group.mkdir()
            except OSError:
                self._parent = None
                return ""
            self._groups[lane] = group
            self._kills[lane] = 0
        with suppress(OSError):
            (group / self._files["limit"]).write_text(str(limit or self._files["no limit"]))
            (group / self._files["swap"]).write_text(self._files["no swap"])
        self._kills[lane] = self._killed(group)
        return str(group / "cgroup.procs")

    def used(self, lane: int, pid: int, limit: int) -> int:
        """Return the memory of a lane's worker and its descendants now; 0 where the kernel looks after it.

        Memory that processes share counts once. Finding that out takes the kernel a walk over all of it, so that it is
        asked only where the sum is beyond the limit.
        """
        if lane in self._groups or not pid:
            return 0
        everybody = [pid, *linux.descendants(pid)]
        found = sum(map(linux.resident_memory, everybody))
        if found > limit and len(everybody) > 1:
            shares = list(map(linux.proportional_memory, everybody))
            found = sum(shares) if shares[0] else found
        return found

    def verdict(self, lane: int) -> str:
        """Return why a lane's worker was killed, if it was for want of memory; else an empty text."""
        group = self._groups.get(lane)
        if group is None or self._killed(group) <= self._kills[lane]:
            return ""
        return f"it needed more memory than its limit of {size(self._limits[lane])}"

    def release(self, lane: int) -> None:
        """Forget a lane whose worker is gone."""
        self._limits.pop(lane, None)
        group = self._groups.pop(lane, None)
        if group is not None:
            with suppress(OSError):
                group.rmdir()

    def close(self) -> None:
        for lane in list(self._groups):
            self.release(lane)

    def _killed(self, group: Path) -> int:
        """Return how many processes of a group the kernel killed for want of memory."""
        with suppress(OSError, ValueError):
            for line in (group / self._files["events"]).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return 0

    @staticmethod
    def _find_parent() -> tuple[Path | None, Mapping[str, str]]:
        """Return where groups with a memory limit can be made, and what the files in them are called."""
        second = {
            "limit": "memory.max",
            "swap": "memory.swap.max",
            "no swap": "0",
            "events": "memory.events",
            "no limit": "max",
        }
        first = {
            "limit": "memory.limit_in_bytes",
            "swap": "memory.swappiness",
            "no swap": "0",
            "events": "memory.oom_control",
            "no limit": "-1",
        }
        group = own_group("")
        if group is not None:
            with suppress(OSError):
                if "memory" in (group / "cgroup.subtree_control").read_text() and os.access(group, os.W_OK):
                    return group, second
        group = own_group("memory")
        if group is not None and (group / first["limit"]).exists() and os.access(group, os.W_OK):
            return group, first
        return None, first
