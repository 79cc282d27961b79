"""Processes that the command line starts beside itself: they end with it, and what they say goes to a log."""

import ctypes
import json
import os
import select
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from accio.faults import FAULT, signal_name
from accio.inotify import MODIFY, Inotify
from accio.interpreter import python
from accio_client.cli.text import printable_lines

STOP_WITHIN_S = 15.0
MOST_NEWS = 1 << 20
"""How much of a log is looked through at a time."""
MOST_LAST_WORDS = 1 << 16
MOST_OF_FAULT = 60
_PR_SET_PDEATHSIG = 1
_BLINDLY_S = 0.03


class Child:
    """A process that ends with this one; what it says goes to a log file."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        environment: dict[str, str],
        *,
        inherited: Sequence[int] = (),
        nice: int = 0,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self._begin = self._read = file.tell()
            self.process = subprocess.Popen(
                python(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches this process only, which stops the two in order
                preexec_fn=_end_with(os.getpid(), nice),
                pass_fds=inherited,
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def ended(self, within_s: float) -> bool:
        """Return whether the process has ended, after waiting for that for a moment."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
        return self.process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and make it."""
        if self.process.poll() is None:
            self.process.terminate()
            if not self.ended(STOP_WITHIN_S):
                self.process.kill()
                self.process.wait()

    def news(self, events: Collection[str]) -> Iterator[Mapping[str, Any]]:
        """Yield what it has said of these events since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            said = file.read(MOST_NEWS)
        whole = said if len(said) == MOST_NEWS else said[: said.rfind(b"\n") + 1]
        self._read += len(whole)
        yield from _told(whole.splitlines(), events)

    def said(self, event: str) -> Mapping[str, Any] | None:
        """Return what it said of an event when it did so first since it was started; None if it hasn't."""
        with self.log.open("rb") as file:
            file.seek(self._begin)
            return next(_told(file, (event,)), None)

    @property
    def ending(self) -> str:
        """How the process, which has ended, ended."""
        code = self.process.returncode
        return f"by signal {signal_name(-code)}" if code < 0 else f"with exit code {code}"

    def last_words(self) -> str:
        """Return the end of what it said since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._begin)
            said = file.read()[-MOST_LAST_WORDS:].decode(errors="replace").strip()
        fault = said.rfind(FAULT)
        lines = said[fault:].split("\n")[:MOST_OF_FAULT] if fault >= 0 else said.split("\n")[-10:]
        return printable_lines("\n".join(f"  {line}" for line in lines))


@contextmanager
def listening(speaker: Child, children: Iterable[Child]) -> Iterator[Callable[[float], None]]:
    """Yield what waits, for some seconds at most, until *speaker* says something or one of *children* ends: neither
    takes time to be noticed, and nothing looks for it meanwhile.

    Where the kernel doesn't tell, it waits for a moment only.
    """
    with ExitStack() as opened:
        said: Inotify | None = None
        ends: list[int] = []
        with suppress(OSError):
            for child in children:
                ends.append(os.pidfd_open(child.pid))
                opened.callback(os.close, ends[-1])
            events = Inotify()
            opened.callback(events.close)
            events.add(str(speaker.log), MODIFY)
            said = events

        def wait(within_s: float) -> None:
            if said is None:
                select.select(ends, [], [], min(within_s, _BLINDLY_S))
            elif said.fd in select.select([said.fd, *ends], [], [], within_s)[0]:
                deque(said.read(), maxlen=0)

        yield wait


def _told(lines: Iterable[bytes], events: Collection[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        with suppress(ValueError):  # it isn't whole yet, or no line of the program's own
            if any(event.encode() in line for event in events) and (found := json.loads(line))["event"] in events:
                yield found


def _end_with(parent: int, nice: int) -> Callable[[], None]:
    """Return what a child does before it becomes its program: ask the kernel to end it when its parent ends."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        os.nice(nice)
        if os.getppid() != parent:
            os._exit(1)  # the parent ended before the kernel knew

    return ask
