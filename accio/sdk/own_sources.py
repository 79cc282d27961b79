"""Own code is always compiled from its source, as digests are made of sources.

Python takes the bytecode beside a module if the source's size and its time of change, in whole seconds, are those that
it was compiled from. An edit within the same second, or one that keeps the time (`cp -p`, `rsync -t`, an archive), then
runs the old code, whose results would be kept under the digest of the new. Compiling what is installed would take long;
there installers write the bytecode together with the source.
"""

import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

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
    code: CodeType = loader.source_to_code(loader.get_data(path), path)
    return code


def _is_own(path: str) -> bool:
    """Return whether a file is neither installed nor part of Python."""
    place = Path(path)
    return _INSTALLED.isdisjoint(place.parts) and not place.is_relative_to(_STANDARD)
