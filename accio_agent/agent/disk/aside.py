"""What an agent holds of another history than its daemon's: it is put under other names, and the agent begins clean.

Attempts are numbered within one history: what one database recorded, until a backup of it is restored. The journal says
which history its attempts are of, and a label in the folder of the logs whose they are. Journal and logs of another
history go to `aside/HISTORY`: logs first, so that an agent killed at any instant never has logs beside the journal of
another history. Logs are taken back when the agent comes to that history again; a journal isn't, as its daemon has
placed anew what is in it.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from accio_agent.agent.disk.journal import Journal

KEPT = 4
"""Histories of which something is kept."""

_LABEL = "history"


class OtherHistory(Exception):
    """The daemon's history isn't the one that the agent's journal belongs to; `history` is the daemon's."""

    def __init__(self, history: str) -> None:
        super().__init__(history)
        self.history = history


def set_aside(folder: Path, history: str, following: str) -> Path:
    """Put journal and logs of *history* aside, and bring back what logs there are of the *following* one."""
    place = _place(folder, history)
    _move(folder / "logs", place)
    _move(folder / "journal", place)
    if following:
        journal = Journal(folder / "journal")
        journal.belongs_to(following)
        journal.write()
        journal.close()
        earlier = _place(folder, following) / "logs"
        if earlier.is_dir():
            earlier.replace(folder / "logs")
    _prune(folder)
    return place


def separate_logs(folder: Path, history: str) -> None:
    """Put logs aside that are labelled as another history's than the journal's."""
    try:
        owner = (folder / "logs" / _LABEL).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return
    if owner != history:
        _move(folder / "logs", _place(folder, owner))


def label_logs(folder: Path, history: str) -> None:
    """Write down whose the logs are; a disk that refuses leaves that to the journal alone."""
    with suppress(OSError):
        (folder / "logs" / _LABEL).write_text(history + "\n")


def _place(folder: Path, history: str) -> Path:
    name = "".join(each for each in history[:32] if each.isalnum())
    return folder / "aside" / (name or "unknown")


def _move(path: Path, place: Path) -> None:
    if not path.exists():
        return
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    target, number = place / path.name, 1
    while target.exists():
        number += 1
        target = place / f"{path.name}-{number}"
    path.replace(target)
    place.touch()


def _prune(folder: Path) -> None:
    """Delete the histories that were left longest ago."""
    places = sorted((folder / "aside").iterdir(), key=lambda place: place.stat().st_mtime_ns)
    for place in places[:-KEPT]:
        shutil.rmtree(place, ignore_errors=True)
