"""Which start of its daemon the agent has seen last, kept beside its journal.

It is told back with each hello: a daemon that doesn't know it was set back to an earlier state, and would give numbers
to attempts that the journal has already. What is written here is opaque, and means something to its daemon alone.
"""

from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_NAME = "daemon-start"
_MOST = 200


def last_start(folder: Path) -> str:
    """Return what `keep_start` kept; empty if nothing was, or nothing that can be told."""
    with suppress(OSError, UnicodeDecodeError):
        text = (folder / _NAME).read_text(encoding="ascii")
        return text if len(text) <= _MOST and text.isprintable() else ""
    return ""


def keep_start(folder: Path, start: str) -> None:
    """Keep what a welcome told, before anything that comes after it is believed."""
    draft = folder / f"{_NAME}.new"
    try:
        draft.write_text(start, encoding="ascii")
        draft.replace(folder / _NAME)
    except OSError as error:
        log.warning("can't note which start of the daemon this agent knows", file=_NAME, reason=error.strerror)
