"""Logs that can't be written."""

import io

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
