"""Area export: what results become in files and tables, from a real daemon through the command line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cases.daemon.described import assert_command, is_command_word
from tests.cases.daemon.exports import make
from tests.cases.daemon.system import System
from tests.cases.daemon.tables import CHECKS, files_of, read
from tests.cases.loader import Case, checks, daemon_cases, only

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def exports() -> list[Any]:
    """Return the cases that export runs with given results."""
    return [case for case in daemon_cases("export") if "runs" in case.values[0]["given"]]  # type: ignore[index]  # a case


@pytest.mark.parametrize("case", exports())
def test_export(case: Case, system: System, tmp_path: Path) -> None:
    """What is exported, under which names, with which columns and rows."""
    for number, (given, expect) in enumerate(checks(case)):
        only(given, "runs", "options", "export", "existing", "files")
        exported = make(system, given["runs"])
        folder = tmp_path / str(number)
        for name, text in {**given.get("existing", {}), **given.get("files", {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        wanted = given.get("export", [run["run"] for run in given["runs"]])
        ids = [exported.real(name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
        options = [exported.real(option) for option in given["options"]]
        found = system.command("export", *ids, f"-out={folder}", *options)
        if "exit" not in expect:
            assert found.exit == 0, found
        assert_command(found, {word: value for word, value in expect.items() if is_command_word(word)})
        words = {word: value for word, value in expect.items() if not is_command_word(word)}
        for word, value in words.items():
            assert word in CHECKS or word == "python", f"the adapter doesn't know {word} of an export"
            if word == "python":
                _check_tables(system, ids, folder, value)
            else:
                CHECKS[word](folder, value, exported, given["runs"])


_TABLES = "the client returns the same rows and columns as pandas, polars and Arrow tables"
_FRAME_TYPES = {"float": ("float64", "Float64", "double"), "integer": ("int32", "Int32", "int32")}


def _check_tables(system: System, ids: Sequence[str], folder: Path, wanted: str) -> None:
    """The client's table has the rows and columns of the file, in every form, with typed columns."""
    words = re.fullmatch(_TABLES + r"(?:, with (\w+) as an? (float|integer) column)?", wanted)
    assert words, f"the adapter doesn't know the expectation {wanted!r}"
    table = system.client.table(ids)
    (path,) = files_of(folder)
    header, rows = read(path)
    frame, polars, arrow = table.to_pandas(), table.to_polars(), table.to_arrow()
    assert header == list(frame.columns) == polars.columns == arrow.column_names
    if words[1]:
        column = words[1]
        types = str(frame[column].dtype), str(polars.schema[column]), str(arrow.schema.field(column).type)
        assert types == _FRAME_TYPES[words[2]]
    for found in (
        frame.astype(object).where(frame.notna(), None).to_numpy().tolist(),
        [list(row) for row in polars.rows()],
        [list(row.values()) for row in arrow.to_pylist()],
    ):
        assert [["" if cell is None else str(cell) for cell in row] for row in found] == rows
