"""What the real engines of tests have in common: a batch system of one machine, whose programs run in a folder of their
own, and the commands by which it is used.
"""

import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from tests.acceptance.processes import eventually

_SYSTEM = "/usr/sbin:/sbin"
_PATH = f"{os.environ.get('PATH', '')}:{_SYSTEM}"

LEASE = "5s"
"""Of the daemons beside it."""


class Engine(ABC):
    """A running batch system, and its commands."""

    name: ClassVar[str]
    programs: ClassVar[Sequence[str]]
    """What must be installed."""
    takes_root: ClassVar[bool] = True
    pool: ClassVar[dict[str, Any]]
    """What describes a pool of it, of hosts of one processor."""
    shortest: ClassVar[str]
    """The shortest walltime that it knows."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._own = {**environment, "PATH": _PATH}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "log").mkdir(parents=True)

    @classmethod
    @contextmanager
    def local(cls, folder: Path) -> Iterator[Self]:
        """Run one in a folder; the test is skipped where none can be had."""
        if cls.takes_root and os.geteuid() != 0:
            pytest.skip(f"a {cls.name} of one's own takes root")
        if missing := [name for name in cls.programs if shutil.which(name, path=_PATH) is None]:
            pytest.skip(f"not installed: {', '.join(missing)}; scripts/setup-system installs {cls.name}")
        engine = cls(folder)
        try:
            engine.start()
            yield engine
        finally:
            engine.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What other programs need to use it."""
        return dict(self._own)

    @abstractmethod
    def start(self) -> None:
        """Start everything, and wait until its host waits for jobs."""

    @abstractmethod
    def submit(self, script: Path, output: Path, *options: str, **environment: str) -> str:
        """Submit a job of one processor that has this environment; return its id."""

    @abstractmethod
    def jobs(self) -> list[str]:
        """Return the ids of the jobs that haven't ended."""

    @abstractmethod
    def cancel(self, *jobs: str) -> None:
        """End jobs as their user would, unless they have ended; without any, all."""

    @property
    @abstractmethod
    def controller(self) -> Sequence[str]:
        """The command of the program that knows all jobs."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep the controller from answering."""
        controller = self._processes[self.controller[0]]
        controller.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            controller.send_signal(signal.SIGCONT)

    def replace_controller(self) -> None:
        """Kill the controller, and start another one on what it had saved."""
        controller = self._processes.pop(self.controller[0])
        controller.kill()
        controller.wait()
        self.launch(*self.controller)

    def run(self, *command: str, given: str | None = None, **environment: str) -> str:
        """Run one of its commands; return what it printed."""
        done = subprocess.run(
            command,
            env={**os.environ, **self._own, **environment},
            capture_output=True,
            text=True,
            check=False,
            input=given,
        )
        assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
        return done.stdout.strip()

    def says(self, *command: str) -> str:
        """Return what a command prints, whatever its exit code is."""
        return subprocess.run(
            command, env={**os.environ, **self._own}, capture_output=True, text=True, check=False
        ).stdout

    def launch(self, *command: str) -> None:
        """Start one of its programs, which ends with it."""
        with (self.folder / "log" / command[0]).open("ab") as log:
            self._processes[command[0]] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._own},
                start_new_session=True,
            )

    def are_up(self) -> None:
        """Fail if one of its programs has ended."""
        for process in self._processes.values():
            assert process.poll() is None, f"{process.args!r} ended with {process.returncode}:\n{self.words()}"

    def stop(self) -> None:
        """End its jobs, and then itself: what looks after a job doesn't end before it could tell the controller."""
        with suppress(AssertionError):
            self.cancel()
            eventually(lambda: not self.jobs(), patience=90, what="the end of every job")
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def words(self) -> str:
        """Return what its programs wrote."""
        logs = sorted((self.folder / "log").iterdir())
        return "\n".join(f"--- {path.name} ---\n{path.read_text(errors='replace')[-3000:]}" for path in logs)
