"""What daemon and agent say: lines for people on a terminal, JSON elsewhere; on standard error, so that standard output
stays free.
"""

import logging
import os
import sys
from typing import Any, TextIO, cast

from accio.plain_structlog import structlog

get_logger = structlog.get_logger


class Forgiving:
    """A stream that drops what it can't write: nobody reads the pipe any more, or the disk is full.

    What a process says must not end it. When writing works again, a line says how much is missing.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.dropped = 0

    def write(self, text: str) -> int:
        try:
            if self.dropped:
                self._stream.write(f'{{"event": "lines of this log are missing", "count": {self.dropped}}}\n')
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: it was closed
            self.dropped += 1
        else:
            self.dropped = 0
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


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
