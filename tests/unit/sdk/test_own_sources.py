"""What is executed is what the source says, whatever bytecode lies beside it."""

import os
import py_compile
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from accio.sdk.declare import Declaration
from accio.sdk.loading import load_all
from accio.sdk.own_sources import COMPILED, compile_own_sources

OPERATORS = """
from accio import operator
from helper_of_these import FACTOR


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
        if name.endswith("_of_these"):
            del sys.modules[name]


def edited_unseen(module: Path) -> None:
    """Write a module, leave its bytecode, and edit it without that its size or time tells."""
    module.write_text("FACTOR = 2\n")
    before = module.stat()
    py_compile.compile(str(module), doraise=True)
    module.write_text("FACTOR = 3\n")
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_an_edit_that_keeps_time_and_size_is_executed(folder: Path) -> None:
    """A helper that was edited within the second in which it was compiled runs as it is now."""
    (folder / "operators_of_these.py").write_text(OPERATORS)
    edited_unseen(folder / "helper_of_these.py")
    (loaded,) = load_all([str(folder / "operators_of_these.py")])
    assert isinstance(loaded.operator, Declaration)
    assert loaded.operator.target(14) == 42


def test_what_is_installed_keeps_its_bytecode(folder: Path) -> None:
    """Packages aren't compiled at each start: installers write their bytecode together with the source."""
    site = folder / "site-packages"
    site.mkdir()
    edited_unseen(site / "installed_of_these.py")
    compile_own_sources()
    sys.path.insert(0, str(site))
    assert import_module("installed_of_these").FACTOR == 2


def test_bytecode_can_still_be_made(folder: Path) -> None:
    """Whoever compiles own code on purpose gets bytecode."""
    compile_own_sources()
    (folder / "compiled_of_these.py").write_text("FACTOR = 2\n")
    made = py_compile.compile(str(folder / "compiled_of_these.py"), doraise=True)
    assert made is not None
    assert Path(made).is_file()


def test_what_numba_has_compiled_of_older_code_is_not_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own code that names Numba has it keep what it compiles in a folder of this process, imported or not."""
    config = ModuleType("numba.core.config")
    monkeypatch.setitem(sys.modules, "numba.core.config", config)
    monkeypatch.setenv(COMPILED, str(folder / "compiled"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/of/all")
    compile_own_sources()
    (folder / "plain_of_these.py").write_text("FACTOR = 2\n")
    (folder / "compiling_of_these.py").write_text("# from numba import njit\nFACTOR = 2\n")
    sys.path.insert(0, str(folder))
    import_module("plain_of_these")
    assert os.environ["NUMBA_CACHE_DIR"] == "/of/all"
    import_module("compiling_of_these")
    assert os.environ["NUMBA_CACHE_DIR"] == config.CACHE_DIR == f"{folder}/compiled/numba"
