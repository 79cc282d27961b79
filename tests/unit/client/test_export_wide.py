"""Wide tables: a row per run, whose gaps and whose columns' names are right."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from accio.errors import NotFound
from accio.v1 import runs_pb2
from accio_client.export.exporting import wide_table
from accio_client.export.selection import Selection
from accio_client.export.spool import Spool
from tests.unit.client.exporting import ALL, NONE, by_port, exported, lines, no_blob, sweep


def test_a_wide_table_has_a_gap_where_nothing_is(tmp_path: Path) -> None:
    """Rows without a result are there, with empty cells; a node that appears later has a column from the beginning."""
    late = sweep(1, {"x": "double"}, lambda _: '{"x":2.5}', first=1, nodes=("T",))
    with Spool() as spool:
        spool.add(sweep(1, {"x": "double"}, lambda _: "{}"))
        spool.add(late)
        table = wide_table(spool, ALL, NONE, no_blob)
    assert table.names == ("run", "label", "epsilon", "repeat", "seed", "state", "cause", "S/x", "T/x")
    assert list(zip(*table.cells, strict=True)) == [
        ("p.0", None, 0.0, 1, 0, None, None, None, None),
        ("p.1", None, 1.0, 1, 1, None, None, None, 2.5),
    ]


@pytest.mark.parametrize("wide", [False, True])
def test_a_chunk_without_a_success_has_gaps(tmp_path: Path, wide: bool) -> None:
    """A numeric output that came port by port may be absent from all rows of a chunk."""
    failed = by_port(sweep(2, {"x": "double"}, lambda _: "{}"))
    del failed.nodes[0].row[:]
    failed.nodes[0].ports[0].values_json = "[]"
    late = by_port(sweep(1, {"x": "double"}, lambda _: '{"x":2.5}', first=2))
    (name,) = exported(tmp_path, failed, late, wide=wide)
    assert [line.rpartition(",")[2] for line in lines(tmp_path / name)[1:]] == (["", "", "2.5"] if wide else ["2.5"])


def test_a_wide_table_tells_how_each_run_ended(tmp_path: Path) -> None:
    """Label, state and cause of each run, members of maps, and what operators measured stand beside the outputs."""
    chunk = sweep(2, {"x": "double", "by": "map(string,distance)"}, lambda _: "{}")
    chunk.label[:] = ["epsilon=0", "epsilon=1"]
    chunk.state[:] = [runs_pb2.RUN_STATE_FAILED, runs_pb2.RUN_STATE_SUCCESS]
    chunk.cause[:] = ["exception", ""]
    chunk.nodes[0].row[:] = [1]
    chunk.nodes[0].outputs_json[:] = ['{"x":2.5,"by":{"b":1.0,"a c":2.0}}']
    chunk.nodes[0].metrics.add(wall_us=7, custom_json='{"kept":0.5,"x":1}')
    (name,) = exported(tmp_path, chunk, wide=True)
    assert lines(tmp_path / name) == [
        "run,label,epsilon,repeat,seed,state,cause,S/x,S/by.b_in_meters,S/by.a c_in_meters,S/kept,S/x (metric)",
        "p.0,epsilon=0,0.0,1,0,failed,exception,,,,,",
        "p.1,epsilon=1,1.0,1,1,success,,2.5,1.0,2.0,0.5,1",
    ]


FIXED_NAMES = ("run", "seed", "repeat", "n", "value", "key", "index", "mean", "index_2", "label", "state", "sd")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("options", [{}, {"wide": True}, {"aggregate": True}])
def test_parameters_named_like_columns_have_columns_of_their_own(
    tmp_path: Path, kind: Any, options: dict[str, bool]
) -> None:
    """A parameter that is called like a fixed column is param.NAME in every format, and nothing is lost."""
    chunk = sweep(2, {"x": "double"}, lambda row: f'{{"x":{row}.5}}')
    for number, name in enumerate(FIXED_NAMES):
        chunk.run.params.add(name=name, type="integer", json="7", values=2)
        chunk.params.add(name=name, type="integer", values=[str(100 + number)], value_of_row=[0, 0])
    (name,) = exported(tmp_path, chunk, format=kind, **options)
    columns, first = first_row(tmp_path / name)
    assert len(set(columns)) == len(columns)
    assert [first[columns.index(f"param.{name}")] for name in FIXED_NAMES] == [
        str(100 + number) for number in range(len(FIXED_NAMES))
    ]
    assert first[columns.index("run")] == ("p" if "aggregate" in options else "p.0")


def first_row(path: Path) -> tuple[list[str], list[str]]:
    """The columns of a file, and the texts of its first row."""
    match path.suffix:
        case ".csv":
            header, row, *_ = (line.split(",") for line in lines(path))
            return header, row
        case ".jsonl":
            pairs = json.loads(lines(path)[0], object_pairs_hook=list)
        case _:
            table = pyarrow.parquet.read_table(path)
            pairs = [(name, table.column(at)[0].as_py()) for at, name in enumerate(table.column_names)]
    return [name for name, _ in pairs], [str(value) for _, value in pairs]


def test_a_name_that_no_run_has_is_refused_among_words_too(tmp_path: Path) -> None:
    """NUMERIC asks the daemon for everything, so the client looks whether the names beside it are known."""
    chunk = sweep(1, {"x": "double", "note": "string"}, lambda _: '{"x":1.5,"note":"a"}')
    assert exported(tmp_path, chunk, artifacts=Selection.read("NUMERIC,S/note", numeric=True)) == [
        "S-x.csv",
        "S-note.csv",
    ]
    with pytest.raises(NotFound, match="did you mean S/note"):
        exported(tmp_path, chunk, artifacts=Selection.read("NUMERIC,S/notes", numeric=True), force=True)
