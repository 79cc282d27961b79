"""Which loaded modules are the operators' own: those of the packages, or beside the files, that declare them.

Runs in worker processes.
"""

import os
import sys
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from accio_agent.worker.restoring.own_places import INSTALLED

_OURS = frozenset({"accio", "accio_agent"})
_UNNAMED = frozenset({"builtins", "posix"})
"""Modules whose things are known by their own names."""


class OwnCode:
    """The modules of some sources; more of them may be imported at any time."""

    def __init__(self, sources: Iterable[Path], places: Iterable[str] = ()) -> None:
        """Look at modules of *sources*, and those that lie in *places* (see `own_places`)."""
        self._roots = tuple({*map(_root, sources), *places})
        self._known: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"<OwnCode below {', '.join(self._roots)}>"

    def modules(self) -> list[types.ModuleType]:
        """Return the own modules that are loaded."""
        return [module for name, module in list(sys.modules.items()) if self.is_own(name)]

    def is_own(self, name: str) -> bool:
        """Return whether a module, by its name, is one of them."""
        found = self._known.get(name)
        if found is None:
            module = sys.modules.get(name)
            path = getattr(module, "__file__", None)
            found = (
                name.partition(".")[0] not in _OURS
                and isinstance(module, types.ModuleType)
                and isinstance(path, str)
                and self._holds(path)
            )
            if module is not None:
                self._known[name] = found
        return found

    def names(self) -> set[str]:
        """Return all words by which their code could reach other modules.

        Those are the names that it uses, the words in its texts, and the original names of what it has imported from
        other modules, which it may have given other ones.
        """
        found: set[str] = set()
        for module in self.modules():
            for value in list(vars(module).values()):
                with suppress(Exception):  # objects answer as they like, also when they are asked for their class
                    found.update(original_names(value))
            for code in _codes(list(vars(module).values()), vars(module), set()):
                found.update(code.co_names)
                found.update(word for text in code.co_consts if isinstance(text, str) for word in text.split("."))
        return found

    def _holds(self, path: str) -> bool:
        return any(
            path == root or (root.endswith(os.sep) and path.startswith(root) and not _is_installed(path[len(root) :]))
            for root in self._roots
        )


def _root(source: Path) -> str:
    """Return the folder of a module's outermost package; of one that is in none its folder, or itself if it is
    installed.
    """
    folder = source.absolute().parent
    if not (folder / "__init__.py").is_file() and folder.name in INSTALLED:
        return str(source.absolute())
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return f"{folder}{os.sep}"


def _is_installed(path: str) -> bool:
    """Return whether a path below a project's folder is that of something installed there, as in a virtual
    environment.
    """
    return not set(INSTALLED).isdisjoint(Path(path).parts) or f"{os.sep}lib{os.sep}python3" in f"{os.sep}{path}"


def original_names(value: object) -> Iterator[str]:
    """Yield the names that lead to a global's value where it was defined: its own, and those of its module.

    `from os import nice as be_kind` leads to "nice" and "os"; an instance to the module of its class.
    """
    if isinstance(value, types.ModuleType):
        yield from value.__name__.split(".")
        return
    named = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
    defined_in = getattr(value if named else type(value), "__module__", None)
    if not isinstance(defined_in, str) or defined_in.partition(".")[0] in _OURS:
        return
    if named:
        yield getattr(value, "__name__", "")
    if defined_in not in _UNNAMED:
        yield from defined_in.removeprefix("_").split(".")


def _codes(values: Iterable[object], names: dict[str, object], seen: set[int]) -> Iterator[types.CodeType]:
    """Return the code of functions and methods whose globals are *names*, with that of functions within."""
    for value in values:
        try:
            inner = getattr(value, "__wrapped__", value)
        except Exception:  # noqa: BLE001, S112 - as above
            continue
        for each in (value, inner, getattr(inner, "__func__", None), getattr(inner, "fget", None)):
            if isinstance(each, types.FunctionType) and each.__globals__ is names:
                yield from with_inner(each.__code__)
        if isinstance(value, type) and value.__module__ == names.get("__name__") and id(value) not in seen:
            seen.add(id(value))
            yield from _codes(list(vars(value).values()), names, seen)


def with_inner(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from with_inner(constant)
