"""Own code is always compiled from its source, as digests are made of sources.

Python takes the bytecode beside a module if the source's size and its time of change, in whole seconds, are those that
it was compiled from. An edit within the same second, or one that keeps the time (`cp -p`, `rsync -t`, an archive), then
runs the old code, whose results would be kept under the digest of the new. Compiling what is installed would take long;
there installers write the bytecode together with the source.

So it is with what Numba compiles and keeps on disk (`cache=True`): it looks at the file of a function, not at those of
the functions that this one calls. Own code finds a folder that is empty when its process starts.
"""

import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

COMPILED = "ACCIO_COMPILED"
"""The variable that names a folder for what own code has compiled; nothing of older code is in it."""

_NUMBAS = "NUMBA_CACHE_DIR"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OURS = frozenset({"accio", "accio_agent"})
_STANDARD = Path(os.__file__).parent  # not asked of `sysconfig`, which itself imports when it is asked first
_get_code = SourceFileLoader.get_code


def compile_own_sources() -> None:
    """Import own modules, from now on, without looking at bytecode, or leaving any."""
    SourceFileLoader.get_code = _code_of  # type: ignore[method-assign, assignment]  # the import system asks nobody else


def _code_of(loader: SourceFileLoader, fullname: str) -> CodeType | None:
    """Return the code of a module: own code compiled now, other code as Python finds it."""
    path = loader.get_filename(fullname)
    if fullname.partition(".")[0] in _OURS or not _is_own(path):
        return _get_code(loader, fullname)
    source = loader.get_data(path)
    if b"numba" in source and (folder := os.environ.get(COMPILED)):
        _keep_in(f"{folder}/numba")
    code: CodeType = loader.source_to_code(source, path)
    return code


def _keep_in(folder: str) -> None:
    """Have Numba look for what it has compiled, and keep it, in a folder: it asks whenever a function is declared."""
    os.environ[_NUMBAS] = folder
    config = sys.modules.get("numba.core.config")
    if config is not None:
        config.CACHE_DIR = folder  # type: ignore[attr-defined]  # there is no other way once it has been imported


def _is_own(path: str) -> bool:
    """Return whether a file is neither installed nor part of Python."""
    place = Path(path)
    return _INSTALLED.isdisjoint(place.parts) and not place.is_relative_to(_STANDARD)
