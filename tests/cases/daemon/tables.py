"""Tables in the files of an export, and what cases expect of them."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from tests.cases.daemon.exports import Exported
from tests.cases.loader import only

Row = list[Any]


# ------------------------------------------------------------------------------------------------------------- reading


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def read(path: Path, separator: str = ",") -> tuple[list[str], list[Row]]:
    """Return the header and the rows of a table in any of the formats."""
    match path.suffix:
        case ".jsonl":
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            return list(lines[0]), [list(line.values()) for line in lines]
        case ".parquet":
            from pyarrow import parquet

            table = parquet.read_table(path)
            return table.column_names, [list(row.values()) for row in table.to_pylist()]
        case _:
            with path.open(newline="", encoding="utf-8") as file:
                header, *rows = csv.reader(file, delimiter=separator)
            return header, list(rows)


def _same_cell(found: Any, wanted: Any, exported: Exported) -> bool:
    if isinstance(wanted, str):
        index = re.fullmatch(r"<first index(?: \+ (\d+))?>", wanted)
        return str(found) == (str(int(index[1] or 0)) if index else exported.real(wanted))
    if isinstance(wanted, bool):
        return found is wanted or found == str(wanted).lower()
    if wanted is None:
        return found in (None, "")
    return float(found) == float(wanted)


def _rows_as_made(header: Sequence[str], rows: Sequence[Row], exported: Exported) -> list[Row]:
    """Put the real seeds in the place of those that stand for them."""
    made = []
    for row in rows:
        cells = list(row)
        if "seed" in header and "run" in header and exported.is_run(cells[header.index("run")]):
            run = exported.real(cells[header.index("run")])
            cells[header.index("seed")] = exported.seeds[run]
        made.append(cells)
    return made


def _same_rows(found: Sequence[Row], wanted: Sequence[Row], exported: Exported) -> bool:
    return len(found) == len(wanted) and all(
        len(row) == len(cells) and all(_same_cell(one, other, exported) for one, other in zip(row, cells, strict=True))
        for row, cells in zip(found, wanted, strict=True)
    )


# ------------------------------------------------------------------------------------------------------------ checking


def _check_files(folder: Path, wanted: Mapping[str, Any], exported: Exported, _runs: Any) -> None:
    for name, expect in wanted.items():
        only(expect, "header", "rows", "order", "number_of_rows")
        path = folder / exported.real(name)
        assert path.is_file(), f"{name} isn't among {files_of(folder)}"
        header, rows = read(path)
        if "header" in expect:
            assert header == expect["header"]
        if "number_of_rows" in expect:
            assert len(rows) == expect["number_of_rows"]
        if "rows" not in expect:
            continue
        left = _rows_as_made(header, expect["rows"], exported)
        if expect.get("order") == "any":
            for row in rows:
                fitting = [one for one in left if _same_rows([row], [one], exported)]
                assert fitting, f"{row} is none of {left}"
                left.remove(fitting[0])
            assert not left, f"{left} is missing in {rows}"
        else:
            assert _same_rows(rows, left, exported), (rows, left)


def _check_first_lines(folder: Path, wanted: Mapping[str, str], exported: Exported, _runs: Any) -> None:
    for name, line in wanted.items():
        assert (folder / exported.real(name)).read_text(encoding="utf-8").splitlines()[0] == line


def _check_metrics(folder: Path, wanted: Sequence[Row], exported: Exported, _runs: Any) -> None:
    """Exactly these metrics: node, metric and value."""
    found = []
    for path in files_of(folder):
        header, rows = read(path)
        node, _, metric = path.stem.partition("-")
        found += [(node, metric, float(row[header.index("value")])) for row in rows]
    assert sorted(found) == sorted((node, exported.real(metric), float(value)) for node, metric, value in wanted)


def _check_aggregated(folder: Path, wanted: Sequence[Mapping[str, Any]], exported: Exported, _runs: Any) -> None:
    (path,) = files_of(folder)
    header, rows = read(path)
    assert len(rows) == len(wanted), rows
    for row, expect in zip(rows, wanted, strict=True):
        cells = dict(zip(header, row, strict=True))
        for name, value in expect.items():
            if name in ("rel_tol", "abs_tol"):
                continue
            if isinstance(value, float) and ("rel_tol" in expect or "abs_tol" in expect):
                near = pytest.approx(value, rel=expect.get("rel_tol"), abs=expect.get("abs_tol"))
                assert float(cells[name]) == near, cells
            else:
                assert _same_cell(cells[name], value, exported), cells


def _folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _check_folders(folder: Path, wanted: int, _exported: Exported, _runs: Any) -> None:
    assert len(_folders(folder)) == wanted


def _check_folder_names(folder: Path, wanted: Sequence[str], _exported: Exported, _runs: Any) -> None:
    assert all(part in name for name in _folders(folder) for part in wanted)


def _check_no_folder_names(folder: Path, wanted: Sequence[str], _exported: Exported, _runs: Any) -> None:
    assert not any(part in name for name in _folders(folder) for part in wanted)


def _check_rows_per_file(folder: Path, wanted: int, _exported: Exported, _runs: Any) -> None:
    assert all(len(read(path)[1]) == wanted for path in files_of(folder))


def _check_file_names(folder: Path, wanted: Sequence[str], exported: Exported, _runs: Any) -> None:
    names = [path.relative_to(folder).as_posix() for path in files_of(folder)]
    assert names == sorted(exported.real(name) for name in wanted)


def _check_each_file(folder: Path, wanted: str, _exported: Exported, runs: Sequence[Mapping[str, Any]]) -> None:
    """Every row has as many cells as its header has names, and every number of the results is in some file."""
    assert wanted == "has one header that fits all of its rows; no value is lost"
    values: list[float] = []
    for path in files_of(folder):
        header, rows = read(path)
        assert all(len(row) == len(header) for row in rows)
        values += [float(row[-1]) for row in rows]
    given = [artifact for run in runs for artifact in run["artifacts"].values()]
    assert sorted(values) == sorted(number for kind, value in given for number in _numbers(kind, value))


def _numbers(kind: str, value: Any) -> list[float]:
    if not parse_type(kind).args:
        return [float(value)]
    return [float(one) for one in (value.values() if isinstance(value, dict) else value)]


CHECKS: dict[str, Callable[[Path, Any, Exported, Any], None]] = {
    "files": _check_files,
    "first_line_of": _check_first_lines,
    "metrics_exported": _check_metrics,
    "aggregated": _check_aggregated,
    "folders": _check_folders,
    "folder_names_contain": _check_folder_names,
    "folder_names_do_not_contain": _check_no_folder_names,
    "rows_per_file": _check_rows_per_file,
    "file_names": _check_file_names,
    "each_file": _check_each_file,
}
