"""`python -m accio_daemon.storage.reading.apart_process FD FILE [MODULE…]`: a process that reads for the daemon.

It takes jobs from a socket of its own, each by number with what it is asked for; a job itself comes with the first
question. It shares no interpreter with the daemon, and has a lower priority, so that who reads much takes little from
what is executed. It ends with its socket, and so with the daemon.

Questions are pickled, as they come from the daemon that started this process, over a socket that nobody else has.
Answers aren't: they are plain values (`packed`), and the daemon unpickles nothing.
"""

import os
import pickle
import socket
import sqlite3
import struct
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import orjson

from accio.errors import AccioError, InvalidDefinition, ResourceExhausted
from accio.latest import Latest
from accio_daemon.storage.exports.export import TooMuch
from accio_daemon.storage.jobs import Snapshot, open_reader

NICENESS = 10
BUDGET_S = 20.0
"""Processor seconds that one question may take."""

GIVEN_UP = "looking took longer than {:.0f} s and was given up: say more about what you want"

_KEPT = 64  # jobs, for as many that are asked in turns
_LENGTH = struct.Struct("!Q")
_LOOK_AFTER = 100_000  # steps of SQLite's machine between two looks at the time

ANSWER, ERROR, UNKNOWN, FAILED = range(4)
"""What came of a question: an answer, an error for who asked, a job that isn't known (any more), or no answer."""

Plain = int | str | bytes | None
"""What answers are tuples of."""

_KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (*AccioError.__subclasses__(), TooMuch) if kind is not InvalidDefinition
}


def packed(outcome: int, answer: Iterable[Plain]) -> bytes:
    """Write what came of a question: its numbers and texts as JSON, bytes behind them as they are."""
    values: list[int | str | list[int] | None] = []
    parts: list[bytes] = []
    for each in answer:
        if isinstance(each, bytes):
            parts.append(each)
            values.append([len(each)])
        else:
            values.append(each)
    head = orjson.dumps([outcome, values])
    return b"".join((_LENGTH.pack(len(head)), head, *parts))


def unpacked(data: bytearray) -> tuple[int, tuple[Plain, ...]]:
    """Return what `packed` wrote."""
    (length,) = _LENGTH.unpack_from(data)
    at = _LENGTH.size + length
    outcome, values = orjson.loads(data[_LENGTH.size : at])
    answer: list[Plain] = []
    for each in values:
        if isinstance(each, list):
            answer.append(bytes(memoryview(data)[at : at + each[0]]))
            at += each[0]
        else:
            answer.append(each)
    return outcome, tuple(answer)


def error_of(answer: tuple[Plain, ...]) -> Exception:
    """Return the error that an answer tells."""
    kind, message = map(str, answer)
    return _KINDS[kind](message)


class Line:
    """One end of the socket: messages of any length, each received in one piece."""

    def __init__(self, end: socket.socket) -> None:
        """Use a blocking socket, which is closed with this."""
        self._end = end

    def send(self, data: bytes) -> None:
        """Send a message; OSError if the other end is gone."""
        self._end.sendall(_LENGTH.pack(len(data)))
        self._end.sendall(data)

    def receive(self) -> bytearray:
        """Wait for a message; EOFError if the other end is gone."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._exactly(length)

    def _exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        view, got = memoryview(data), 0
        while got < length:
            # All of it in one call: each further one would have to get the interpreter from a busy event loop.
            more = self._end.recv_into(view[got:], length - got, socket.MSG_WAITALL)
            if not more:
                raise EOFError
            got += more
        return data

    def close(self) -> None:
        """Hang up."""
        self._end.close()


class Jobs:
    """Answers questions from a connection; keeps the jobs that were asked last."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Begin with no job."""
        self._connection = connection
        self._jobs: Latest[int, Callable[..., Iterable[Plain]]] = Latest(_KEPT)
        self._ends = 0.0
        connection.set_progress_handler(lambda: time.process_time() > self._ends, _LOOK_AFTER)

    def answer(self, question: bytearray) -> bytes:
        """Return what came of a question: the number of a job, the job itself the first time, and what is asked."""
        try:
            number, given, arguments = pickle.loads(question)  # noqa: S301  # of the daemon that started this process
            job = self._job(number, given)
            if job is None:
                return packed(UNKNOWN, ())
            self._ends = time.process_time() + BUDGET_S
            self._connection.execute("BEGIN")
            try:
                return packed(ANSWER, job(Snapshot(self._connection), *arguments))
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return packed(ERROR, (ResourceExhausted.__name__, GIVEN_UP.format(BUDGET_S)))
            return packed(FAILED, (repr(error),))
        except Exception as error:  # noqa: BLE001  # the daemon does it itself, and tells who asked as ever
            kind = type(error).__name__
            return packed(ERROR, (kind, str(error))) if kind in _KINDS else packed(FAILED, (repr(error),))

    def _job(self, number: int, given: bytes | None) -> Callable[..., Iterable[Plain]] | None:
        if given is not None:
            self._jobs.keep(number, pickle.loads(given))  # noqa: S301  # as above
        return self._jobs.use(number)


def main() -> None:
    """Answer until the socket is closed."""
    number, path, *modules = sys.argv[1:]
    line = Line(socket.socket(fileno=int(number)))
    jobs = Jobs(open_reader(Path(path)))
    for module in modules:
        import_module(module)
    os.nice(NICENESS)
    try:
        line.send(b"")  # it is ready
        while True:
            line.send(jobs.answer(line.receive()))
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main()
