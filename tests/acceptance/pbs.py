"""PBS for tests: its commands are fakes (`fake_pbs.py`), its jobs real processes."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from tests.acceptance.engines import Engine

_COMMANDS = ("qsub", "qstat", "qsig", "qdel")


class FakePbs(Engine):
    """Commands of PBS in a folder, and the jobs that they have started."""

    name = "PBS"
    programs = ()
    takes_root = False
    pool: ClassVar[dict[str, Any]] = {"provider": "pbs", "walltime": "10m", "host": {"cpus": 1}}
    shortest = "40s"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._own["PATH"] = f"{folder / 'bin'}:{self._own['PATH']}"

    @property
    def controller(self) -> Sequence[str]:
        """There is none."""
        return ()

    def start(self) -> None:
        """Write the commands."""
        (self.folder / "bin").mkdir()
        program = Path(__file__).with_name("fake_pbs.py")
        for name in _COMMANDS:
            path = self.folder / "bin" / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "{self.folder}" {name} "$@"\n')
            path.chmod(0o755)

    def submit(self, script: Path, output: Path, *options: str, **environment: str) -> str:
        """Submit a job of one processor; return its id."""
        command = ("qsub", "-l", "select=1:ncpus=1", "-l", "walltime=00:10:00", "-o", str(output), *options)
        return self.run(*command, given=script.read_text(), **environment)

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that haven't ended; of arrays, those of their jobs."""
        listed = json.loads(self.run("qstat", "-t", "-f", "-F", "json")).get("Jobs", {})
        return [job for job, facts in listed.items() if facts["job_state"] not in ("B", "X")]

    def cancel(self, *jobs: str) -> None:
        """End jobs by qdel."""
        self.says("qdel", *(jobs or self.jobs()))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hide the server from the commands."""
        down = self.folder / "down"
        down.touch()
        try:
            yield
        finally:
            down.unlink()

    def replace_controller(self) -> None:
        """Do nothing: what there is of a server is in files."""
