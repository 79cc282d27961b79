"""Statistics of points from columns: the files are those that the children make row by row, to the byte."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DOUBLE, LONG, STRING
from accio.domain.jsontext import object_text
from accio.domain.sweeps import Sweep
from accio.domain.values import format_double
from accio.v1 import accio_pb2, runs_pb2, values_pb2
from accio.wire.packing import pack_doubles, pack_places
from accio_client.collected import Collector, Head
from accio_client.export import points
from accio_client.export.exporting import Options, write_files
from accio_client.export.files import Format
from accio_client.export.points import wanted, write_points
from accio_client.export.selection import Selection, Share
from accio_client.export.spool import Spool

SWEEP = Sweep(
    (
        Axis("speed", DOUBLE, ("0.1", "2.5", "1e-05")),
        Axis("mode", STRING, ('"=1+1"', '"a, b"')),
        Axis("n", LONG, ("7", "9007199254740993")),
        Axis("fixed", LONG, ("1",)),
    ),
    3,
)
RUN = runs_pb2.Run(
    id="01run",
    kind=runs_pb2.RUN_KIND_PARENT,
    state=runs_pb2.RUN_STATE_SUCCESS,
    repeat=3,
    params=[
        runs_pb2.RunParameter(name=axis.name, type=str(axis.type), json=axis.value_at(0), values=axis.size)
        for axis in (SWEEP.axes[2], *SWEEP.axes[:2], SWEEP.axes[3])
    ],
)
PORTS = {"x": "double", "long": "duration", "text": "string", "on": "boolean"}
NAMES = [f"S/{port}" for port in PORTS]
Values = list[float | None]


def head(**fields: Any) -> accio_pb2.ColumnsHead:
    """What a daemon says of the sweep before its children."""
    made = accio_pb2.ColumnsHead(run=RUN, sweep_json=SWEEP.to_text(), implied=runs_pb2.RUN_STATE_SCHEDULED, nodes=["S"])
    for port, kind in PORTS.items():
        made.outputs.append(made.declared.add(node="S", port=port, type=kind))
    made.MergeFrom(accio_pb2.ColumnsHead(**fields))
    return made


def canonical(value: float | None) -> str:
    """A double as canonical JSON."""
    return "null" if value is None else format_double(value)


def by_columns(folder: Path, values: Values, **options: Any) -> list[str]:
    """Export what stands in columns; the names of the files."""
    known = [at for at, value in enumerate(values) if value is not None]
    doubles = [value for value in values if value is not None]
    chunk = accio_pb2.ColumnsChunk(first=0, states=bytes([runs_pb2.RUN_STATE_SUCCESS]) * len(values))
    chunk.columns.add(name="S/x", rows=pack_places(known), doubles=pack_doubles(doubles))
    chunk.columns.add(name="S/long", doubles=pack_doubles(map(float, range(len(values)))))
    told = Head(head())
    found = wanted(told, Options(folder=folder, aggregate=True, **options))
    assert found is not None

    def read(names: Iterable[str]) -> Any:
        assert set(names) <= {"S/x", "S/long"}
        collector = Collector(told)
        collector.add(chunk)
        return collector.collected()

    files = write_points(found, Options(folder=folder, aggregate=True, **options), read)
    return [each.path.name for each in files]


def by_rows(folder: Path, values: Values, **options: Any) -> list[str]:
    """Export the same from rows, in two chunks; the names of the files."""
    with Spool() as spool:
        for rows in (range(5), range(5, len(values))):
            spool.add(rows_of(rows, values))
        options = {"folder": folder, "aggregate": True, **options}
        files = write_files(spool, Options(**options), lambda digest: pytest.fail(digest))
    return [each.path.name for each in files]


def rows_of(rows: range, values: Values) -> accio_pb2.ExportChunk:
    """Some children as rows."""
    node = accio_pb2.NodeColumn(node="S", row=range(len(rows)))
    node.outputs.extend(values_pb2.OutputPort(name=port, type=kind) for port, kind in PORTS.items())
    given = ([canonical(values[row]) for row in rows], map(str, rows), ['"t"'] * len(rows), ["true"] * len(rows))
    for port, texts in zip(PORTS, given, strict=True):
        node.ports.add(port=port, values_json=f"[{','.join(texts)}]")
    params = [
        accio_pb2.ParameterColumn(name=axis.name, type=str(axis.type), values=list(axis.values()), value_of_row=places)
        for axis, places in SWEEP.places(rows)
        if axis.size > 1
    ]
    repetitions = [SWEEP.repetition(row) for row in rows]
    return accio_pb2.ExportChunk(run=RUN, index=rows, seed=rows, repetition=repetitions, params=params, nodes=[node])


DOUBLES = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.1, 1 / 3]),
)
NUMBERS = st.one_of(st.none(), DOUBLES)


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=SWEEP.size, max_size=SWEEP.size), st.sampled_from(["csv", "jsonl", "parquet"]))
@example([None] * SWEEP.size, "csv")
@example([5e-324, -48577.0, -999999.1258918274] * (SWEEP.size // 3), "csv")
@example([-180766.89145638316, 558199.5950235226, 307544.7730019246] * (SWEEP.size // 3), "csv")
@example([1e308, -1e308, 0.1, *[5e-324, -48577.0, -999999.1258918274] * (SWEEP.size // 3 - 1)], "csv")
@example([1e308, 1e308, math.nan] * (SWEEP.size // 3), "csv")
@example([1e308, 1e308, -math.inf] * (SWEEP.size // 3), "csv")
def test_columns_and_rows_make_the_same_files(values: Values, kind: str) -> None:
    """Points without a value, of one value, of values that aren't finite or fill the range of doubles: every byte."""
    with TemporaryDirectory() as place:
        columns, rows = Path(place) / "columns", Path(place) / "rows"
        assert set(by_columns(columns, values, format=kind)) == set(by_rows(rows, values, format=kind))
        for path in rows.iterdir():
            assert (columns / path.name).read_bytes() == path.read_bytes()


KEYS = st.sampled_from(["a", "b", "é", "z.y", "\U0001f600", "\uffff", " ", ""])
MAPS = st.one_of(st.none(), st.dictionaries(KEYS, DOUBLES, max_size=4))


@settings(deadline=None, max_examples=40)
@given(st.lists(MAPS, min_size=SWEEP.size, max_size=SWEEP.size), st.sampled_from(["csv", "jsonl", "parquet"]))
@example([None] * SWEEP.size, "csv")
@example([{"b": 1.0}, {"a": 2.0, "b": 0.5}, {"c": 3.0}] * (SWEEP.size // 3), "csv")
def test_maps_make_the_same_files(values: list[dict[str, float] | None], kind: Format) -> None:
    """Members that some children lack, members that only a later repetition has, keys of any characters: every byte."""
    port = values_pb2.OutputPort(name="m", type="map(string,double)")
    texts = ["null" if each is None else object_text({k: canonical(v) for k, v in each.items()}) for each in values]
    node = accio_pb2.NodeColumn(node="S", row=range(len(values)), outputs=[port])
    node.ports.add(port="m", values_json=f"[{','.join(texts)}]")
    rows = rows_of(range(len(values)), [None] * len(values))
    del rows.nodes[:]
    rows.nodes.append(node)
    message = head()
    del message.declared[:], message.outputs[:]
    message.declared.add(node="S", port="m", type=port.type)
    message.maps.add(node="S", port="m", type="double", members=sorted(values[0] or {}))
    told = Head(message)
    chunk = accio_pb2.ColumnsChunk(first=0, states=bytes([runs_pb2.RUN_STATE_SUCCESS]) * len(values))
    for key in dict.fromkeys(key for each in values for key in each or {}):
        having = [(at, each[key]) for at, each in enumerate(values) if each is not None and key in each]
        places, doubles = pack_places([at for at, _ in having]), pack_doubles(value for _, value in having)
        chunk.columns.add(name=f"S/m.{key}", rows=places, doubles=doubles)
    collector = Collector(told)
    collector.add(chunk)
    with TemporaryDirectory() as place, Spool() as spool:
        options = Options(folder=Path(place) / "columns", format=kind, aggregate=True)
        found = wanted(told, options)
        assert found is not None
        write_points(found, options, lambda _: collector.collected())
        spool.add(rows)
        write_files(spool, replace(options, folder=Path(place) / "rows"), lambda digest: pytest.fail(digest))
        made = {path.name: path.read_bytes() for path in (Path(place) / "columns").glob("*")}
        assert made == {path.name: path.read_bytes() for path in (Path(place) / "rows").glob("*")}


def test_a_crowded_map_is_left_to_rows(tmp_path: Path) -> None:
    """A map with more members than can be columns is said to be so, and leaves no file."""
    message = head()
    message.declared.add(node="S", port="m", type="map(string,double)")
    message.maps.add(node="S", port="m", type="double")
    told = Head(message)
    collector = Collector(told)
    collector.add(accio_pb2.ColumnsChunk(first=0, states=bytes([runs_pb2.RUN_STATE_SUCCESS]), crowded=["S/m"]))
    options = Options(folder=tmp_path, aggregate=True)
    found = wanted(told, options)
    assert found is not None
    with pytest.raises(points.Crowded):
        write_points(found, options, lambda _: collector.collected())
    assert list(tmp_path.iterdir()) == []


def test_points_are_written_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many points and columns are looked at together doesn't matter."""
    values: Values = [at / 7 if at % 4 else None for at in range(SWEEP.size)]
    monkeypatch.setattr(points, "_POINTS_AT_ONCE", 5)
    monkeypatch.setattr(points, "_CELLS_AT_ONCE", 1)
    assert by_columns(tmp_path / "columns", values) == by_rows(tmp_path / "rows", values) == ["S-x.csv", "S-long.csv"]
    for name in ("S-x.csv", "S-long.csv"):
        assert (tmp_path / "columns" / name).read_text() == (tmp_path / "rows" / name).read_text()


def test_what_has_no_columns_is_read_by_rows() -> None:
    """Lists, maps of other keys, metrics, splits, names that nobody knows, and what a daemon of before doesn't tell."""
    told = Head(head(declared=[accio_pb2.ColumnOutput(node="T", port="many", type="list(double)")]))
    assert wanted(told, Options(aggregate=True)) is None
    texts = Head(head(declared=[accio_pb2.ColumnOutput(node="T", port="many", type="list(string)")]))
    assert wanted(texts, Options(aggregate=True)) is not None
    named = wanted(told, Options(aggregate=True, artifacts=Selection.read("S/x,text", numeric=True)))
    assert named is not None
    assert [each.stem for each in named.outputs] == ["S-x"]
    assert wanted(told, Options(aggregate=True, artifacts=Selection.read("S/y", numeric=True))) is None
    plain = Head(head())
    assert wanted(plain, Options(aggregate=True, metrics=Selection(Share.ALL))) is None
    assert wanted(plain, Options(aggregate=True, split=True)) is None
    before = head()
    before.ClearField("declared")
    assert wanted(Head(before), Options(aggregate=True)) is None
