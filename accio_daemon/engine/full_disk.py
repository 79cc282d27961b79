"""A full disk: new work is refused with the reason, and space that was set aside lets what frees space be stored.

Whoever finds the disk full wants to kill, delete and collect; each of these has to write first. So some space is kept
in a file of its own, which is emptied when the disk is full; work goes on once the disk has that much space again. An
empty file tells the daemon's next life that the disk is still full: else it would fill what is left with new work.
"""

import asyncio
import os
from pathlib import Path
from typing import Any, Protocol

import structlog

from accio.errors import ResourceExhausted
from accio_daemon.core.commands import AgentHeard, Command, DeleteRun, ForgetResults, KillRun, OldestWork

log = structlog.get_logger()

RESERVE_NAME = "reserve"
RESERVE_BYTES = 16 << 20
# What is decided meanwhile: what frees space or stops work, and what leaves no row.
_GO_ON = (KillRun, DeleteRun, ForgetResults, OldestWork, AgentHeard)


class Reserve:
    """Space of the data folder's disk that nobody else can take."""

    def __init__(self, folder: Path, size: int = RESERVE_BYTES) -> None:
        """Set nothing aside yet."""
        self._path = folder / RESERVE_NAME
        self._size = size

    def take(self) -> bool:
        """Set the space aside, or keep it; False if the disk has less."""
        given_up = self.is_given_up()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(file, 0, self._size)
        except OSError:
            if given_up:
                os.ftruncate(file, 0)
            else:
                self._path.unlink(missing_ok=True)
            return False
        finally:
            os.close(file)
        return True

    def give_up(self) -> bool:
        """Free the space; return False if there was none."""
        try:
            found = self._path.stat().st_size > 0
            os.truncate(self._path, 0)
        except OSError:
            return False
        return found

    def is_given_up(self) -> bool:
        """Return whether the space was given up, in this life of the daemon or an earlier one, and not taken since."""
        try:
            return self._path.stat().st_size == 0
        except OSError:
            return False


class Space(Protocol):
    """Space that is set aside for when there is none."""

    def take(self) -> bool:
        """Set it aside, or keep it; False if the disk has less."""
        ...

    def give_up(self) -> bool:
        """Free it; return False if there was none."""
        ...

    def is_given_up(self) -> bool:
        """Return whether it was given up, in this life of the daemon or an earlier one, and not taken since."""
        ...


class FullDisk:
    """Whether the disk is full, and what may be done then."""

    def __init__(self, reserve: Space | None = None) -> None:
        """Set space aside, if there is any; refuse new work if an earlier life gave it up and it isn't there."""
        self.refusing = ""  # why new work is refused; empty if it isn't
        self._reserve = reserve
        self._asking: set[asyncio.Future[Any]] = set()
        self._gave_up = reserve is not None and reserve.is_given_up()
        if reserve is None or reserve.take():
            self._gave_up = False
        elif self._gave_up:
            self._refuse("it was before the daemon was started again, and has no more space since")
        else:
            log.warning("no_space_set_aside", wanted=RESERVE_BYTES)

    def found(self, why: str) -> bool:
        """Note that a write met a full disk. Return True if another try makes sense at once, as space was given up."""
        gave_up = self._reserve is not None and self._reserve.give_up()
        self._gave_up = self._gave_up or gave_up
        if not self.refusing:
            self._refuse(why)
        if not gave_up:
            self._tell(why)
        return gave_up

    def holds_up(self, answer: "asyncio.Future[Any]") -> None:
        """Note that somebody waits for an answer: if there is no space for it he is told, and waits no longer."""
        self._asking.add(answer)
        answer.add_done_callback(self._asking.discard)

    def _tell(self, why: str) -> None:
        for answer in self._asking:
            if not answer.done():  # else it is about to be left out
                answer.set_exception(
                    ResourceExhausted(
                        f"the disk of the data folder is full ({why}): what you asked for was taken, but can't be "
                        "stored yet; it is carried out once the disk has space, unless the daemon is stopped before"
                    )
                )

    def _refuse(self, why: str) -> None:
        full = f"the disk of the data folder is full ({why})"
        self.refusing = f"{full}; nothing is lost, work goes on once it has space"
        if self._gave_up:
            self.refusing += "; kill, delete and gc work meanwhile"
        log.error("disk_full", error=why, space_given_up=self._gave_up)

    def written(self) -> None:
        """Note that a write succeeded: there is space again, unless it was the space that was given up."""
        if self.refusing and not self._gave_up:
            self._accept()

    def look_again(self) -> None:
        """Accept new work again if as much space as was given up can be set aside."""
        if self._gave_up and self._reserve is not None and self._reserve.take():
            self._accept()

    def _accept(self) -> None:
        log.info("disk_has_space_again")
        self.refusing = ""
        self._gave_up = False

    def admits(self, command: Command[object]) -> bool:
        """Return whether a command is decided now; others wait, in order."""
        return not self.refusing or isinstance(command, _GO_ON)
