"""Functions named on the command line."""

from pathlib import Path

import pytest

from accio.errors import BadRequest, NotFound
from accio_client.cli.functions import names_function, reference


def test_what_names_a_function() -> None:
    """A Python file does, with or without a function behind a colon; files of other kinds and workflows don't."""
    assert all(map(names_function, ("model.py", "model.py:simulate", "a/b c.py:f")))
    assert not any(map(names_function, ("model", "run.json", "w:0123456789ab", "model.py/x", "model.py:a.b")))


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
