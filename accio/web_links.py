"""Further links to a web interface that runs: whoever may write into a folder of its user's may let themselves in.

The folder has a file `door`, locked by whoever listens for as long as they do, which says what links begin with. A code
is made by putting an empty file there, named by the code's digest, and is redeemed by removing that: once, by whoever
comes first. Nothing secret is kept, and nothing is said to the port, at which anybody might listen.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from accio import own_folders, places, sockets
from accio.errors import AccioError, FailedPrecondition
from accio.late import dataclass

CODE_LIVES_S = 600.0
_DOOR = "door"
_OPENS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A web interface that runs: the address and port where it listens (unix:PATH and 0: at a file), what its links
    begin with, and the daemon that it shows.
    """

    folder: Path
    host: str
    port: int
    opens: str
    daemon: str

    def new_link(self) -> str:
        """Return a link that logs in once, within ten minutes; FailedPrecondition if that is too late, or no room."""
        code = secrets.token_urlsafe(24)
        try:
            _file(self.folder, code).touch(mode=0o600, exist_ok=False)
        except FileNotFoundError:
            raise FailedPrecondition("this web interface has just ended: start one by `accio web`") from None
        except OSError as error:
            raise FailedPrecondition(
                f"no link can be kept in {self.folder}: {error.strerror}; log in with the token, or make room there"
            ) from None
        return f"{self.opens}{code}"


class Doorway:
    """The door of this process, while it is open."""

    def __init__(self, listening: socket.socket, opens: str, daemon: str) -> None:
        """Open it; *opens* is a link without its code. Nothing happens for a user without a folder of their own."""
        self.folder = folder_of(listening)
        self._lock = -1
        if self.folder is None:
            return
        host, port = _place_of(listening)
        try:
            own_folders.take(self.folder.parent, known_by=())
            shutil.rmtree(self.folder, ignore_errors=True)  # of a process that had no time to close it
            self.folder.mkdir(mode=0o700)
            for left in _left_behind(self.folder.parent, before=self.folder.stat().st_mtime - _OPENS_WITHIN_S):
                shutil.rmtree(left, ignore_errors=True)
            self._lock = os.open(self.folder / _DOOR, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._lock, orjson.dumps({"host": host, "port": port, "opens": opens, "daemon": daemon}))
        except (OSError, AccioError):  # the first link works without it
            self.close()

    def close(self) -> None:
        """End it: no further link lets anybody in."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def folder_of(listening: socket.socket) -> Path | None:
    """Return where the codes of whoever listens there are put; None for a user without a home."""
    state = places.state_folder()
    place = hashlib.sha256("{} {}".format(*_place_of(listening)).encode()).hexdigest()[:16]
    return None if state is None else state / "web" / f"{_host()}-{place}"


def _place_of(listening: socket.socket) -> tuple[str, int]:
    name = listening.getsockname()
    return (f"{sockets.PREFIX}{name}", 0) if isinstance(name, str) else (name[0], name[1])


def redeem(folder: Path | None, code: str, now: float) -> bool:
    """Return whether a code was put into a folder within the ten minutes before *now*, in seconds of the wall clock;
    nobody can use it again.
    """
    if folder is None:
        return False
    file = _file(folder, code)
    try:
        age = now - file.stat().st_mtime
        file.unlink()
    except OSError:
        return False
    return age < CODE_LIVES_S


def open_doors() -> Iterator[Door]:
    """Yield the web interfaces of this user that run on this machine."""
    state = places.state_folder()
    for file in [] if state is None else sorted((state / "web").glob(f"{_host()}-*/{_DOOR}")):
        with suppress(OSError, ValueError, KeyError):
            if not _is_open(file):
                continue
            told = orjson.loads(file.read_bytes())
            yield Door(
                folder=file.parent, host=told["host"], port=told["port"], opens=told["opens"], daemon=told["daemon"]
            )


def _left_behind(folder: Path, before: float) -> Iterator[Path]:
    """Yield the folders of processes of this machine that had no time to close their door: nobody holds its lock.

    One that was made later than *before* may be about to be locked.
    """
    for each in sorted(folder.glob(f"{_host()}-*")):
        with suppress(OSError):
            if each.stat().st_mtime > before or _is_open(each / _DOOR):
                continue
            yield each


def _is_open(door: Path) -> bool:
    """Return whether a process holds the lock of a door."""
    try:
        with door.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _file(folder: Path, code: str) -> Path:
    return folder / hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest()


def _host() -> str:
    return socket.gethostname()
