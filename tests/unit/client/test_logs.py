"""From chunks of logs to lines."""

from accio.v1 import accio_pb2, runs_pb2
from accio_client.logs import LogReader


def chunk(*pieces: bytes) -> accio_pb2.LogChunk:
    lines = [runs_pb2.LogLine(stderr=True, at_ms=1, data=piece) for piece in pieces]
    return accio_pb2.LogChunk(run="r", node="N", attempt=1, lines=lines)


def read(reader: LogReader, *pieces: bytes) -> list[str]:
    return [line.text for line in reader.read(chunk(*pieces))]


def test_a_progress_bar_is_followed() -> None:
    """A line that is drawn over and over comes each time that it is complete; its end is no line of its own."""
    reader = LogReader(follow=True)
    assert read(reader, b"\r", b"step 1") == []
    assert read(reader, b"\r", b"step 2\r") == ["step 1", "step 2"]
    assert read(reader, b"\n", b"done\n") == ["done"]


def test_a_progress_bar_is_one_line_afterwards() -> None:
    """Without following, a line ends with a line feed."""
    assert read(LogReader(), b"\r", b"step 1\r", b"step 2\n") == ["\rstep 1\rstep 2"]
