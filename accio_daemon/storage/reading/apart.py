"""Large reads in a process of their own, beside what the daemon does.

A reading thread takes the interpreter from the event loop, and what it takes everything else lacks. So what takes more
than a few chunks is read by a process of its own, which has a lower priority and hands over bytes. It is started when
it is first needed, while the daemon reads on, and ended when nobody has asked for a while.

It is but a helper: where it isn't there yet, has died, hangs, or can't answer, the daemon reads itself. One that died
isn't followed by another for a while.
"""

import asyncio
import itertools
import os
import pickle
import socket
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import structlog

from accio.interpreter import python, without_working_folder
from accio_daemon.storage.reading.apart_process import ANSWER, ERROR, FAILED, UNKNOWN, Line, Plain, error_of, unpacked

log = structlog.get_logger(__name__)

MODULE = "accio_daemon.storage.reading.apart_process"
IDLE_S = 60.0
PATIENCE_S = 120.0
"""How long an answer is waited for: what reads so little, or at so low a priority, is of no help."""
AGAIN_AFTER_S = 60.0
"""How long after one has died another one is tried."""

Outcome = tuple[int, tuple[Plain, ...]]
"""What came of a question, and its answer."""

_numbers = itertools.count()


class NotApart(Exception):  # no error: the daemon reads itself
    """There is no process that would answer."""


class Job:
    """A job that may be asked apart; its number, and which process has it."""

    def __init__(self, job: Callable[..., Iterable[Plain]]) -> None:
        """*job* is called with a snapshot and what is asked; it must be one that can be pickled."""
        self.job = job
        self.number = next(_numbers)
        self.known_to: _Process | None = None


class _Process:
    """The process, as the thread that talks to it sees it."""

    def __init__(self) -> None:
        self.is_ready = False
        self.is_over = False
        self._popen: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None

    @property
    def pid(self) -> int | None:
        """Its number, once it runs."""
        return None if self._popen is None else self._popen.pid

    def start(self, database: Path, modules: tuple[str, ...]) -> None:
        """Start it and wait until it is ready."""
        try:
            ours, its = socket.socketpair()
            self._line = Line(ours)
            with its:
                self._popen = subprocess.Popen(  # our own program
                    python(MODULE, str(its.fileno()), str(database.absolute()), *modules),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(its.fileno(),),
                    env=without_working_folder(os.environ),
                    process_group=0,  # Ctrl-C is for the daemon, with which it ends
                )
            self._line.receive()
        except (EOFError, OSError) as error:
            self.fail(error)
        else:
            self.is_ready = True

    def ask(self, job: Job, arguments: tuple[int | str, ...]) -> Outcome:
        """Ask and wait: what came of it, and the answer."""
        if self.is_over:
            return FAILED, ()
        assert self._line is not None
        try:
            outcome, answer = self._asked(job, arguments, given=job.known_to is not self)
            return (outcome, answer) if outcome != UNKNOWN else self._asked(job, arguments, given=True)
        except (pickle.PicklingError, AttributeError, TypeError) as error:  # nothing was sent
            return FAILED, (repr(error),)
        except (EOFError, OSError) as error:
            self.fail(error)
            return FAILED, ()

    def _asked(self, job: Job, arguments: tuple[int | str, ...], *, given: bool) -> Outcome:
        assert self._line is not None
        written = pickle.dumps(job.job, protocol=pickle.HIGHEST_PROTOCOL) if given else None
        self._line.send(pickle.dumps((job.number, written, arguments), protocol=pickle.HIGHEST_PROTOCOL))
        outcome = unpacked(self._line.receive())
        job.known_to = self
        return outcome

    def fail(self, error: Exception) -> None:
        """Say that there is none, and end what there is of it."""
        if not self.is_over:
            log.warning("the process for large reads has ended; the daemon reads itself", error=repr(error))
        self.end()

    def kill(self) -> None:
        """End it at once; who waits for an answer has none."""
        if self._popen is not None:
            self._popen.kill()

    def end(self) -> None:
        """Hang up, and wait until it has ended."""
        self.is_ready, self.is_over = False, True
        if self._line is not None:
            self._line.close()
        if self._popen is not None:
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(1.0)
            self._popen.kill()
            self._popen.wait()


class Apart:
    """The process for large reads. State: the process, if there is one, and when another one may be started."""

    def __init__(self, database: Path, *, idle_s: float = IDLE_S, patience_s: float = PATIENCE_S) -> None:
        """Start none yet."""
        self._database = database
        self._idle_s = idle_s
        self._patience_s = patience_s
        self._process: _Process | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apart")
        self._not_before = 0.0
        self._ending: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process that is ready, if there is one."""
        return self._process.pid if self._process is not None and self._process.is_ready else None

    async def ask(self, job: Job, arguments: tuple[int | str, ...]) -> tuple[Plain, ...]:
        """Return the answer, or raise the error, of a job that is asked apart; NotApart if nobody would answer."""
        process = self._found(job)
        loop = asyncio.get_running_loop()
        asking = loop.run_in_executor(self._thread, process.ask, job, arguments)
        await asyncio.wait((asking,), timeout=self._patience_s)
        if not asking.done():
            process.kill()
            await asyncio.wait((asking,))
        outcome, answer = asking.result()
        if outcome == ANSWER:
            return answer
        if outcome == ERROR:
            raise error_of(answer)
        if answer:
            log.warning("the process for large reads couldn't answer; the daemon reads itself", error=answer[0])
        raise NotApart

    def _found(self, job: Job) -> _Process:
        """Return the process if it is ready; else see to it that one is being started."""
        loop = asyncio.get_running_loop()
        if self._process is not None and self._process.is_over:
            self._process, self._not_before = None, loop.time() + AGAIN_AFTER_S
        if self._process is None:
            if loop.time() < self._not_before:
                raise NotApart
            self._process = _Process()
            modules = (type(job.job).__module__,)
            try:
                self._thread.submit(self._process.start, self._database, modules)
            except RuntimeError as error:  # no thread can be started
                self._process.fail(error)
        if self._ending is not None:
            self._ending.cancel()
        self._ending = loop.call_later(self._idle_s, self._end)
        if not self._process.is_ready:
            raise NotApart
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._thread.submit(process.end)

    async def close(self) -> None:
        """End the process and the thread."""
        if self._ending is not None:
            self._ending.cancel()
        if self._process is not None:
            self._process.is_over = True  # on purpose
            self._process.kill()
        self._end()
        await asyncio.to_thread(self._thread.shutdown)
