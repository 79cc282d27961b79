"""Whether an execution changed what the next one finds in the modules of the operator's own distribution.

Runs in worker processes. Module globals, attributes of classes, functions and objects, default arguments, variables of
closures and the content of collections are compared with what the template had imported. Objects of other packages'
classes aren't looked into, and caches of `functools` may fill: they are taken to hold what would be computed again,
unless it was drawn at random.
docs/operators.md says what can't be found.
"""

import _abc  # type: ignore[import-not-found]  # a built-in module without stubs
import abc
import collections
import functools
import gc
import queue
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from enum import EnumMeta
from operator import attrgetter
from typing import Any, NamedTuple

from accio_agent.worker.restoring.dict_versions import VERSIONED, DictVersions, dict_of
from accio_agent.worker.restoring.holding_objects import is_filled, is_holding
from accio_agent.worker.restoring.object_state import Shared, objects_within, reader_of
from accio_agent.worker.restoring.own_code import OwnCode
from accio_agent.worker.restoring.unseen_effects import unseen_effect
from accio_agent.worker.restoring.written_memory import WrittenMemory, place_of

MOST_ENTRIES = 10_000
"""In larger collections no objects are looked at, only whether the collection is of the same ones."""

MOST_OBJECTS = 20_000
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: objects of other classes can't change theirs

_ATOMS = (int, float, str, bytes, bool, complex, type(None), types.ModuleType, range)
_HOLDING_PARTS = (
    classmethod, functools.partial, property, staticmethod, types.BuiltinMethodType, types.MethodType,
    types.MethodWrapperType,
)  # fmt: skip
_PARTS = ("__func__", "__self__", "fget", "fset", "fdel", "func", "args", "keywords")
_HOLDERS = (
    types.SimpleNamespace, threading.local, collections.UserDict, collections.UserList, queue.Queue, BaseException
)  # fmt: skip
# What the interpreter and libraries keep for themselves in modules and classes.
_INNER = frozenset(
    {
        "__annotate_func__", "__annotations__", "__annotations_cache__", "__builtins__", "__cached__", "__dict__",
        "__loader__", "__slotnames__", "__spec__", "__warningregistry__", "__weakref__",
    }
)  # fmt: skip
_CACHED = type(functools.cache(lambda: None))
_OF_WRAPPERS = ("__wrapped__", "registry")  # what a decorator wraps, and what `functools.singledispatch` has been told
_CALLED_BY_CLASSES = (types.FunctionType, staticmethod, classmethod, property)
# Looked at only where own code has these words: few code replaces what functions, classes and objects consist of.
_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__", "__doc__")
_bases = attrgetter("__bases__")


class _Names(NamedTuple):
    """A dictionary by whose names things are found."""

    where: str
    owner: object
    names: dict[Any, Any]
    kept: dict[Any, Any]


class OwnGlobals:
    """All that can be reached from the globals of some modules."""

    def __init__(self, code: OwnCode) -> None:
        self._code = code
        self._words: set[str] = set()
        self._filled: dict[int, int] = {}  # how often each cache of functools was filled, by its id
        self._modules: list[types.ModuleType] = []
        self.looks = 0  # what was found out before the last one may be otherwise now
        self.look()

    def __repr__(self) -> str:
        return f"<OwnGlobals {len(self._names)} name spaces, {len(self._live)} collections>"

    def look(self) -> None:
        """Note everything as it is now."""
        self.looks += 1
        self._seen: set[int] = set()
        self._names: list[_Names] = []
        self._live: list[Any] = []
        self._kept: list[Any] = []
        self._places: list[str] = []
        self._functions: list[types.FunctionType] = []
        self._classes: list[type] = []
        self._caches: list[Any] = []
        self._objects: list[object] = []
        self._readers: list[tuple[str, Callable[[], Any]]] = []
        modules = self._code.modules()
        if len(modules) != len(self._modules):
            self._words = self._code.names()
        self._modules = modules
        self._attributes = attrgetter("__dict__", *(each for each in _OF_FUNCTIONS if each in self._words))
        self._objects.extend(self._modules)
        self._globals = {id(vars(module)) for module in self._modules}
        waiting: deque[tuple[str, Any]] = deque()
        for module in self._modules:
            waiting.extend(self._add_names(module.__name__, module, vars(module)))
        while waiting and len(self._seen) < MOST_OBJECTS:
            with suppress(Exception):  # objects answer as they like, also when they are asked for their class
                waiting.extend(self._look_at(*waiting.popleft()))
        self._versions = DictVersions([each.names for each in self._names])
        self._function_parts = [_kept(self._attributes(each)) for each in self._functions]
        if "__bases__" not in self._words:
            self._classes.clear()
        if "__class__" not in self._words:
            self._objects.clear()
        self._class_bases = list(map(_bases, self._classes))
        self._kinds = list(map(type, self._objects))
        self._filled = {id(cache): self._filled.get(id(cache), _misses(cache)) for cache in self._caches}
        self._readers, self._states = _read_all(self._readers)

    def is_own(self, module: str) -> bool:
        """Return whether a module, by its name, is one of those that are looked at."""
        return self._code.is_own(module)

    def unseen_effect(self, target: object) -> str:
        """Return the word by which an operator may change what can't be looked at; empty if its code says none."""
        return unseen_effect(target, self._code)

    def changed(self) -> str:
        """Name what was changed since `look`, or return an empty text."""
        try:
            if (
                not self._versions.changed()
                and self._live == self._kept
                and list(map(self._attributes, self._functions)) == self._function_parts
                and list(map(_bases, self._classes)) == self._class_bases
                and list(map(type, self._objects)) == self._kinds
                and (not self._readers or [read() for _, read in self._readers] == self._states)
            ):
                return ""
        except Exception:  # noqa: BLE001, S110 - values of operators compare as they like; now one after the other
            pass
        return self._find()

    def new_in_caches(self) -> list[Any]:
        """Return the caches of functools that were filled since they were asked for."""
        found = [cache for cache in self._caches if _misses(cache) != self._filled[id(cache)]]
        for cache in found:
            self._filled[id(cache)] = _misses(cache)
        return found

    def is_outdated(self) -> bool:
        """Return whether an import has brought more modules, or changed what there was."""
        return bool(self._find()) or len(self._code.modules()) != len(self._modules)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look_at(self, where: str, thing: Any) -> Iterator[tuple[str, Any]]:
        """Note what of a thing can change, and yield what else it leads to."""
        if isinstance(thing, _ATOMS) or id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        if isinstance(thing, types.FunctionType):
            yield from self._look_at_function(where, thing)
        elif isinstance(thing, type):
            if self._code.is_own(thing.__module__):
                yield from self._look_at_class(where, thing)
        elif isinstance(thing, _CACHED):
            self._caches.append(thing)
            yield from ((f"{where}.{name}", part) for name, part in vars(thing).items())
        elif isinstance(thing, _HOLDING_PARTS):
            yield from ((where, getattr(thing, name, None)) for name in _PARTS)
        elif isinstance(thing, ContextVar):  # its default can't be asked for where it has a value
            yield from ((where, part) for part in gc.get_referents(thing) if part is not thing)
        elif isinstance(thing, tuple | frozenset):
            yield from ((where, part) for part in thing)
        elif isinstance(thing, types.MappingProxyType):
            yield from ((where, part) for part in gc.get_referents(thing))
        else:
            yield from self._look_at_object(where, thing)

    def _look_at_class(self, where: str, kind: type) -> Iterator[tuple[str, Any]]:
        if isinstance(kind, EnumMeta):  # its tables grow as flags are combined; its members are objects
            members: dict[str, Any] = dict(kind.__members__)
            yield from ((f"{where}.{name}", member) for name, member in members.items())
            return
        if isinstance(kind, abc.ABCMeta):
            self._readers.append((where, lambda: len(_abc._get_dump(kind)[0])))  # noqa: SLF001 - the registry has no public view
        self._classes.append(kind)
        yield from ((where, base) for base in (type(kind), *kind.__bases__))
        yield from self._add_names(where, kind, dict_of(kind))

    def _look_at_function(self, where: str, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
        if id(function.__globals__) not in self._globals:  # another package's, which may keep in it what it likes
            yield from ((where, function.__dict__[name]) for name in _OF_WRAPPERS if name in function.__dict__)
            return
        self._functions.append(function)
        self._readers_of_function(where, function)
        yield from ((where, part) for part in function.__defaults__ or ())
        yield from ((where, part) for part in (function.__kwdefaults__ or {}).values())
        yield from ((f"{where}.{name}", part) for name, part in vars(function).items())
        for cell in function.__closure__ or ():
            try:
                yield where, cell.cell_contents
            except ValueError:
                continue  # it has none yet

    def _readers_of_function(self, where: str, function: types.FunctionType) -> None:
        cells = [cell for cell in function.__closure__ or () if _content(cell) is not function]
        if cells:
            self._readers.append((where, lambda: list(map(_content, cells))))

    def _look_at_object(self, where: str, thing: Any) -> Iterator[tuple[str, Any]]:
        kind = type(thing)
        if isinstance(thing, dict):
            yield from self._add_names(where, None, thing)
        elif isinstance(thing, list | set | deque):
            yield from self._add_collection(where, thing)
        if (reader := reader_of(thing)) is not None:
            self._readers.append((where, reader))
        yield from ((where, part) for part in objects_within(thing))
        if isinstance(thing, BaseException):
            yield where, thing.args
        if not (self._code.is_own(kind.__module__) or is_holding(kind) or isinstance(thing, _HOLDERS)):
            return
        yield where, kind  # it may have been made within a function, where no name leads to it
        if kind.__flags__ & _HEAP_TYPE:
            self._objects.append(thing)
        if isinstance(getattr(thing, "__dict__", None), dict):
            yield from self._add_names(where, thing, thing.__dict__)
        slots = [name for base in kind.__mro__ for name in _slots(base)]
        if slots:
            self._readers.append((where, lambda: [getattr(thing, name, None) for name in slots]))
            yield from ((f"{where}.{name}", getattr(thing, name, None)) for name in slots)

    def _add_names(self, where: str, owner: object, names: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
        if len(names) > MOST_ENTRIES:
            version = DictVersions([names])
            self._readers.append((where, version.changed if VERSIONED else names.__len__))
            return
        self._names.append(_Names(where, owner, names, dict(names)))
        for name, value in list(names.items()):
            if _is_looked_at(name, value) and not (owner is not None and is_filled(owner, name)):
                yield f"{where}.{name}", value

    def _add_collection(self, where: str, thing: Any) -> Iterator[tuple[str, Any]]:
        if len(thing) > MOST_ENTRIES and not isinstance(thing, deque):
            place = place_of(thing)
            self._readers.append((where, thing.__len__ if place is None else WrittenMemory(place)))
            return
        self._live.append(thing)
        self._kept.append(thing.copy() if type(thing) in {list, set, deque} else _plain(thing))
        self._places.append(where)
        yield from ((where, part) for part in thing) if len(thing) <= MOST_ENTRIES else ()

    # --- finding -----------------------------------------------------------------------------------------------------

    def _find(self) -> str:
        """Name what was changed; what only imports, or fills a cache of functools, is taken as it is now."""
        found = next(self._changes(), "")
        if found:
            self._rewind()
        if not found:
            self.look()
        return found

    def _rewind(self) -> None:
        """Put back what a new worker shares with this one: where files stand, and memory."""
        for (_, read), state in zip(self._readers, self._states, strict=True):
            if isinstance(read, Shared):
                read.restore(state)

    def _changes(self) -> Iterator[str]:
        for each in self._names:
            yield from _changed_names(each)
        for where, live, kept in zip(self._places, self._live, self._kept, strict=True):
            if not _is_equal(live, kept) and not _is_equal(_plain(live), kept):
                yield where
        for function, parts in zip(self._functions, self._function_parts, strict=True):
            if not _is_equal(self._attributes(function), parts):
                yield f"{function.__module__}.{function.__qualname__}"
        for kind, bases in zip(self._classes, self._class_bases, strict=True):
            if kind.__bases__ != bases:
                yield f"{kind.__module__}.{kind.__qualname__}"
        for thing, kind in zip(self._objects, self._kinds, strict=True):
            if type(thing) is not kind:
                yield f"{kind.__module__}.{kind.__qualname__}"
        for (where, read), state in zip(self._readers, self._states, strict=True):
            if not _is_equal(read(), state):
                yield where


def _changed_names(each: _Names) -> Iterator[str]:
    missing = object()
    if len(each.names) > MOST_ENTRIES or (not each.kept and len(each.names) > 0 and each.owner is None):
        yield each.where
        return
    if each.owner is None and list(map(id, each.names)) != list(map(id, each.kept)) and _is_reordered(each):
        yield each.where
        return
    for name in list(each.names.keys() | each.kept.keys()):
        if each.owner is not None and (name in _INNER or is_filled(each.owner, name)):
            continue
        now, before = each.names.get(name, missing), each.kept.get(name, missing)
        if now is before or (now is not missing and _is_harmless(each.owner, name, now, before, missing)):
            continue
        yield f"{each.where}.{name}" if each.owner is not None else each.where


def _is_reordered(each: _Names) -> bool:
    """Return whether a dictionary has the keys that it had, in another order."""
    return each.names.keys() == each.kept.keys() and not _is_equal(list(each.names), list(each.kept))


def _is_harmless(owner: object, name: Any, now: Any, before: Any, missing: object) -> bool:
    """Return whether a new value of a name says nothing of what was executed before."""
    if isinstance(now, types.ModuleType):
        return before is missing or before is None or isinstance(before, types.ModuleType)
    if before is missing and isinstance(owner, types.ModuleType):  # a name that a package imports when it is asked for
        home = sys.modules.get(getattr(now, "__module__", None) or "")
        return callable(now) and home is not owner and getattr(home, str(name), None) is now
    if before is missing and owner is not None:
        return isinstance(getattr(type(owner), str(name), None), functools.cached_property)
    return type(now) is type(before) and isinstance(now, int | float | str | bytes) and now == before


def _is_equal(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - values of operators compare as they like
        return False


def _kept(parts: Any) -> Any:
    """Return the attributes of a function, or these and what else is looked at, as they are now."""
    return parts.copy() if isinstance(parts, dict) else (parts[0].copy(), *parts[1:])


def _misses(cache: Any) -> int:
    found: int = cache.cache_info().misses
    return found


def _is_looked_at(name: object, value: object) -> bool:
    if not _is_inner(name):
        return True
    written = getattr(getattr(value, "__code__", None), "co_filename", "") != "<string>"  # as those of dataclasses are
    return name not in _INNER and isinstance(value, _CALLED_BY_CLASSES) and written


def _read_all(readers: list[tuple[str, Callable[[], Any]]]) -> tuple[list[tuple[str, Callable[[], Any]]], list[Any]]:
    """Return the readers of what can be read, and what they read: objects refuse (`random.SystemRandom`), or are
    closed.
    """
    able, states = [], []
    for each in readers:
        with suppress(Exception):
            states.append(each[1]())
            able.append(each)
    return able, states


def _is_inner(name: object) -> bool:
    """Return whether a name is one that the interpreter and libraries use for themselves (`__warningregistry__`)."""
    return isinstance(name, str) and name.startswith("__") and name.endswith("__")


def _slots(kind: type) -> Iterable[str]:
    found = vars(kind).get("__slots__", ())
    return (found,) if isinstance(found, str) else [name for name in found if not _is_inner(name)]


def _plain(collection: Any) -> Any:
    """Return the content of a list, set or deque of whatever class."""
    kind = next(kind for kind in (list, set, deque) if isinstance(collection, kind))
    return kind(collection)


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None
