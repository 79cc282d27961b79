"""Who has an agent's folder, when hosts share it: a file that its owner renews.

`flock` tells processes of one host apart, but not every shared file system passes it on to other hosts (NFS with
`local_lock`, sshfs). Creating a file that mustn't exist is exclusive there as well. The owner renews its file's time,
and a folder whose owner has stopped doing so can be had again; both times that are compared are given by the file
system, as clocks of hosts differ. On one host the lock decides: a claim that a killed agent left counts for nothing.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

import orjson

from accio.errors import FailedPrecondition
from accio_agent import linux
from accio_agent.agent.batch_job import this_job

RENEWED_EVERY_S = 15.0

ABANDONED_AFTER_S = 150.0
"""A claim that wasn't renewed for so long counts no more: longer than file systems may show an old time (NFS: 60 s)."""

_FILE = "claim"


class Claim:
    """A folder's claim, held until `release`. To be made under the folder's lock."""

    def __init__(self, folder: Path) -> None:
        """Claim a folder; FailedPrecondition if an agent of another host has it."""
        self._path = folder / _FILE
        self._folder = folder
        self._token = secrets.token_hex(16)
        job = this_job()
        self._text = orjson.dumps(
            {
                "token": self._token,
                "host": os.uname().nodename,
                "boot": linux.boot_id(),
                "process": os.getpid(),
                "job": "" if job is None else str(job),
            }
        )
        if not self._create():
            self._remove_abandoned()
            if not self._create():
                raise self._taken(self._read())

    def renew(self) -> None:
        """Say that the folder is still in use; FailedPrecondition if somebody else has it by now."""
        found = self._read()
        if found.get("token") != self._token:
            raise self._taken(found)
        os.utime(self._path)

    def release(self) -> None:
        """Release the folder: remove its claim."""
        if self._read().get("token") == self._token:
            self._path.unlink(missing_ok=True)

    def _create(self) -> bool:
        try:
            with self._path.open("xb") as file:
                file.write(self._text)
        except FileExistsError:
            return False
        return True

    def _remove_abandoned(self) -> None:
        """Remove the claim that is there if it holds no more; the lock is held, so it is nobody's of this host."""
        found = self._read()
        if not self._is_of_this_host(found) and self._age() < ABANDONED_AFTER_S:
            raise self._taken(found)
        aside = self._folder / f"{_FILE}.left.{self._token}"
        with suppress(FileNotFoundError):
            self._path.rename(aside)
            if aside.read_bytes() != orjson.dumps(found):  # another host was faster, and it is its new claim
                with suppress(OSError):
                    os.link(aside, self._path)
        aside.unlink(missing_ok=True)

    def _is_of_this_host(self, found: dict[str, object]) -> bool:
        return bool(found.get("boot")) and found.get("boot") == linux.boot_id()

    def _age(self) -> float:
        """Return how long ago the claim that is there was renewed, by the clock of the file system."""
        probe = self._folder / f"{_FILE}.now.{self._token}"
        try:
            probe.write_bytes(b"")
            return probe.stat().st_mtime - self._path.stat().st_mtime
        except FileNotFoundError:
            return ABANDONED_AFTER_S  # it has just been given back
        finally:
            probe.unlink(missing_ok=True)

    def _read(self) -> dict[str, object]:
        try:
            found = orjson.loads(self._path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def _taken(self, found: dict[str, object]) -> FailedPrecondition:
        owner = f"process {found.get('process', 'unknown')} on the host {found.get('host', 'unknown')}"
        job = f" ({found['job']})" if found.get("job") else ""
        return FailedPrecondition(
            f"the agent folder {self._folder} is used by {owner}{job}; give this agent another --name or --state-dir "
            f"(if that agent is gone for good, the folder can be had {ABANDONED_AFTER_S:.0f} s after its last sign of "
            f"life, or at once without the file {self._path})"
        )
