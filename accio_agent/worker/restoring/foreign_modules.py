"""Whether an execution replaced functions of other packages' modules, methods of their classes, or modules: runs in
worker processes.

Looked at are the modules that the operators' own code names, and those that nearly everything rests on. Only what makes
a difference counts: a function, class or constant that is another one now, a name that a class didn't have, an entry in
a public table of the standard library. Packages fill in their globals as they go.
"""

import builtins
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from accio_agent.worker.restoring.dict_versions import DictVersions, dict_of
from accio_agent.worker.restoring.interpreter_state import SETTINGS_OF_SYS
from accio_agent.worker.restoring.own_code import OwnCode
from accio_agent.worker.restoring.plain_code import is_plain

ALWAYS = frozenset({"builtins", "math", "os", "random", "time"})
_NOT = frozenset({"__main__", "warnings"})  # their state is looked at elsewhere
# Names of sys: those of other settings, of streams, and what imports and errors write down there.
_NOT_OF_SYS = frozenset({*SETTINGS_OF_SYS, "modules", "path_importer_cache", "stderr", "stdout"})
_OURS = ("accio.", "accio_agent.")
_MISSING = object()


_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the attributes of other classes can't be set


class _Module(NamedTuple):
    module: ModuleType
    kept: dict[str, Any]


class _Names(NamedTuple):
    """The names of a class, or a table of a module."""

    where: str
    names: dict[Any, Any]
    kept: dict[Any, Any]
    counts: Callable[[Any, Any, Any], bool]  # whether a name's value, once another one, makes a difference


class ForeignModules:
    """The modules that operators could reach, as they were."""

    def __init__(self, code: OwnCode) -> None:
        self._code = code
        self._own = 0
        self.plain = False  # whether own code can but compute
        self._words: frozenset[str] = ALWAYS
        self.look()

    def __repr__(self) -> str:
        return f"<ForeignModules {', '.join(sorted(each.module.__name__ for each in self._modules))}>"

    def look(self) -> None:
        """Note everything as it is now."""
        if self._own != (own := len(self._code.modules())):
            self._own, self._words = own, ALWAYS | self._code.names()
        self._loaded = dict(sys.modules)
        self._modules = [
            _Module(module, dict(_names_of(module)))
            for name, module in self._loaded.items()
            if self._is_looked_at(name) and hasattr(module, "__dict__")
        ]
        named = {name for name in self._loaded if name.rpartition(".")[2] in self._words and name not in _NOT}
        foreign = {name for name in named if not self._code.is_own(name) and not _is_bare_folder(self._loaded[name])}
        self.plain = is_plain(self._words, foreign)
        self._versions = DictVersions([vars(each.module) for each in self._modules])
        self._inner = list(self._look_within())
        self._lists = list(self._look_for_lists())
        self._inner_versions = DictVersions([each.names for each in self._inner])
        self._table = DictVersions([sys.modules])
        self._all = DictVersions(
            [*(vars(each.module) for each in self._modules), *(each.names for each in self._inner), sys.modules]
        )
        self._live, self._kept = [live for _, live, _ in self._lists], [kept for _, _, kept in self._lists]

    def _look_within(self) -> Iterator[_Names]:
        seen: set[int] = set()
        for module, kept in self._modules:
            standard = _is_standard(module)
            for name, value in kept.items():
                if id(value) in seen:
                    continue
                if issubclass(type(value), type) and value.__flags__ & _HEAP_TYPE and not self._is_own_class(value):
                    seen.add(id(value))
                    names = dict_of(value)
                    where = f"{value.__module__}.{value.__qualname__}"
                    yield _Names(where, names, names.copy(), _counts_in_class)
                elif standard and type(value) is dict and not name.startswith("_") and "cache" not in name:
                    seen.add(id(value))
                    yield _Names(f"{module.__name__}.{name}", value, value.copy(), _counts_in_table)

    def _look_for_lists(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield the public lists and sets of the standard library's modules, with what is in them."""
        for module, kept in self._modules:
            for name, value in kept.items() if _is_standard(module) else ():
                if type(value) in {list, set} and not name.startswith("_"):
                    yield f"{module.__name__}.{name}", value, value.copy()

    def _is_own_class(self, kind: type) -> bool:
        return self._code.is_own(kind.__module__) or kind.__module__.startswith(_OURS)

    def _is_looked_at(self, name: str) -> bool:
        if name in _NOT or name.startswith(_OURS) or self._code.is_own(name):
            return False
        return name.rpartition(".")[2] in self._words

    def changed(self) -> str:
        """Name what was changed since `look`, or return an empty text."""
        if not self._all.changed() and _are_equal(self._live, self._kept):  # one look at all, as nearly always
            return ""
        return self._find()

    def _find(self) -> str:
        self._all.renew()
        found = ""
        if self._versions.changed():
            found = next((name for each in self._modules for name in _changes(each)), "")
            self._versions.renew()
        if self._inner_versions.changed():
            found = found or next((where for each in self._inner for where in _changes_within(each)), "")
            self._inner_versions.renew()
        found = found or next((where for where, live, kept in self._lists if live != kept), "")
        if self._table.changed():
            found = found or next(self._replaced(), "")
            self._table.renew()
        return found

    def _replaced(self) -> Iterator[str]:
        for name, module in self._loaded.items():
            if sys.modules.get(name, _MISSING) is not module:
                yield f"sys.modules['{name}']"
        for name in sys.modules.keys() - self._loaded.keys():
            if getattr(sys.modules[name], "__spec__", None) is None:  # no import has brought it
                yield f"sys.modules['{name}']"


def _are_equal(live: list[Any], kept: list[Any]) -> bool:
    try:
        return live == kept
    except Exception:  # noqa: BLE001 - what operators have put there compares as it likes
        return False


def _is_bare_folder(module: object) -> bool:
    """Return whether a module is a folder without code of its own, as that which holds operators' packages may be.

    What is in it are modules that have names of their own.
    """
    return getattr(module, "__file__", None) is None and hasattr(module, "__path__")


def _names_of(module: ModuleType) -> dict[str, Any]:
    """Return a module's names, without those of sys that are looked at elsewhere, or change by themselves."""
    if module is not sys:
        return vars(module)
    return {
        name: value
        for name, value in vars(sys).items()
        if name not in _NOT_OF_SYS and not name.startswith(("last_", "ps"))
    }


def _changes(each: _Module) -> Iterator[str]:
    names = _names_of(each.module)
    standard = _is_standard(each.module)
    for name, before in each.kept.items():
        now = names.get(name, _MISSING)
        if now is not before and _counts(name, before) and not (type(now) is type(before) and now == before):
            yield f"{each.module.__name__}.{name}"
    for name in names.keys() - each.kept.keys() if standard else ():
        if _is_left_behind(each.module, name, names[name]):
            yield f"{each.module.__name__}.{name}"


def _changes_within(each: _Names) -> Iterator[str]:
    for name in each.names.keys() | each.kept.keys():
        now, before = each.names.get(name, _MISSING), each.kept.get(name, _MISSING)
        if now is not before and each.counts(name, now, before):
            yield f"{each.where}.{name}"


def _counts_in_class(name: str, now: object, before: object) -> bool:
    """Return whether an attribute of a class was replaced, taken away or added by hand. What classes keep for
    themselves has names that begin with _, and isn't a method.
    """
    if before is _MISSING:
        return not name.startswith("_")
    return (callable(before) or not name.startswith("_")) and not (type(now) is type(before) and now == before)


def _counts_in_table(_: object, now: object, before: object) -> bool:
    return not (type(now) is type(before) and now == before)


def _is_standard(module: ModuleType) -> bool:
    return module.__name__.partition(".")[0] in sys.stdlib_module_names


def _counts(name: str, before: object) -> bool:
    return callable(before) or (type(before) in {int, float, str, tuple} and not name.startswith("_"))


def _is_left_behind(module: ModuleType, name: str, value: object) -> bool:
    """Return whether a new name in a module of the standard library is an operator's doing."""
    if name.startswith("_") or isinstance(value, ModuleType):
        return False
    return module is builtins or not callable(value)
