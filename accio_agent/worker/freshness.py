"""Whether what operators read from disk while they work is still what their digests were computed of.

What was imported at the start can't change under a worker. Programs, declared files and modules that are imported later
can: a result that rests on their change would be kept under the digest of what was there before. Here is noticed, by
what the file system tells, where that may be so. The agent then compares content: links, rights and times change more
often than that.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from blake3 import blake3

from accio_agent.protocol.doubts import Doubt, Signature, signature_of

_OURS = frozenset({"accio", "accio_agent"})


class Freshness:
    """What a template saw when it had imported its operators; its workers inherit it.

    *since_ns* is when the process began that imported them first (epoch). With *anew* this process has imported them
    later, so that what has changed in between counts as changed. *sources* are the files that declare operators: a
    module that is imported later counts if it lies in the package, or beside the file, of one of them, or anywhere on
    the module path but in Python's own library.
    """

    def __init__(
        self,
        files: Mapping[str, Iterable[Path]],
        *,
        sources: Iterable[Path] = (),
        since_ns: int,
        anew: bool = False,
    ) -> None:
        self._since_ns = since_ns
        folders = {str(_root(source)) for source in sources} | {entry for entry in sys.path if not _is_pythons(entry)}
        self._roots = tuple(f"{folder.rstrip(os.sep)}{os.sep}" for folder in folders if folder)
        self._known: set[str] = set() if anew else set(sys.modules)
        self._late: list[Doubt] = []
        self._imported: dict[str, Signature | None] = {}  # since the last look, by the names of modules
        every = {path: _File(path) for paths in files.values() for path in paths}
        for file in every.values() if anew else ():
            file.forget_if_changed(since_ns)
        self._files = {name: found for name, paths in files.items() if (found := [every[path] for path in paths])}

    def before(self, operator: str) -> str:
        """Return which file of an operator has other content than it had, or nothing."""
        files = self._files.get(operator)  # most have none
        return next((str(file.path) for file in files if not file.is_equal()), "") if files else ""

    def after(self, operator: str) -> list[Doubt]:
        """Return what an execution may have seen changed: files written since `before`, modules imported only now."""
        files = self._files.get(operator)
        touched = [Doubt(str(file.path), None) for file in files if not file.is_untouched()] if files else []
        if self._imported or len(sys.modules) > len(self._known):
            self._look_at_modules()
        return touched + self._late

    def imported(self, name: str, seen: Signature | None) -> None:
        """Note that a module was imported, from a file that was as *seen* before and after; None if it wasn't."""
        self._imported[name] = seen

    def _look_at_modules(self) -> None:
        """Note the modules that were imported since the last look, and changed since their operators were described."""
        imported, self._imported = self._imported, {}
        for name in {*imported, *(sys.modules.keys() - self._known)}:
            self._known.add(name)
            if name.partition(".")[0] in _OURS:
                continue
            seen = imported.get(name)
            path = seen[0] if seen else getattr(sys.modules.get(name), "__file__", None)
            if isinstance(path, str) and path.startswith(self._roots):
                now = seen or signature_of(path)
                if now is not None and now[2] > self._since_ns:
                    self._late.append(Doubt(path, seen))


class _File:
    """A file, or a folder with all that it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signature: tuple[Signature, ...] | None = _signature(path)
        self._content = _content(path)

    def forget_if_changed(self, since_ns: int) -> None:
        """Make it equal to nothing from now on, if it was changed since then."""
        if any(ctime_ns > since_ns for _, _, ctime_ns, _, _ in self._signature or ()):
            self._signature, self._content = None, ""

    def is_untouched(self) -> bool:
        return self._signature == _signature(self.path)

    def is_equal(self) -> bool:
        """Compare what the file system says, and where that differs the content."""
        signature = _signature(self.path)
        if signature != self._signature and self._content and _content(self.path) == self._content:
            self._signature = signature
        return signature == self._signature


def _root(source: Path) -> Path:
    """Return the folder of the outermost package of a module, or the folder in which it lies if it is in none."""
    folder = source.absolute().parent
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _is_pythons(entry: str) -> bool:
    """Return whether an entry of the module path is a folder, or an archive, of the standard library."""
    return entry in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")} or entry.endswith(
        ("lib-dynload", ".zip")
    )


def _parts(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(part for part in path.rglob("*") if part.is_file() and "__pycache__" not in part.parts)
    else:
        yield path


def _signature(path: Path) -> tuple[Signature, ...]:
    return tuple(found for part in _parts(path) if (found := signature_of(str(part))) is not None)


def _content(path: Path) -> str:
    hasher = blake3()
    for part in _parts(path):
        try:
            hasher.update(f"{part}\0{part.stat().st_size}\0".encode()).update_mmap(part)
        except OSError as error:
            hasher.update(f"{part}\0{error.errno}\0".encode())
    return hasher.hexdigest()
