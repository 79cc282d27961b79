"""Datasets of traces and of POIs, in memory and on disk."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from accio_locapriv.errors import DataError
from accio_locapriv.pois import read_pois, write_pois
from accio_locapriv.traces import Traces, read_traces, write_traces
from tests.locapriv import strategies
from tests.locapriv.calling import make_pois, make_traces

SMALL = {"b": [(1.0, 2.0, 5), (3.0, 4.0, 7)], "a": [(5.0, 6.0, 1)], "none": []}


def assert_equal(a: Traces, b: Traces) -> None:
    assert (a.ids, a.users) == (b.ids, b.users)
    for name in ("offsets", "lat", "lng", "time"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


@given(traces=strategies.traces())
def test_written_traces_are_read_back(tmp_path_factory: pytest.TempPathFactory, traces: Traces) -> None:
    """What was written is what is read, empty traces included."""
    folder = tmp_path_factory.mktemp("data")
    write_traces(traces, folder)
    assert_equal(read_traces(folder), traces)


def test_events_of_an_instant_keep_their_order() -> None:
    """Sorting by time is stable."""
    traces = make_traces({"t": [(1, 0, 9), (2, 0, 3), (3, 0, 9), (4, 0, 3), (5, 0, 9)]})
    assert traces.lat.tolist() == [2, 4, 1, 3, 5]


def test_equal_traces_give_equal_bytes(tmp_path: Path) -> None:
    """Writing twice gives the same files, so that nodes after a repeated one stay cached."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_traces(make_traces(SMALL), tmp_path / name)
    for file in ("events.parquet", "traces.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_files_have_plain_columns(tmp_path: Path) -> None:
    """Any Parquet reader finds texts, doubles and 64-bit integers, sorted by trace and time."""
    write_traces(make_traces(SMALL), tmp_path)
    events = pq.read_table(tmp_path / "events.parquet")
    assert dict(zip(events.schema.names, map(str, events.schema.types), strict=True)) == {
        "trace": "string",
        "user": "string",
        "lat": "double",
        "lng": "double",
        "time": "int64",
    }
    assert events["trace"].to_pylist() == ["a", "b", "b"]
    assert pq.read_table(tmp_path / "traces.parquet")["trace"].to_pylist() == ["a", "b", "none"]


def test_datasets_written_by_others_are_sorted(tmp_path: Path) -> None:
    """A dataset in another order, with other column types, is read as if it were in order."""
    table = pa.table(
        {"trace": ["b", "a", "b"], "lat": [1, 2, 3], "lng": [1, 2, 3], "time": [9, 5, 3], "more": [0, 0, 0]}
    )
    pq.write_table(table, tmp_path / "events.parquet")
    pq.write_table(pa.table({"trace": ["b", "a"], "user": ["x", "y"]}), tmp_path / "traces.parquet")
    traces = read_traces(tmp_path)
    assert (traces.ids, traces.users) == (("a", "b"), ("y", "x"))
    assert traces.lat.tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"trace": ["a"], "lat": [1.0], "lng": [1.0]}, "expected a column 'time'"),
        ({"trace": ["zz"], "lat": [1.0], "lng": [1.0], "time": [1]}, "found 'zz'"),
        ({"trace": ["a"], "lat": [None], "lng": [1.0], "time": [1]}, "no nulls in column 'lat'"),
        ({"trace": ["a"], "lat": ["north"], "lng": [1.0], "time": [1]}, "expected column 'lat' to be double"),
        ({"trace": ["a"], "lat": [float("nan")], "lng": [1.0], "time": [1]}, "expected finite coordinates"),
    ],
)
def test_what_is_no_dataset_is_refused(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    """The message says what the file lacks."""
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    pq.write_table(pa.table({"trace": ["a"], "user": ["a"]}), tmp_path / "traces.parquet")
    with pytest.raises(DataError, match=message):
        read_traces(tmp_path)


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    """The message names the folder and the file."""
    with pytest.raises(DataError, match=r"expected a dataset with a file traces\.parquet, found none"):
        read_traces(tmp_path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """Damage is said to be damage."""
    (tmp_path / "traces.parquet").write_text("trace,user\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected a Parquet file"):
        read_traces(tmp_path)


def test_pois_are_read_back(tmp_path: Path) -> None:
    """What was written is what is read, traces without POIs included."""
    pois = make_pois({"b": [(1.0, 2.0, 5, 9), (3.0, 4.0, 7, 8)], "a": []})
    write_pois(pois, tmp_path)
    found = read_pois(tmp_path)
    assert found.ids == ("a", "b")
    for name in ("offsets", "lat", "lng", "events", "first", "last", "diameter"):
        assert np.array_equal(getattr(found, name), getattr(pois, name)), name


def test_traces_are_no_pois(tmp_path: Path) -> None:
    """A metric of POIs that is given traces says what it expected."""
    write_traces(make_traces(SMALL), tmp_path)
    with pytest.raises(DataError, match=r"expected a dataset with a file pois\.parquet"):
        read_pois(tmp_path)
