"""A backup of the simulated database, and what the judge knew then: restored, it begins another history."""

from copy import copy
from typing import Any

from tests.simulator.disk import Disk
from tests.simulator.judge import Judge

# What the judge knows of a history: all that its oracles hold by numbers of attempts and runs.
_KNOWN = ("_begun", "_finished", "_died", "_given_back", "_lost", "_deaths", "_accepted", "_node", "acked", "retried",
          "killed", "deleted")  # fmt: skip


class Backup:
    """The database and the judge's memory at one moment."""

    def __init__(self, disk: Disk, judge: Judge) -> None:
        """Make it."""
        self._image = disk.connection.serialize()
        self._known: dict[str, Any] = {name: copy(getattr(judge, name)) for name in _KNOWN}

    def restore(self, disk: Disk, judge: Judge) -> set[str]:
        """Put it back; return the submissions whose acknowledgement is lost with what came after it."""
        lost = set(judge.acked) - set(self._known["acked"])
        disk.put_back(self._image)
        for name, value in self._known.items():
            setattr(judge, name, copy(value))
        judge.gave_back([(attempt, None) for attempt in judge._finished])  # agents set their reports aside
        return lost
