"""What a program says while it runs, by files: checkpoints to keep, and what it measures."""

import sys
from pathlib import Path
from typing import Any

import orjson

from accio.domain.series import PROGRESS
from accio.sdk.checkpoint import Checkpoint, CheckpointError
from accio.sdk.measuring import Measurements

SAVE = ".save"
"""What follows the folder's name in that of the file by which a program says that its checkpoint is to be kept."""

LOOK_MS = 250
"""Between two looks at what the program has written."""

STEP = "step"
_AT_ONCE = 1 << 20  # bytes that one look reads
_MOST = 1 << 30  # bytes that are read altogether
_LONGEST_LINE = 1 << 16
_SHOWN = 200


class ProgramWatch:
    """Looks at a program's checkpoint and metrics now and then, and once it has ended."""

    def __init__(self, checkpoint: Checkpoint, metrics: Path, measurements: Measurements) -> None:
        """*metrics* is the file to which the program adds lines, each a JSON object of numbers."""
        self._checkpoint = checkpoint
        self._mark = checkpoint.folder.with_name(checkpoint.folder.name + SAVE)
        self._metrics = metrics
        self._measurements = measurements
        self._read = 0
        self._rest = b""
        self._complained = False

    def look(self) -> None:
        """Do what the program asks for."""
        self._take(_AT_ONCE)
        if self._mark.exists():
            self._save()

    def finish(self) -> None:
        """Look for the last time: the program has ended."""
        while self._take(_AT_ONCE):
            continue
        if self._rest:
            self._take_line(self._rest)
        if self._mark.exists():
            self._save()

    def _save(self) -> None:
        """Save the checkpoint; what goes wrong is said, and left to the program."""
        try:
            self._checkpoint.save()
        except (CheckpointError, OSError) as error:
            _say(f"the checkpoint can't be saved: {error}")
        self._mark.unlink(missing_ok=True)

    def _take(self, most: int) -> bool:
        """Read at most this many bytes of metrics; return whether there may be more."""
        try:
            with self._metrics.open("rb") as file:
                file.seek(self._read)
                data = file.read(min(most, _MOST - self._read))
        except OSError:  # it hasn't written any
            return False
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take_line(line)
        if len(self._rest) > _LONGEST_LINE:
            self._complain(self._rest, f"a line is longer than {_LONGEST_LINE} bytes")
            self._rest = b""
        return len(data) == most

    def _take_line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            self._measure(orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            self._complain(line, str(error))

    def _measure(self, found: Any) -> None:
        if not isinstance(found, dict):
            raise TypeError("expected a JSON object of numbers")
        step = found.pop(STEP, None)
        for name, value in found.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"expected a number as {name}")
            if name == PROGRESS:
                self._measurements.progress(value)
            else:
                self._measurements.metric(name, value, step)

    def _complain(self, line: bytes, why: str) -> None:
        if not self._complained:
            self._complained = True
            text = line[:_SHOWN].decode(errors="replace")
            _say(f"a line of $ACCIO_METRICS is left out, and others like it may be ({why}): {text}")


def _say(text: str) -> None:
    sys.stderr.write(f"accio: {text}\n")
    sys.stderr.flush()
