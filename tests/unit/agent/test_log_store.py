"""Logs in segments."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from accio_agent.agent.disk.log_store import ERR, OUT, LogStore


def text(store: LogStore, attempt: int, stream: int | None = None) -> bytes:
    pieces = store.read(attempt, 0, 1 << 30).pieces
    return b"".join(piece.data for piece in pieces if stream is None or piece.stream == stream)


class Counting(LogStore):
    """A store that counts how often it reads from a file."""

    looks = 0

    def _bytes(self, number: int, place: int, length: int) -> bytes:
        self.looks += 1
        return super()._bytes(number, place, length)


def test_attempts_and_streams_are_kept_apart(tmp_path: Path) -> None:
    """Each attempt has its own log; both streams are in it, in the order in which they were read."""
    store = LogStore(tmp_path)
    store.append(1, OUT, 5, b"a")
    store.append(2, OUT, 6, b"b")
    store.append(1, ERR, 7, b"c")
    assert store.finish(1, 8) == 2
    assert store.finish(1, 8) == 0, "it was finished already"
    assert [(piece.stream, piece.at_ms, piece.data) for piece in store.read(1, 0).pieces] == [
        (OUT, 5, b"a"),
        (ERR, 7, b"c"),
    ]
    assert text(store, 2) == b"b"
    assert text(store, 3) == b""


def test_a_log_is_cut_at_its_limit(tmp_path: Path) -> None:
    """Beyond the limit bytes are counted, not kept, and a note says so."""
    store = LogStore(tmp_path, attempt_limit=10)
    for _ in range(5):
        store.append(1, OUT, 0, b"1234")
    assert store.finish(1, 0) == 10
    extract = store.read(1, 0)
    assert text(store, 1) == b"1234123412"
    assert extract.note == "the log was cut after 10 bytes; 10 bytes were left out"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_reading_by_offset(tmp_path_factory: object, data: DataObject) -> None:
    """Reading on from where the last answer ended gives the whole log, whatever the sizes of pieces and answers."""
    pieces = data.draw(st.lists(st.binary(min_size=1, max_size=50), max_size=20))
    limit = data.draw(st.integers(1, 60))
    store = LogStore(tmp_path_factory.mktemp("logs"), segment_size=200)  # type: ignore[attr-defined]  # a fixture of pytest
    for number, piece in enumerate(pieces):
        store.append(1, OUT, number, piece)
        store.append(2, ERR, number, b"other")
    found, offset = b"", 0
    while True:
        extract = store.read(1, offset, limit)
        found += b"".join(piece.data for piece in extract.pieces)
        offset = extract.next_offset
        if extract.complete:
            break
    assert found == b"".join(pieces)


def test_logs_survive_a_restart(tmp_path: Path) -> None:
    """Logs are found by the next agent on the folder, those of a segment whose writer died in mid-record too."""
    store = LogStore(tmp_path, segment_size=100)
    for attempt in range(1, 30):
        store.append(attempt, OUT, 0, b"text of %d" % attempt)
        store.finish(attempt, 0)
    store.close()
    last = sorted(tmp_path.glob("*.log"))[-1]
    last.write_bytes(last.read_bytes() + b"torn")
    again = LogStore(tmp_path, segment_size=100)
    assert [text(again, attempt) for attempt in (1, 15, 29)] == [b"text of 1", b"text of 15", b"text of 29"]


def test_the_oldest_segments_go(tmp_path: Path) -> None:
    """All logs together stay within their limit."""
    store = LogStore(tmp_path, segment_size=1000, total_limit=5000)
    for attempt in range(200):
        store.append(attempt, OUT, 0, b"x" * 200)
        store.finish(attempt, 0)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 8000
    assert text(store, 0) == b""
    assert text(store, 199) == b"x" * 200


def test_a_look_reads_what_the_attempt_printed(tmp_path: Path) -> None:
    """Records of others before its first and after its last record aren't looked at, nor what was read before."""
    store = Counting(tmp_path, segment_size=10_000)
    for attempt in range(300):
        store.append(attempt, OUT, 0, b"text of %d" % attempt)
        store.finish(attempt, 0)
    for number in range(50):
        store.append(1000, OUT, number, b"0123456789")
    for attempt in range(300):
        assert text(store, attempt) == b"text of %d" % attempt
    assert store.looks == 2 * 300, "at each a head and a text"
    store.looks = offset = 0
    while offset < 500:
        offset = store.read(1000, offset, 50).next_offset
    assert store.looks < 4 * 50


def test_folders_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """A full segment that has only the table of first places is looked through when somebody reads it."""
    store = LogStore(tmp_path, segment_size=100)
    for attempt in (1, 2, 1, 2, 1, 2, 3):
        store.append(attempt, OUT, 0, b"some text of %d" % attempt)
    store.close()
    for path in tmp_path.glob("*.spans"):
        path.rename(path.with_suffix(".table"))
    again = LogStore(tmp_path, segment_size=100)
    assert text(again, 1) == b"some text of 1" * 3
