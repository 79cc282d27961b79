"""Machines that one reaches by SSH, for tests: each has processes of its own (a namespace), and a real sshd on a port
of the loopback interface.

They share this machine's files, so that what is installed here is installed there, too.
"""

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.processes import eventually, free_port

_SYSTEM = "/usr/sbin:/sbin"
_PATH = f"{os.environ.get('PATH', '')}:{_SYSTEM}"


@dataclass
class Machine:
    """A machine: the process whose end is its own, and its sshd."""

    name: str
    port: int
    machine: "subprocess.Popen[bytes]"
    init: int
    """The first process of its namespace."""
    sshd: "subprocess.Popen[bytes] | None" = None


class Machines:
    """Running machines, and how they are reached."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = names
        self._machines: dict[str, Machine] = {}
        self._sshd = shutil.which("sshd", path=_PATH) or ""

    @property
    def options(self) -> list[str]:
        """Options of ssh that tell it of the machines, as `~/.ssh/config` would."""
        return ["-F", str(self._folder / "config")]

    def start(self) -> None:
        """Start all, and wait until each lets us in."""
        for name in ("host", "mine"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / name)], check=True)
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in self._names:
            command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "infinity"]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
            init = eventually(partial(_child, process.pid), what=f"the first process of {name}")
            self._machines[name] = Machine(name, free_port(), process, init)
        (self._folder / "config").write_text("".join(map(self._entry, self._machines.values())))
        for machine in self._machines.values():
            self._serve(machine)
        self._answer()

    def run(self, name: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on a machine."""
        command = ["ssh", *self.options, "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", name, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def processes(self, name: str) -> list[str]:
        """Return the command lines of what runs on a machine, but for its first process, which waits for none that have
        ended, and for sshd.
        """
        lines = subprocess.run(
            ["nsenter", "--target", str(self._machines[name].init), "--pid", "--mount", "ps", "-ww", "-eo", "args="],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        return [
            line for line in lines if not line.startswith(("sleep infinity", "sshd", "ps ")) and "<defunct>" not in line
        ]

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Keep sshd from answering, on all machines unless some are named."""
        chosen = [self._machines[name] for name in names or self._names]
        _signal(chosen, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(chosen, signal.SIGCONT)

    def restart_sshd(self) -> None:
        """Kill sshd on each machine, and start it again. What was started through it stays."""
        for machine in self._machines.values():
            assert machine.sshd is not None
            machine.sshd.kill()
            machine.sshd.wait()
            self._serve(machine)
        self._answer()

    def crash(self, name: str) -> None:
        """End a machine with everything that runs there."""
        machine = self._machines[name]
        for process in (machine.sshd, machine.machine):
            if process is not None:
                process.kill()
                process.wait()

    def stop(self) -> None:
        """End all."""
        for name in self._machines:
            self.crash(name)

    def _serve(self, machine: Machine) -> None:
        path = self._folder / f"sshd_{machine.name}"
        path.write_text(sshd_config(self._folder, machine.port))
        inside = ["nsenter", "--target", str(machine.init), "--pid", "--mount", "--no-fork"]
        with (self._folder / f"{machine.name}.log").open("ab") as log:
            machine.sshd = subprocess.Popen(
                [*inside, self._sshd, "-D", "-e", "-f", str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _entry(self, machine: Machine) -> str:
        settings = {
            "HostName": "127.0.0.1",
            "Port": machine.port,
            "User": getpass.getuser(),
            "IdentityFile": self._folder / "mine",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": self._folder / "known",
        }
        return f"Host {machine.name}\n" + "".join(f"  {name} {value}\n" for name, value in settings.items())

    def _answer(self) -> None:
        for name in self._machines:
            eventually(partial(self._lets_in, name), what=f"the answer of sshd on {name}")

    def _lets_in(self, name: str) -> bool:
        return self.run(name, "true").returncode == 0


def sshd_config(folder: Path, port: int) -> str:
    """Return the configuration of an sshd whose keys lie in `folder`.

    Whoever comes in has that folder as home: what the start-up files of this machine's user do (take locks that an
    ended session leaves behind, for one) is not what the tests are about.
    """
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "mine.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "Subsystem": "sftp internal-sftp",
        "SetEnv": f"HOME={folder}",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def _signal(machines: Sequence[Machine], number: signal.Signals) -> None:
    for machine in machines:
        assert machine.sshd is not None
        machine.sshd.send_signal(number)


@contextmanager
def reached_by_ssh(folder: Path, *names: str) -> Iterator[Machines]:
    """Run machines; the test is skipped where none can be had."""
    if os.geteuid() != 0:
        pytest.skip("machines of one's own take root")
    if missing := [name for name in ("sshd", "ssh", "unshare", "nsenter") if shutil.which(name, path=_PATH) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}; scripts/setup-system installs them")
    folder.mkdir(mode=0o700)
    machines = Machines(folder, names)
    try:
        machines.start()
        yield machines
    finally:
        machines.stop()
