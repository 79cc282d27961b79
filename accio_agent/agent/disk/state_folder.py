"""The agent's folder: a lock, an identity that stays, a number that grows with each start, a token for each life.

One agent per folder, also where hosts share it (`claim.py`), and one folder per agent: a copy of it is refused while
the agent lives.
"""

import fcntl
import os
import re
import secrets
import socket
from pathlib import Path

from accio.errors import FailedPrecondition
from accio.own_folders import take
from accio_agent.agent.disk.claim import Claim
from accio_agent.linux import boot_id

_LOCK = "lock"
_IDENTITY = "identity"
_STARTS = "starts"
_LIVES = "lives"

DESCRIPTIONS = "catalogue"
"""Where in the folder the agent keeps what it has found out about its operators."""

_IS_IDENTITY = re.compile(r"[0-9a-zA-Z_-]{1,200}").fullmatch
_IS_NUMBER = re.compile(r"[0-9]{1,15}").fullmatch
"""As many digits as every message can hold; no agent starts as often."""

LIVES_NAMED = 32
"""Earlier lives that an agent names to the daemon."""


class FolderUnusable(FailedPrecondition):
    """The folder can't be made, or not be written to: another one beside it is no better."""


class StateFolder:
    """An agent's folder, locked until `close` or the end of the process."""

    def __init__(self, path: Path, name: str) -> None:
        """Lock the folder; FailedPrecondition if another agent has it, PermissionDenied if it is another user's."""
        self.path = path
        self.name = name
        try:
            take(path, known_by=(_LOCK, _IDENTITY, "journal"))
            self._fd = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnusable(
                f"can't use the agent's folder {path}: {error.strerror}; name another with --state-dir"
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 100, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise FailedPrecondition(
                f"the agent folder {path} is used by process {owner}; give this agent another --name or --state-dir"
            ) from None
        except OSError as error:
            os.close(self._fd)
            raise FolderUnusable(
                f"can't lock the agent's folder {path}: {error.strerror}; name one on a local disk with --state-dir"
            ) from None
        try:
            self.claim = Claim(path)
        except FailedPrecondition:
            os.close(self._fd)
            raise
        except OSError as error:
            os.close(self._fd)
            raise unusable(path, error) from None
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
            self.agent_id = self._identity()
            self.incarnation = self._count()
            self.life, self.predecessors = self._live()
        except OSError as error:
            self.close()
            raise unusable(path, error) from None
        self.place = self._place()

    def __repr__(self) -> str:
        return f"<StateFolder {self.path}, start {self.incarnation}>"

    def close(self) -> None:
        self.claim.release()
        os.close(self._fd)

    def _identity(self) -> str:
        path = self.path / _IDENTITY
        found = _read(path).strip()
        if not _IS_IDENTITY(found):  # none yet, or damaged
            found = secrets.token_hex(16)
            _replace(path, found)
        return found

    def _count(self) -> int:
        path = self.path / _STARTS
        found = _read(path).strip()
        number = int(found) if _IS_NUMBER(found) else 0
        _replace(path, str(number + 1))
        return number + 1

    def _live(self) -> tuple[str, tuple[str, ...]]:
        """Begin a life: its token, and those of the lives before, the newest first."""
        path = self.path / _LIVES
        before = [each for each in _read(path).split() if _IS_IDENTITY(each)][:LIVES_NAMED]
        token = secrets.token_hex(16)
        _replace(path, "\n".join([token, *before]))
        return token, tuple(before)

    def _place(self) -> str:
        """Return what tells this folder, while it is locked, from any copy; empty if the system doesn't say."""
        boot = boot_id()
        lock = os.fstat(self._fd)
        return f"{boot}:{lock.st_dev}:{lock.st_ino}" if boot else ""


def unusable(folder: Path, error: OSError) -> FolderUnusable:
    """Return how one is told that the system refuses something in the agent's folder."""
    what = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return FolderUnusable(f"can't use the agent's folder {folder}: {what}; mend that, or name another with --state-dir")


def _read(path: Path) -> str:
    """Return what a file says; nothing if it isn't there, or if it is damaged so that it is no text."""
    try:
        return path.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return ""


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text + "\n")
    draft.replace(path)


def open_folder(root: Path, name: str | None, path: Path | None) -> StateFolder:
    """Return the folder of the agent *name*; without a name, the first free one of this host (`host-1`, `host-2`,
    …).
    """
    if path is not None:
        return StateFolder(path, name or path.name)
    if name is not None:
        return StateFolder(root / name, name)
    host = _host_name()
    for number in range(1, 10_000):
        candidate = f"{host}-{number}"
        try:
            return StateFolder(root / candidate, candidate)
        except FolderUnusable:
            raise
        except FailedPrecondition:
            continue
    raise FailedPrecondition(f"all agent folders below {root} are in use; give this agent a --name")


def _host_name() -> str:
    """Return the host's name, of the characters that a name may have."""
    found = "".join(
        each if each.isascii() and (each.isalnum() or each in "-_.") else "-" for each in socket.gethostname()
    )
    return found.split(".")[0].strip("-_.") or "agent"
