"""A value for each file that a pattern matches."""

import json
from pathlib import Path
from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.errors import BadRequest, NotFound
from accio_client.cli.definitions import Overrides, Readings, patterns_of_files, submission

READINGS = Readings({"reads": parse_type("dataset"), "word": parse_type("string")}, {})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three files, where one is."""
    for name in ("in/b.fq", "in/a.fq", "in/deep/c.fq"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _params(argument: str, **said: Any) -> dict[str, Any]:
    source = submission(argument, Overrides(**said), lambda _: READINGS)
    params: dict[str, Any] = json.loads(source.text)["params"]
    return params


def test_each_file_is_a_value() -> None:
    """In the order of their names, beside what is given otherwise; one file alone is one value."""
    found = _params("count", files=("reads=in/*.fq", "one=in/a*"), params=("word=AC",))
    assert found["reads"] == {"values": ["in/a.fq", "in/b.fq"]}
    assert found["one"] == {"value": "in/a.fq"}
    assert _params("count", files=("reads=in/**/*.fq",)) == {
        "reads": {"values": ["in/a.fq", "in/b.fq", "in/deep/c.fq"]}
    }


def test_beside_a_file_elsewhere_they_are_named_in_full(folder: Path) -> None:
    """A definition's relative paths mean its own folder, and a pattern the folder where one is."""
    (folder / "in" / "run.json").write_text('{"workflow": "count"}')
    assert _params("in/run.json", files=("reads=in/a.*",)) == {"reads": {"value": str(folder / "in/a.fq")}}


def test_what_matches_nothing_is_refused() -> None:
    """Instead of a sweep over nothing; so is what has no name."""
    with pytest.raises(NotFound, match=r"no file or folder matches 'in/\*\.txt', for parameter reads"):
        _params("count", files=("reads=in/*.txt",))
    with pytest.raises(BadRequest, match="expected NAME=VALUE"):
        _params("count", files=("in/*.fq",))


def test_a_pattern_as_a_value_is_told_of() -> None:
    """Where a dataset would be looked for by that name, and none has it."""
    (remark,) = patterns_of_files(Overrides(params=("reads=in/*.fq", "word=in/*.fq")), READINGS)
    assert remark.endswith("for a value for each that matches write -files 'reads=in/*.fq'")
    Path("in/*.fq").touch()
    assert patterns_of_files(Overrides(params=("reads=in/*.fq", "reads=out/*.fq")), READINGS) == []
