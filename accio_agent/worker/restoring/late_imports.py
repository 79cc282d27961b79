"""Notices what an execution imports: runs in worker processes.

A module that is imported while a node executes stays for the nodes after it, and so must what its import did. The two
ends of an import tell that from what the operator does; and a global generator is seeded before anybody can draw from
it.
"""

import _thread
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Protocol

from accio_agent.protocol.doubts import Signature, signature_of


class Watcher(Protocol):
    """Who wants to know of imports."""

    def import_begins(self) -> None:
        """Note that the execution begins to import something; more may be imported within that."""
        ...

    def imported(self, name: str, seen: Signature | None) -> None:
        """Note that a module's own code has run; nobody else has seen the module yet. *seen* is its file as it was
        before and after that; None if it was written in between, or there is none.
        """
        ...

    def import_ends(self) -> None:
        """Note that all is done that `import_begins` was called for."""
        ...


class LateImports:
    """A finder in front of the others. It finds nothing by itself, but learns when a module's code has run."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._depth = 0
        self._thread = _thread.get_ident()

    def install(self) -> None:
        """Watch from now on."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module by the other finders, and call the watcher around the run of its code."""
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        """Put a method of one use before the loader's own: a loader of another class would show in `__loader__`."""
        loader = spec.loader
        if loader is None or isinstance(loader, type) or not hasattr(loader, "exec_module"):
            return  # built into the interpreter, or a folder without code
        seen = signature_of(spec.origin)  # now: what is compiled is read before its code runs

        def run(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            self._run(loader, module, seen)

        try:
            vars(loader)["exec_module"] = run
        except TypeError:
            return  # it has no attributes of its own

    def _run(self, loader: object, module: ModuleType, seen: Signature | None) -> None:
        if _thread.get_ident() != self._thread:
            self._execute(loader, module, seen)
            return
        if self._depth == 0:
            self._watcher.import_begins()
        self._depth += 1
        try:
            self._execute(loader, module, seen)
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._watcher.import_ends()

    def _execute(self, loader: object, module: ModuleType, seen: Signature | None) -> None:
        loader.exec_module(module)  # type: ignore[attr-defined]  # `_watch` looked
        still = seen is not None and signature_of(seen[0]) == seen
        self._watcher.imported(module.__name__, seen if still else None)
