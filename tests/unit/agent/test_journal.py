"""The agent's memory on disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accio_agent.agent.disk import journal as journal_module
from accio_agent.agent.disk.journal import Journal


def filled(path: Path) -> Journal:
    journal = Journal(path)
    journal.begun([1, 2, 3])
    journal.report(1, 1, b"one")
    journal.report(2, 2, b"two")
    journal.acknowledged([1])
    journal.write()
    return journal


def test_what_was_written_is_remembered(tmp_path: Path) -> None:
    """Attempts that were begun, and reports that weren't acknowledged, are there after a restart."""
    filled(tmp_path / "journal").close()
    remembered = Journal(tmp_path / "journal").remembered
    assert remembered.begun == {3}
    assert remembered.reports == {2: (2, b"two")}
    assert remembered.next_seq == 3


PLAIN = (4, 5, 1, 2, 3, 4, 6, 1 << 40, 7, b'{"value":"1"}')
SHORTER = (5, *PLAIN[1:-1], b"{}")


def test_plain_reports_are_remembered(tmp_path: Path) -> None:
    """As they are, after a restart and after one more, as a start writes the file anew; their attempts have ended."""
    journal = filled(tmp_path / "journal")
    journal.begun([4, 5])
    journal.plain([(3, PLAIN), (4, SHORTER)])
    assert journal.remembered.reports[3] == (4, (3, PLAIN))
    journal.write()
    journal.close()
    for _ in range(2):
        journal = Journal(tmp_path / "journal")
        assert journal.remembered.reports == {2: (2, b"two"), 3: (4, (3, PLAIN)), 4: (5, (4, SHORTER))}
        assert (journal.remembered.begun, journal.remembered.next_seq) == ({3}, 5)
        journal.close()
    journal = Journal(tmp_path / "journal")
    journal.acknowledged([3])
    journal.write()
    assert list(Journal(tmp_path / "journal").remembered.reports) == [2, 4]


def test_an_earlier_version_takes_plain_reports_for_attempts_that_nobody_asks_for(tmp_path: Path) -> None:
    """What it doesn't know is a list of numbers to it, so that it must be as long as one: else it ends as it starts."""
    journal = Journal(tmp_path / "journal")
    for length in range(20):
        journal.plain([(length + 1, (*PLAIN[:-1], b"x" * length))])
        journal.write()
    lengths = [len(body) for body, _ in journal_module._records((tmp_path / "journal").read_bytes())]
    assert len(lengths) > 20
    assert [length % 8 for length in lengths[-20:]] == [1] * 20


def test_nothing_is_written_before_write(tmp_path: Path) -> None:
    """A batch of events is one write."""
    journal = filled(tmp_path / "journal")
    size = (tmp_path / "journal").stat().st_size
    journal.begun([4])
    journal.forgotten([3])
    assert (tmp_path / "journal").stat().st_size == size
    journal.write()
    assert Journal(tmp_path / "journal").remembered.begun == {4}


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 200), flip=st.booleans())
def test_a_torn_tail_is_cut_off(tmp_path_factory: pytest.TempPathFactory, cut: int, flip: bool) -> None:
    """Whatever byte of the tail is missing or damaged, what stands before it counts, and writing goes on after it."""
    path = tmp_path_factory.mktemp("journal") / "journal"
    filled(path).close()
    content = path.read_bytes()
    place = len(content) - 1 - min(cut, len(content) - 1)
    path.write_bytes(content[:place] + (bytes([content[place] ^ 1]) + content[place + 1 :] if flip else b""))
    journal = Journal(path)
    assert journal.remembered.begun <= {1, 2, 3}
    journal.report(7, 7, b"seven")
    journal.write()
    journal.close()
    assert Journal(path).remembered.reports[7] == (7, b"seven")


def test_history_is_compacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file doesn't grow with acknowledged history; what matters and the numbering survive."""
    monkeypatch.setattr(journal_module, "COMPACT_FROM", 10_000)
    journal = filled(tmp_path / "journal")
    for seq in range(3, 2000):
        journal.begun([seq + 10])
        journal.report(seq, seq + 10, b"x" * 100)
        journal.acknowledged([seq])
        journal.write()
    assert (tmp_path / "journal").stat().st_size < 20_000
    journal.close()
    remembered = Journal(tmp_path / "journal").remembered
    assert (remembered.begun, remembered.reports) == ({3}, {2: (2, b"two")})
    assert remembered.next_seq == 2000


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path) -> None:
    """What couldn't be written is written when there is room again."""
    journal = filled(tmp_path / "journal")
    full = os.open("/dev/full", os.O_RDWR)
    usual = os.dup(journal._fd)
    os.dup2(full, journal._fd)
    journal.report(3, 3, b"three")
    with pytest.raises(OSError, match="No space left"):
        journal.write()
    os.dup2(usual, journal._fd)
    journal.report(4, 4, b"four")
    journal.write()
    for fd in (full, usual):
        os.close(fd)
    remembered = Journal(tmp_path / "journal").remembered
    assert remembered.begun == set()
    assert list(remembered.reports) == [2, 3, 4]
