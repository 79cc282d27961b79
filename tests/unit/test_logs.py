"""Logs that can't be written."""

import io
import json
import os

from accio.logs import Forgiving


class Full(io.StringIO):
    """A stream on a disk that may be full."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_what_cannot_be_written_is_counted() -> None:
    """A log that can't be written ends nobody; once it can, it says how much is missing."""
    stream = Full()
    log = Forgiving(stream)
    log.write("one\n")
    log.write("two\n")
    log.flush()
    assert log.dropped == 2
    stream.full = False
    log.write("three\n")
    assert stream.getvalue() == '{"event": "lines of this log are missing", "count": 2}\nthree\n'
    assert log.dropped == 0


def test_a_closed_stream_ends_nobody() -> None:
    """Nor does a stream that was closed."""
    stream = io.StringIO()
    stream.close()
    assert Forgiving(stream).write("text") == 4


def test_a_reader_that_stops_reading_stops_nobody() -> None:
    """A pipe that is full takes nothing more; once it is read again, what is missing is told."""
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream, open(reading, "rb", buffering=0) as reader:  # noqa: PTH123 - descriptors
        log = Forgiving(stream)
        line = "é" * 3_000 + "\n"
        while not log.dropped:
            log.write(line)
        log.write("short\n")
        assert log.dropped == 2
        found = b""
        while not found.endswith(b"last\n"):
            found += reader.read(1 << 20)
            if log.dropped:
                log.write("last\n")
    *whole, cut, missing, last = found.decode().splitlines()
    assert set(whole) == {line[:-1]}
    assert line.startswith(cut)
    assert json.loads(missing)["count"] >= 2
    assert last == "last"
