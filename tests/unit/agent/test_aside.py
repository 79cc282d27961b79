"""What an agent holds of another history goes aside, whole, whatever happens meanwhile."""

from pathlib import Path

import pytest

from accio_agent.agent.disk.aside import KEPT, label_logs, separate_logs, set_aside
from accio_agent.agent.disk.journal import Journal
from accio_agent.agent.disk.log_store import LogStore
from tests.deaths import dying_at_rename


def holding(folder: Path, history: str, attempt: int = 7) -> None:
    """Hold a report and a log of a history."""
    journal = Journal(folder / "journal")
    journal.belongs_to(history)
    journal.report(1, attempt, b"a report")
    journal.write()
    journal.close()
    logs = LogStore(folder / "logs")
    logs.append(attempt, 0, 1, history.encode())
    logs.close()
    label_logs(folder, history)


def held(folder: Path) -> tuple[str, list[int]]:
    """The journal's history, and the attempts that it knows."""
    journal = Journal(folder / "journal")
    journal.close()
    remembered = journal.remembered
    return remembered.history, [attempt for attempt, _ in remembered.reports.values()]


def logged(folder: Path, attempt: int = 7) -> bytes:
    """What the logs beside the journal have of an attempt, as the next life opens them."""
    separate_logs(folder, held(folder)[0])
    logs = LogStore(folder / "logs")
    pieces = logs.read(attempt, 0).pieces
    logs.close()
    return b"".join(piece.data for piece in pieces)


def test_the_journal_names_its_history(tmp_path: Path) -> None:
    """The history is read back with the attempts, also from a journal that was written anew."""
    holding(tmp_path, "one")
    assert held(tmp_path) == ("one", [7])
    assert held(tmp_path) == ("one", [7])


def test_the_agent_begins_clean(tmp_path: Path) -> None:
    """Nothing of the old history is left in its place, and all of it is kept beside."""
    holding(tmp_path, "one")
    place = set_aside(tmp_path, "one", "two")
    assert held(tmp_path) == ("two", [])
    assert logged(tmp_path) == b""
    assert held(place) == ("one", [7])
    assert logged(place) == b"one"


def test_logs_come_back_with_their_history(tmp_path: Path) -> None:
    """Between two daemons, back and forth: each finds the logs of its own attempts, and nothing to report."""
    holding(tmp_path, "one")
    for _ in range(2):
        set_aside(tmp_path, "one", "two")
        assert (held(tmp_path), logged(tmp_path)) == (("two", []), b"")
        set_aside(tmp_path, "two", "one")
        assert (held(tmp_path), logged(tmp_path)) == (("one", []), b"one")
    assert sorted(path.name for path in (tmp_path / "aside" / "one").iterdir()) == ["journal", "journal-2"]


@pytest.mark.parametrize("instant", range(1, 10))
def test_a_death_in_between_mixes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: int) -> None:
    """An agent killed between any two steps holds all of one history or nothing, and never shows another one's logs."""
    holding(tmp_path, "two")
    set_aside(tmp_path, "two", "one")
    holding(tmp_path, "one")
    with dying_at_rename(monkeypatch, instant):
        set_aside(tmp_path, "one", "two")
    history, attempts = held(tmp_path)
    assert (history, attempts) in (("one", [7]), ("", []), ("two", []))
    assert logged(tmp_path) in (b"", history.encode())


def test_logs_without_their_journal_are_set_aside(tmp_path: Path) -> None:
    """Whoever deletes a journal doesn't make its logs another history's."""
    holding(tmp_path, "one")
    (tmp_path / "journal").unlink()
    assert logged(tmp_path) == b""
    assert (tmp_path / "aside" / "one" / "logs").is_dir()


def test_few_histories_are_kept(tmp_path: Path) -> None:
    """An agent that sees ever new histories keeps the last ones."""
    for number in range(KEPT + 3):
        holding(tmp_path, f"history{number}")
        set_aside(tmp_path, f"history{number}", f"history{number + 1}")
    assert len(list((tmp_path / "aside").iterdir())) == KEPT
    assert held(tmp_path / "aside" / f"history{KEPT + 2}") == (f"history{KEPT + 2}", [7])
