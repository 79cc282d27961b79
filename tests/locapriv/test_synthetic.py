"""Synthetic traces."""

from pathlib import Path

import numpy as np
import pytest

from accio_locapriv.geometry import distances
from accio_locapriv.sources import load
from accio_locapriv.stays import extract_pois
from accio_locapriv.synthetic import main


def test_equal_arguments_give_equal_files(tmp_path: Path) -> None:
    """Another seed gives other traces; another number of users leaves those that were there alone."""
    for name, users, seed in (("a", "2", "1"), ("b", "3", "1"), ("c", "2", "2")):
        assert main([str(tmp_path / name), "--users", users, "--days", "1", "--seed", seed]) == 0
    first = [(tmp_path / name / "user1.csv").read_bytes() for name in "abc"]
    assert first[0] == first[1] != first[2]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["user1.csv", "user2.csv", "user3.csv"]


def test_people_stay_at_home_and_at_work(tmp_path: Path) -> None:
    """Stays of a quarter of an hour exist, and home is one of them on most days."""
    main([str(tmp_path), "--users", "2"])
    traces = load(tmp_path, "csv").traces
    pois = extract_pois(traces, 200.0, 900_000)
    assert (np.diff(pois.offsets) >= 8).all()
    for index, trace in enumerate(traces):
        vectors = pois.vectors()[pois.rows(index)]
        assert (distances(vectors, trace.vectors()[0]) < 100.0).sum() >= 4
        assert (np.diff(trace.time) > 0).all()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the place of the folder is a wrong command line, not a crash."""
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "file"), "--users", "1", "--days", "1"])
    assert "file (File exists)" in capsys.readouterr().err


def test_nobody_is_nobody(tmp_path: Path) -> None:
    """No users, or no days, is a wrong command line."""
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--users", "0"])
