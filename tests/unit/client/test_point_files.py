"""Points in files: what the client reads, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from accio.errors import AccioError
from accio_client.point_files import with_points


def resolved(folder: Path, **keys: Any) -> Any:
    return json.loads(with_points(json.dumps({"workflow": "w", **keys}).encode(), str(folder)))


def test_a_csv_file_is_columns_of_texts(tmp_path: Path) -> None:
    """Sought from the definition's folder; a byte order mark and empty lines don't matter, nor do quoted commas."""
    (tmp_path / "p.csv").write_bytes('\ufeffa, name\n1,"x,y"\n\n2.5,z\n'.encode())
    assert resolved(tmp_path, points="p.csv")["points"] == {"a": ["1", "2.5"], "name": ["x,y", "z"]}


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    """Numbers stay numbers, and times become texts."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    parquet.write_table(pa.table({"a": [1, 2], "day": [moment, moment], "l": [[1], [2]]}), tmp_path / "p.parquet")
    day = "2026-01-02T00:00:00+00:00"
    expected = {"a": [1, 2], "day": [day, day], "l": [[1], [2]]}
    assert resolved(tmp_path, points=str(tmp_path / "p.parquet"))["points"] == expected


def test_what_json_has_no_form_of_becomes_a_text(tmp_path: Path) -> None:
    """Durations in any unit, and numbers that aren't finite, also within lists: whoever checks them names the row."""
    table = {
        "took": pa.array([timedelta(seconds=90), None], pa.duration("us")),
        "fine": pa.array([1_000_000, 1], pa.duration("ns")),
        "x": [0.5, float("nan")],
        "l": [[1.0, float("-inf")], []],
        "exact": [Decimal("1.50"), Decimal("0.1")],
    }
    parquet.write_table(pa.table(table), tmp_path / "p.parquet")
    assert resolved(tmp_path, points="p.parquet")["points"] == {
        "took": ["90000000.micros", None],
        "fine": ["1000000.nanos", "1.nanos"],
        "x": [0.5, "nan"],
        "l": [[1.0, "-inf"], []],
        "exact": [1.5, 0.1],
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"s": pa.array([b"a"])}), "in column 's', found bytes"),
        (pa.table({"s": pa.array([[b"a"]])}), "in column 's', found bytes"),
        (pa.table({"s": pa.array(["a", "b\0c"])}), "row 2 of column 's' holds the character NUL"),
        (pa.table([pa.array([1]), pa.array([2])], names=["i", "i"]), "found the column 'i' twice"),
    ],
)
def test_what_no_parameter_takes_is_told(tmp_path: Path, table: pa.Table, message: str) -> None:
    """The message names the file and the column."""
    parquet.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(AccioError) as refused:
        resolved(tmp_path, points="p.parquet")
    assert message in str(refused.value)
    assert "p.parquet" in str(refused.value)


def test_what_names_no_file_stays_as_it_is(tmp_path: Path) -> None:
    """Rows, and texts that are no definition, are for whoever checks them."""
    for text in (b'{"points": [{"a": 1e400}]}', b'{"points": ', b'{"points": [{"a": 0.10}]}'):
        assert with_points(text, str(tmp_path)) == text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"", "different names of parameters in the first line"),
        ("p.csv", b"a,a\n1,2\n", "different names"),
        ("p.csv", b"a,b\n1,2\n3\n", "line 3: expected 2 values, found 1"),
        ("p.csv", b'a\n"1\n', "line 2"),
        ("p.csv", b"a\n\xff\n", "expected text in UTF-8, found the byte 0xff"),
        ("p.csv", b"a\n1\nb\0c\n", "row 2 of column 'a' holds the character NUL"),
        ("p.parquet", b"no", "can't be read"),
        ("p.txt", b"a\n1\n", "ends in .csv or .parquet"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """The message names the file, and the line where there is one."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AccioError) as refused:
        resolved(tmp_path, points=name)
    assert message in str(refused.value)
    assert name in str(refused.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """Not found, as any file."""
    with pytest.raises(AccioError, match=r"q\.csv: no such file, which 'points' names"):
        resolved(tmp_path, points="q.csv")


def test_a_csv_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    """Which byte is no UTF-8, and how to make it that, rather than a codec's words."""
    (tmp_path / "p.csv").write_bytes("name\nZürich\n".encode("latin-1"))
    with pytest.raises(
        AccioError, match=r"be read: expected text in UTF-8, found the byte 0xfc, which isn't: save it as"
    ):
        resolved(tmp_path, points="p.csv")
