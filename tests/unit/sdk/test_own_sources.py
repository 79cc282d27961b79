"""What is executed is what the source says, whatever bytecode lies beside it."""

import os
import py_compile
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accio.sdk.declare import Declaration
from accio.sdk.loading import load_all
from accio.sdk.own_sources import compile_own_sources

OPERATORS = """
from accio import operator
from helper_of_this_test import FACTOR


@operator
def Scaled(x: int) -> int:
    return FACTOR * x
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of modules, forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.endswith("_of_this_test"):
            del sys.modules[name]


def test_an_edit_that_keeps_time_and_size_is_executed(folder: Path) -> None:
    """A helper that was edited within the second in which it was compiled runs as it is now."""
    (folder / "operators_of_this_test.py").write_text(OPERATORS)
    helper = folder / "helper_of_this_test.py"
    helper.write_text("FACTOR = 2\n")
    before = helper.stat()
    compiled = Path(str(py_compile.compile(str(helper), doraise=True)))
    helper.write_text("FACTOR = 3\n")
    os.utime(helper, ns=(before.st_atime_ns, before.st_mtime_ns))
    (loaded,) = load_all([str(folder / "operators_of_this_test.py")])
    assert isinstance(loaded.operator, Declaration)
    assert loaded.operator.target(14) == 42
    assert compiled.exists()  # somebody else's: it is left alone


def test_what_is_installed_keeps_its_bytecode() -> None:
    """Packages aren't compiled at each start: their bytecode counts, and so does that of the standard library."""
    compile_own_sources()
    for module in (pytest, py_compile):
        loader, file = module.__spec__.loader, module.__file__  # type: ignore[union-attr]  # both have one
        assert loader.path_stats(file)["mtime"] > 0  # type: ignore[union-attr]  # of a source
