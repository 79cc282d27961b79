"""What daemon and agent say: lines for people on a terminal, JSON elsewhere; on standard error, so that standard output
stays free.
"""

import logging
import os
import select
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from accio.plain_structlog import structlog

get_logger = structlog.get_logger


PATIENCE_MS = 50
"""How long a line may wait for its reader, once: after that it is taken for one that has stopped reading."""


class Forgiving:
    """A stream that drops what it can't write: nobody reads the pipe any more, or for now (a pager, a terminal that was
    stopped by Ctrl-S), or the disk is full.

    What a process says must neither end nor stop it. When writing works again, a line says how much is missing.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ready = _readiness_of(stream)
        self._within = ""  # what ends a line that was written in part
        self.dropped = 0

    def write(self, text: str) -> int:
        try:
            if self.dropped:
                self._put(f'{self._within}{{"event": "lines of this log are missing", "count": {self.dropped}}}\n')
            self._put(text)
        except (OSError, ValueError):  # ValueError: it was closed
            self.dropped += 1
        else:
            self.dropped = 0
        return len(text)

    def _put(self, text: str) -> None:
        """Write a text, in parts that a stream which is ready takes whole; BlockingIOError if it isn't."""
        size = select.PIPE_BUF // 4  # characters
        for at in range(0, len(text), size):
            if not self._ready(0 if self.dropped else PATIENCE_MS):
                raise BlockingIOError
            part = text[at : at + size]
            self._stream.write(part)
            self._stream.flush()
            self._within = "" if part.endswith("\n") else "\n"

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


def _readiness_of(stream: TextIO) -> Callable[[int], bool]:
    """Return what waits, for so many milliseconds, until a stream takes something, and tells whether it does."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):  # in memory, or closed
        return lambda _: True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return lambda patience_ms: bool(poll.poll(patience_ms))


def set_up(*, terminal: bool | None = None, level: int = logging.INFO) -> None:
    """Have every logger write one line per event; *terminal* decides about the form (by default what stderr is)."""
    if terminal is None:
        terminal = sys.stderr.isatty()
    last: list[Any]
    if terminal:
        last = [
            structlog.dev.ConsoleRenderer(
                colors="NO_COLOR" not in os.environ, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    else:
        # Without the variables of each frame: they may hold tokens and users' data.
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last = [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Forgiving(sys.stderr))),
    )
