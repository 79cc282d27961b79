"""The area export of the shared cases: what a daemon streams, through the command line, into files."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.values import parse_to_canonical
from accio.v1 import accio_pb2, runs_pb2, values_pb2
from accio_client import Client
from accio_client.cli.main import main
from tests.cases.loader import Case, given_cases, only
from tests.integration.client.fake_daemon import FakeDaemon, run

METRICS = {"<wall time>": "wall_us", "<peak memory>": "peak_memory"}
IDS = {"r1": "01j9zk3m5q8w2x01", "r2": "01j9zk3m5q8w2x02", "P": "01j9zk3m5q8w2x0p"}
Cells = list[list[str]]


def real(text: str) -> str:
    """A run's id, or a metric's name, instead of what stands for it in the case."""
    name, _, child = text.partition("#")
    if name in IDS:
        return IDS[name] + (f".{int(child) - 1}" if child else "")
    for word, metric in METRICS.items():
        text = text.replace(word, metric)
    return text


def chunks(runs: Sequence[Mapping[str, Any]]) -> list[accio_pb2.ExportChunk]:
    """What the daemon streams for the runs of a case: one chunk per single run or parent."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in runs:
        only(
            each, "run", "seed", "artifacts", "metrics", "params", "repeat", "state", "nodes_without_result", "workflow"
        )
        groups.setdefault(each["run"].partition("#")[0], []).append(each)
    return [chunk(IDS[name], members) for name, members in groups.items()]


def chunk(identifier: str, members: Sequence[Mapping[str, Any]]) -> accio_pb2.ExportChunk:
    names = list(members[0].get("params", {}))
    values = {name: list(dict.fromkeys(canonical(each["params"][name]) for each in members)) for name in names}
    repeat = max(each.get("repeat", 1) for each in members)
    parent = len(members) > 1
    parameters = [
        runs_pb2.RunParameter(
            name=name, type="double" if name == "epsilon" else "integer", json=texts[0], values=len(texts)
        )
        for name, texts in values.items()
    ]
    return accio_pb2.ExportChunk(
        run=run(
            identifier,
            kind=runs_pb2.RUN_KIND_PARENT if parent else runs_pb2.RUN_KIND_SINGLE,
            repeat=repeat,
            params=parameters,
        ),
        index=range(len(members)),
        seed=[each["seed"] for each in members],
        repetition=[each.get("repeat", 1) for each in members],
        params=[
            accio_pb2.ParameterColumn(
                name=parameter.name,
                type=parameter.type,
                values=values[parameter.name],
                value_of_row=[
                    values[parameter.name].index(canonical(each["params"][parameter.name])) for each in members
                ],
            )
            for parameter in parameters
            if parameter.values > 1
        ],
        nodes=node_columns(members),
    )


def head(of: runs_pb2.Run) -> accio_pb2.ColumnsHead:
    """What a daemon says first that doesn't declare outputs: statistics are computed from the rows of the export."""
    return accio_pb2.ColumnsHead(run=of, sweep_json='{"axes":[],"repeat":1}')


def canonical(value: float) -> str:
    return repr(value)


def node_columns(members: Sequence[Mapping[str, Any]]) -> list[accio_pb2.NodeColumn]:
    columns: dict[str, accio_pb2.NodeColumn] = {}
    for row, each in enumerate(members):
        nodes: dict[str, dict[str, str]] = {}
        for place, (type_name, value) in each.get("artifacts", {}).items():
            node, _, port = place.partition("/")
            column = columns.setdefault(node, accio_pb2.NodeColumn(node=node))
            if port not in {output.name for output in column.outputs}:
                column.outputs.append(values_pb2.OutputPort(name=port, type=type_name))
            nodes.setdefault(node, {})[port] = parse_to_canonical(parse_type(type_name), value)
        for node in each.get("metrics", {}):
            columns.setdefault(node, accio_pb2.NodeColumn(node=node))
            nodes.setdefault(node, {})
        for node in each.get("nodes_without_result", []):
            output = values_pb2.OutputPort(name="y", type="double")
            columns.setdefault(node, accio_pb2.NodeColumn(node=node, outputs=[output]))
        for node, outputs in nodes.items():
            columns[node].row.append(row)
            columns[node].outputs_json.append(
                "{" + ",".join(f'"{port}":{text}' for port, text in outputs.items()) + "}"
            )
            if "metrics" in each:
                measured = {METRICS[name]: value for name, value in each["metrics"].get(node, {}).items()}
                columns[node].metrics.append(runs_pb2.Metrics(**measured))
    return list(columns.values())


def read(path: Path) -> Cells:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def same_cell(found: str, wanted: Any) -> bool:
    if isinstance(wanted, str):
        index = re.fullmatch(r"<first index(?: \+ (\d+))?>", wanted)
        return found == (str(int(index[1] or 0)) if index else real(wanted))
    return float(found) == float(wanted)


def same_rows(found: Cells, wanted: Sequence[Sequence[Any]]) -> bool:
    return len(found) == len(wanted) and all(
        len(row) == len(cells) and all(map(same_cell, row, cells)) for row, cells in zip(found, wanted, strict=True)
    )


def check_file(path: Path, expect: Mapping[str, Any]) -> None:
    only(expect, "header", "rows", "order", "number_of_rows")
    header, *rows = read(path)
    assert header == expect["header"]
    if "number_of_rows" in expect:
        assert len(rows) == expect["number_of_rows"]
    if "rows" in expect:
        wanted = expect["rows"]
        if expect.get("order") == "any":
            rows, wanted = sorted(rows), sorted(wanted, key=lambda row: [str(cell) for cell in row])
        assert same_rows(rows, wanted)


def check(folder: Path, expect: Mapping[str, Any]) -> None:
    """Hold the files of an export against what the case expects."""
    only(
        expect, "files", "first_line_of", "metrics_exported", "aggregated", "folders", "folder_names_contain",
        "folder_names_do_not_contain", "rows_per_file", "file_names", "each_file",
    )  # fmt: skip
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    folders = [path.name for path in folder.iterdir() if path.is_dir()]
    for name, wanted in expect.get("files", {}).items():
        check_file(folder / name, wanted)
    for name, line in expect.get("first_line_of", {}).items():
        assert (folder / name).read_text().split("\n")[0] == line
    for node, metric, value in expect.get("metrics_exported", []):
        assert [path.name for path in files] == [f"{node}-{real(metric)}.csv"]
        assert float(read(files[0])[1][-1]) == value
    if "aggregated" in expect:
        header, *rows = read(files[0])
        found = [dict(zip(header, row, strict=True)) for row in rows]
        assert len(found) == len(expect["aggregated"])
        for row, wanted in zip(found, expect["aggregated"], strict=True):
            assert all(same_cell(row[name], value) for name, value in wanted.items())
    assert len(folders) == expect.get("folders", len(folders))
    assert all(part in name for name in folders for part in expect.get("folder_names_contain", []))
    assert not any(part in name for name in folders for part in expect.get("folder_names_do_not_contain", []))
    if "rows_per_file" in expect:
        assert all(len(read(path)) == 1 + expect["rows_per_file"] for path in files)
    if "file_names" in expect:
        assert [path.name for path in files] == expect["file_names"]
    if "each_file" in expect:
        assert len(files) == 2
        assert all(len({len(row) for row in read(path)}) == 1 for path in files)


@pytest.mark.parametrize("case", given_cases("export"))
def test_export(case: Case, daemon: FakeDaemon, tmp_path: Path) -> None:
    """What is exported, under which names, with which columns and rows."""
    given, expect = case["given"], case["expect"]
    if "args" in given:
        only(expect, "exit")
        assert main(given["args"]) == expect["exit"]
        return
    only(given, "runs", "options", "export")
    daemon.answers["Export"] = chunks(given["runs"])
    daemon.answers["Columns"] = [accio_pb2.ColumnsChunk(head=head(daemon.answers["Export"][0].run))]
    ids = [real(given["export"])] if "export" in given else [real(each["run"]) for each in given["runs"]]
    out = tmp_path / "out"
    options = [real(option) for option in given["options"]]
    assert main(["export", *ids, f"-out={out}", *options]) == 0
    if "python" in expect:
        only(expect, "python")
        check_table(ids, out / "runs.csv")
    else:
        check(out, expect)


def check_table(ids: Sequence[str], file: Path) -> None:
    """The client's table has the rows and columns of the file, in every form, with typed columns."""
    with Client() as client:
        table = client.table(ids)
    header, *rows = read(file)
    frame, polars, arrow = table.to_pandas(), table.to_polars(), table.to_arrow()
    assert header == list(frame.columns) == polars.columns == arrow.column_names
    assert frame["epsilon"].dtype == float
    for found in (
        frame.to_numpy().tolist(),
        [list(row) for row in polars.rows()],
        [list(row.values()) for row in arrow.to_pylist()],
    ):
        texts = [["" if cell is None or cell != cell else str(cell) for cell in row] for row in found]
        assert texts == rows
