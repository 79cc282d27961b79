"""Exports beyond the shared cases: nesting, units, formats, formulas, files that appear as a whole, large sweeps."""

import csv
import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.datatypes import parse_type
from accio.errors import AlreadyExists, BadRequest
from accio.v1 import accio_pb2, runs_pb2
from accio_client.export.columns import Column, Holds, place_columns, values_within
from accio_client.export.exporting import Options, distinct_name, write_files
from accio_client.export.files import MOST_OPEN, Files
from accio_client.export.formats import CsvWriter, separator
from accio_client.export.selection import Selection
from accio_client.export.spool import Spool
from tests.unit.client.exporting import ALL, by_port, exported, lines, no_blob, parquet_rows, sweep


@pytest.mark.parametrize(
    ("type_name", "value", "places", "rows"),
    [
        ("double", 1.5, [], [(1.5,)]),
        ("double", "NaN", [], [(math.nan,)]),
        ("boolean", True, [], [(True,)]),
        ("location", [48.85, 2.35], [], [("48.85,2.35",)]),
        ("set(integer)", [1, 2], [], [(1,), (2,)]),
        ("list(distance)", [1.5, 2.5], ["index"], [(0, 1.5), (1, 2.5)]),
        ("map(duration,integer)", {"1000": 1}, ["key"], [("1000.millis", 1)]),
        ("map(string,list(double))", {"a": [1.0], "b": []}, ["key", "index"], [("a", 0, 1.0)]),
        ("map(string,map(string,integer))", {"a": {"b": 1}}, ["key", "key_2"], [("a", "b", 1)]),
        ("list(set(list(byte)))", [[[1, 2]]], ["index", "index_2"], [(0, 0, 1), (0, 1, 2)]),
    ],
)
def test_collections_become_rows(type_name: str, value: Any, places: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Each value inside a collection has a row, and columns that say where it stands."""
    datatype = parse_type(type_name)
    assert [column.name for column in place_columns(datatype)] == places
    found = list(values_within(datatype, value))
    assert repr(found) == repr(rows)


def test_every_type_has_its_column(tmp_path: Path) -> None:
    """Units stand in the header; times, places and switches are texts; an export of ALL leaves nothing out."""
    outputs = {"a": "distance", "b": "duration", "c": "timestamp", "d": "location", "e": "boolean", "f": "long"}
    text = '{"a":12.5,"b":3000,"c":1388707109120,"d":[48.85,2.35],"e":true,"f":9223372036854775807}'
    names = exported(tmp_path, sweep(1, outputs, lambda _: text), artifacts=ALL)
    assert names == [f"S-{port}.csv" for port in "abcdef"]
    found = {port: [line.split(",", 4)[4] for line in lines(tmp_path / f"S-{port}.csv")] for port in "abcdef"}
    assert found == {
        "a": ["value_in_meters", "12.5"],
        "b": ["value_in_millis", "3000"],
        "c": ["value", "2014-01-02T23:58:29.120Z"],
        "d": ["value", '"48.85,2.35"'],
        "e": ["value", "true"],
        "f": ["value", "9223372036854775807"],
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("options", [{}, {"wide": True}, {"aggregate": True}, {"split": True}])
def test_ports_and_rows_give_the_same_files(tmp_path: Path, kind: Any, options: dict[str, bool]) -> None:
    """Port by port or row by row, the files are equal to the byte: gaps, texts and NaN included."""
    outputs = {
        "a": "double",
        "b": "long",
        "c": "string",
        "d": "list(double)",
        "e": "double",
        "f": "map(string,integer)",
    }
    texts = (
        '{"a":0.1,"b":9223372036854775807,"c":"null, \\"x\\"","d":[1.5,2.5],"e":1e-05,"f":{"k":1}}',
        '{"a":1e+16,"b":-1,"c":"=1","d":[],"e":"NaN","f":{}}',
        '{"b":0,"c":"","d":[0.0],"e":-0.0}',
    )
    chunk = sweep(9, outputs, lambda row: texts[row % 3], repeat=3)
    late = sweep(3, outputs, lambda row: texts[row % 3], repeat=3, first=9)
    late.nodes[0].row[:] = [0, 2]
    del late.nodes[0].outputs_json[1]
    names = exported(tmp_path / "rows", chunk, late, artifacts=ALL, format=kind, **options)
    assert exported(tmp_path / "ports", by_port(chunk), by_port(late), artifacts=ALL, format=kind, **options) == names
    assert names
    for name in names:
        assert (tmp_path / "ports" / name).read_bytes() == (tmp_path / "rows" / name).read_bytes(), name


def test_runs_of_different_workflows_share_a_header(tmp_path: Path) -> None:
    """A parameter that only one of the runs has is empty for the other; one that differs between them has a column."""
    one = accio_pb2.ExportChunk(
        run=runs_pb2.Run(
            id="r1",
            kind=runs_pb2.RUN_KIND_SINGLE,
            params=[runs_pb2.RunParameter(name="k", type="distance", json="250.0", values=1)],
        ),
        index=[0],
        seed=[5],
        repetition=[1],
        nodes=sweep(1, {"x": "double"}, lambda _: '{"x":1.0}').nodes,
    )
    other = accio_pb2.ExportChunk()
    other.CopyFrom(one)
    other.run.id = "r2"
    other.run.params[0].json = "500.0"
    assert exported(tmp_path, one, other, sweep(2, {"x": "double"}, lambda row: f'{{"x":{row}.5}}')) == ["S-x.csv"]
    assert lines(tmp_path / "S-x.csv") == [
        "run,k,epsilon,repeat,seed,value",
        "r1,250.0,,1,5,1.0",
        "r2,500.0,,1,5,1.0",
        "p.0,,0.0,1,0,0.5",
        "p.1,,1.0,1,1,1.5",
    ]


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    """A port or a parameter's value with slashes and dots stays inside the folder."""
    chunk = sweep(1, {"../../x": "double"}, lambda _: '{"../../x":1.0}')
    assert exported(tmp_path / "out", chunk) == ["S-.._.._x.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert distinct_name("uri=/a/b") != distinct_name("uri=/a_b")
    assert "/" not in distinct_name("uri=/a/b")
    assert distinct_name("epsilon=0.1,level=15") == "epsilon=0.1,level=15"
    assert len(distinct_name("x" * 5000)) < 200


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("\tx", "'\tx"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-1,=A1", "'-1,=A1"),
        ("-1.5", "-1.5"),
        ("+3", "+3"),
        ("-48.85,-2.35", "-48.85,-2.35"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_formulas_are_disarmed(tmp_path: Path, cell: str, text: str) -> None:
    """No spreadsheet evaluates a cell, numbers and locations stay as they are, and -raw leaves everything as it is."""
    for raw, wanted in ((False, text), (True, cell)):
        path = tmp_path / f"{raw}.csv"
        writer = CsvWriter(path, [Column("t", Holds.TEXT)], begin=False, separator=",", raw=raw)
        writer.write([[cell]])
        writer.close()
        with path.open(newline="") as file:
            assert next(csv.reader(file)) == [wanted] if cell else [""]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1),
    st.sampled_from(",;|\t"),
)
def test_csv_reads_back(tmp_path_factory: pytest.TempPathFactory, cells: list[str], between: str) -> None:
    """Quotes, separators and line ends inside texts survive (RFC 4180)."""
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    columns = [Column("a", Holds.TEXT), Column("b", Holds.TEXT)]
    writer = CsvWriter(path, columns, begin=True, separator=between, raw=True)
    writer.write([cells, cells])
    writer.close()
    text = path.read_bytes().decode()
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=between)) == [
        ["a", "b"],
        *([cell, cell] for cell in cells),
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    """A double is written in the shortest form that reads back as the same double."""
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    writer = CsvWriter(path, [Column("x", Holds.DOUBLE)], begin=False, separator=",", raw=False)
    writer.write([[value]])
    writer.close()
    assert path.read_text() == f"{value!r}\n"


def test_other_formats_hold_the_same(tmp_path: Path) -> None:
    """Parquet and JSON lines hold typed values, an infinity included."""
    chunk = sweep(
        2,
        {"x": "double", "t": "timestamp"},
        lambda row: f'{{"x":{row}.5,"t":1388707109120}}' if row else '{"x":"Infinity"}',
    )
    assert exported(tmp_path, chunk, artifacts=ALL, format="jsonl", wide=True) == ["runs.jsonl"]
    first, second = map(json.loads, lines(tmp_path / "runs.jsonl"))
    assert first == {
        "run": "p.0",
        "label": None,
        "epsilon": 0.0,
        "repeat": 1,
        "seed": 0,
        "state": None,
        "cause": None,
        "S/x": "Infinity",
        "S/t": None,
    }
    assert second["S/t"] == "2014-01-02T23:58:29.120Z"
    assert exported(tmp_path, chunk, artifacts=ALL, format="parquet", wide=True) == ["runs.parquet"]
    table = pyarrow.parquet.read_table(tmp_path / "runs.parquet")
    assert table.column("S/x").to_pylist() == [math.inf, 1.5]
    assert str(table.schema.field("S/t").type) == "timestamp[ms, tz=UTC]"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_append_extends_and_force_replaces(tmp_path: Path, kind: Any) -> None:
    """-append adds rows below one header, -force begins anew, and without either nothing is touched."""
    chunk = sweep(2, {"x": "double"}, lambda row: f'{{"x":{row}.5}}')
    exported(tmp_path, chunk, format=kind)
    before = (tmp_path / f"S-x.{kind}").read_bytes()
    with pytest.raises(AlreadyExists, match="-append"):
        exported(tmp_path, chunk, format=kind)
    assert (tmp_path / f"S-x.{kind}").read_bytes() == before
    exported(tmp_path, chunk, format=kind, append=True)
    counts: dict[str, Callable[[Path], int]] = {
        "csv": lambda path: len(lines(path)) - 1,
        "jsonl": lambda path: len(lines(path)),
        "parquet": parquet_rows,
    }
    count = counts[kind]
    assert count(tmp_path / f"S-x.{kind}") == 4
    exported(tmp_path, chunk, format=kind, force=True)
    assert count(tmp_path / f"S-x.{kind}") == 2
    assert [path.name for path in tmp_path.iterdir()] == [f"S-x.{kind}"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_append_refuses_other_columns(tmp_path: Path, kind: Any) -> None:
    """A file with other columns isn't appended to, and stays as it is."""
    exported(tmp_path, sweep(1, {"x": "double"}, lambda _: '{"x":1.5}'), format=kind)
    before = (tmp_path / f"S-x.{kind}").read_bytes()
    with pytest.raises(BadRequest, match="other columns"):
        exported(tmp_path, sweep(1, {"x": "list(double)"}, lambda _: '{"x":[1.5]}'), format=kind, append=True)
    assert (tmp_path / f"S-x.{kind}").read_bytes() == before


def test_append_refuses_half_a_line(tmp_path: Path) -> None:
    """A file whose last line isn't whole isn't appended to: two rows would become one."""
    (tmp_path / "S-x.csv").write_text("run,epsilon,repeat,seed,value\np.0,0.0")
    with pytest.raises(BadRequest, match="isn't whole"):
        exported(tmp_path, sweep(1, {"x": "double"}, lambda _: '{"x":1.5}'), append=True)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    """An export that fails in the middle leaves neither files nor drafts."""
    blob = sweep(1, {"x": "double"}, lambda _: "{}", first=2)
    blob.nodes[0].blobs.add(row=0, port="x", digest="blake3:00")
    with pytest.raises(AssertionError, match="blake3:00"):
        exported(tmp_path, sweep(2, {"x": "double"}, lambda _: '{"x":1.5}'), blob)
    assert list(tmp_path.iterdir()) == []


def test_blobs_are_values_like_others(tmp_path: Path) -> None:
    """A value that is kept as a blob is read, and stands in its row."""
    chunk = sweep(2, {"x": "list(double)"}, lambda row: '{"x":[0.5]}' if row == 0 else "{}")
    chunk.nodes[0].blobs.add(row=1, port="x", digest="d")
    with Spool() as spool:
        spool.add(chunk)
        write_files(spool, Options(folder=tmp_path), {"d": b"[1.5,2.5]"}.__getitem__)
    assert [line.split(",")[-2:] for line in lines(tmp_path / "S-x.csv")[1:]] == [
        ["0", "0.5"],
        ["0", "1.5"],
        ["1", "2.5"],
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_split_over_many_points_opens_few_files(tmp_path: Path, kind: Any) -> None:
    """A split over more combinations than files may be open goes on with files that it had to close."""
    count = MOST_OPEN + 10
    chunks = [sweep(count, {"x": "double"}, lambda _: '{"x":1.5}', identifier=name) for name in "pq"]
    names = exported(tmp_path, *chunks, split=True, format=kind)
    assert len(names) == count
    assert f"epsilon=3.0/S-x.{kind}" in names
    if kind == "csv":
        assert all(len(lines(tmp_path / name)) == 3 for name in names)
    if kind == "parquet":
        assert all(parquet_rows(tmp_path / name) == 2 for name in names)
    assert not list(tmp_path.rglob(".*"))


def test_points_that_span_chunks_are_aggregated_once(tmp_path: Path) -> None:
    """Where the daemon cuts its stream doesn't matter to the statistics."""
    whole = sweep(6, {"x": "integer"}, lambda row: f'{{"x":{row}}}', repeat=3)
    exported(tmp_path / "a", whole, aggregate=True)
    parts = [sweep(2, {"x": "integer"}, lambda row: f'{{"x":{row}}}', repeat=3, first=first) for first in (0, 2, 4)]
    exported(tmp_path / "b", *parts, aggregate=True)
    assert lines(tmp_path / "a" / "S-x.csv") == lines(tmp_path / "b" / "S-x.csv")
    header, first, _ = lines(tmp_path / "a" / "S-x.csv")
    assert header == "run,epsilon,n,mean,sd,ci95_low,ci95_high"
    assert first.split(",")[:5] == ["p", "0.0", "3", "1.0", "1.0"]


def test_types_that_differ_have_files_of_their_own(tmp_path: Path) -> None:
    """The same port with another type goes to a file with a number."""
    double = sweep(1, {"x": "double"}, lambda _: '{"x":1.5}', identifier="p")
    long = sweep(1, {"x": "long"}, lambda _: '{"x":2}', identifier="q")
    assert exported(tmp_path, double, long) == ["S-x.csv", "S-x-2.csv"]


def test_selections() -> None:
    """Names select nodes, outputs, or outputs of any node; NUMERIC is about what stands inside collections."""
    double, text = parse_type("map(string,double)"), parse_type("string")
    assert Selection.read("numeric", numeric=True).has("S", "x", double)
    assert not Selection.read("NUMERIC", numeric=True).has("S", "x", text)
    assert Selection.read("ALL", numeric=True).has("S", "x", text)
    named = Selection.read("S/x, T", numeric=True)
    assert named.has("S", "x", text)
    assert not named.has("S", "y", text)
    assert named.has("T", "y", text)
    assert named.asked() == ["S/x", "T"]
    assert Selection.read("ALL", numeric=True).asked() == []
    mixed = Selection.read("T/note,NUMERIC", numeric=True)
    assert mixed.has("S", "x", double)
    assert mixed.has("T", "note", text)
    assert not mixed.has("S", "note", text)
    assert mixed.asked() == []
    assert Selection.read("NONE,T", numeric=True) == Selection.read("T", numeric=True)
    with pytest.raises(BadRequest):
        Selection.read(" , ", numeric=True)


def test_separators() -> None:
    """One character, or the word tab."""
    assert separator("tab") == separator("\\t") == "\t"
    for wrong in ("", "ab", "x", '"', "\n"):
        with pytest.raises(BadRequest):
            separator(wrong)


@pytest.mark.parametrize("options", [{"append": True, "force": True}, {"wide": True, "aggregate": True}])
def test_options_that_exclude_each_other(options: dict[str, bool]) -> None:
    """What can't be meant together is refused."""
    with pytest.raises(BadRequest, match="exclude each other"):
        Options(**options)  # type: ignore[arg-type]  # fields by name


def test_a_file_that_comes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Between the look and the end somebody may write the file: it isn't replaced."""
    files = Files(tmp_path, kind="csv", force=False, append=False)

    def export() -> None:
        with files:
            files.write("", "t", [Column("x", Holds.INTEGER)], [[1]])
            (tmp_path / "t.csv").write_text("mine")

    with pytest.raises(AlreadyExists, match="meanwhile"):
        export()
    assert (tmp_path / "t.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.slow
def test_a_large_export_is_quick(tmp_path: Path) -> None:
    """100,000 runs with 20 columns become CSV within five seconds (on an idle machine in less than two)."""
    ports = {f"y{at}": "double" for at in range(16)}
    text = "{" + ",".join(f'"{name}":{0.1 + at}' for at, name in enumerate(ports)) + "}"
    with Spool() as spool:
        for first in range(0, 100_000, 5_000):
            spool.add(by_port(sweep(5_000, ports, lambda _: text, first=first)))
        began = time.process_time()
        write_files(spool, Options(folder=tmp_path, wide=True), no_blob)
        took = time.process_time() - began
    assert len(lines(tmp_path / "runs.csv")) == 100_001
    assert took < 5
