"""Functions named on the command line."""

from pathlib import Path

import pytest

from accio.errors import BadRequest, NotFound
from accio_client.cli.functions import names_operator, reference


def test_what_names_a_function() -> None:
    """A Python file does, with or without a function behind a colon; files of other kinds and workflows don't."""
    assert all(map(names_operator, ("model.py", "model.py:simulate", "a/b c.py:f")))
    assert not any(map(names_operator, ("model", "run.json", "w:0123456789ab", "model.py/x", "model.py:a.b")))


def test_what_names_a_program(tmp_path: Path) -> None:
    """A file with a command does; workflows, runs, other files and folders don't."""
    file = tmp_path / "count.json"
    for content, names in (
        ('{"name": "Count", "command": ["wc"]}', True),
        ('{"workflow": "w", "command": 1}', False),
        ('{"graph": []}', False),
        ("[1]", False),
        ('{"command": ', False),
    ):
        file.write_text(content)
        assert names_operator(str(file)) is names, content
    file.write_text('{"command": ["wc"]}')
    assert reference(str(file)) == str(file)
    assert not names_operator(str(file.rename(tmp_path / "count.txt")))
    assert not names_operator(str(tmp_path))


def test_a_lone_function_needs_no_name(tmp_path: Path) -> None:
    """Of a file with one public function that is meant; else the message tells which there are."""
    file = tmp_path / "model.py"
    file.write_text("def _inner(): ...\ndef simulate(x: int) -> int: ...\n")
    assert reference(str(file)) == f"{file}:simulate"
    assert reference(f"{file}:_inner") == f"{file}:_inner"
    file.write_text("def one(): ...\ndef two(): ...\n")
    with pytest.raises(BadRequest, match=r"expected FILE\.py:FUNCTION, found .*, which has one, two"):
        reference(str(file))
    file.write_text("def one(:")
    with pytest.raises(BadRequest, match="which defines none"):
        reference(str(file))
    with pytest.raises(NotFound, match=r"missing\.py: no such file"):
        reference(str(tmp_path / "missing.py"))
