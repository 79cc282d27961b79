"""Whether all that an operator can do is to compute with its inputs: runs in worker processes.

What an execution may change around itself (open files, streams, folder, environment, child processes, random
generators) needn't be set up before it, nor put back after it, if nothing of that is within reach of its code. So this
follows everything that can be reached from the operator's function: by names of globals, closures, default arguments,
attributes of modules and classes. Only what is listed here may be found on the way; whatever else it is, and whatever
could lead to names that the code doesn't spell out, makes the answer no. A wrong no costs time only.
"""

import builtins
import collections
import dis
import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from accio_agent.worker.restoring.computing_modules import COMPUTING

MOST_OBJECTS = 2_000
"""Operators that lead to more than this aren't followed to the end."""

_MODULES = COMPUTING | {"fractions", "reprlib"}  # what these lead to is followed, as decimal is from fractions
"""Of these anything but `_POWERS` may be used, or of their parts in C (`_struct`)."""
_ALL_IN_C = frozenset({"cmath", "math"})

_VALUES = frozenset({"accio.domain.quantities", "accio.sdk.types"})
_SYSTEM = frozenset({"cpu_count", "fspath", "getpid", "getppid", "linesep", "sep", "urandom", "write"})
"""Of `os` only these: they leave the process as it is."""

_BUILTINS = frozenset(
    {
        "abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod", "complex",
        "dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "id", "int",
        "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow",
        "print", "property", "range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str",
        "sum", "super", "tuple", "type", "zip", "Ellipsis", "NotImplemented", "__debug__",
    }
)  # fmt: skip
_POWERS = frozenset(
    {
        "attrgetter", "methodcaller", "get_type_hints", "ForwardRef", "Formatter", "register", "clock_settime",
        "clock_settime_ns", "tzset", "make_dataclass", "gi_frame", "gi_code", "cr_frame", "cr_code", "ag_frame",
        "ag_code", "tb_frame", "tb_next", "f_back", "f_builtins", "f_globals", "f_locals", "mro",
    }
)  # fmt: skip
"""Words that lead to what the code doesn't name, or change what others use."""

_LISTED = {"builtins": _BUILTINS, "posix": _SYSTEM}
_DUNDERS = frozenset(
    {
        "__class__", "__delattr__", "__init__", "__name__", "__new__", "__post_init__", "__qualname__", "__setattr__",
    }
)  # fmt: skip
"""Words of this form that code may use; data classes do."""
_ATOMS = frozenset(
    {bool, int, float, str, bytes, complex, type(None), type(Ellipsis), type(NotImplemented), range}
)  # but not what is derived from them
_LEAVES = (
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.WrapperDescriptorType,
    types.GenericAlias,
    types.UnionType,
    type(collections.namedtuple("_", "field").field),  # type: ignore[attr-defined]  # what reads a field
)
_LEAF_MODULES = frozenset({"datetime", "fractions", "re", "struct", "typing"})
"""Of these, instances of classes hold nothing that is of interest."""
_COLLECTIONS = (list, tuple, set, frozenset, deque)
_MAPPINGS = (dict, types.MappingProxyType)
_CACHED = type(functools.cache(lambda: None))
C_FUNCTIONS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
_IMPORT = dis.opmap["IMPORT_NAME"]
_MATCH_CLASS = dis.opmap["MATCH_CLASS"]  # reads attributes whose names are constants, or listed by the class


class _Impure(Exception):
    """Something was found that isn't listed."""


def is_pure(target: Callable[..., Any], is_own: Callable[[str], bool]) -> bool:
    """Return whether all that a function, or an instance of a class, can do is to compute with what it is given.

    *is_own* tells of a module's name whether its code is to be followed. What it is given must be plain values.
    """
    try:
        Reach(is_own).follow(target)
    except Exception:  # noqa: BLE001 - _Impure, or whatever objects of operators raise when they are looked at
        return False
    return True


class Reach:
    """What can be reached from some code."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self._is_own = is_own
        self._waiting: deque[Any] = deque()
        self._seen: dict[int, Any] = {}  # by identity; it keeps them alive, so that no number is given twice
        self._words: set[str] = set()
        self._spaces: list[dict[str, Any]] = []  # of which only what is named can be reached

    def follow(self, target: Any) -> None:
        """Follow everything; _Impure if there is something that isn't listed."""
        self._waiting.append(target)
        while self._waiting:
            while self._waiting:
                self._look_at(self._waiting.popleft())
            for space in list(self._spaces):
                self._waiting.extend(
                    value for word in self._words if (value := space.get(word)) is not None and not self._is_seen(value)
                )

    def found(self) -> Iterable[object]:
        """Return everything that was followed; constants aren't among it."""
        return self._seen.values()

    def _is_seen(self, thing: object) -> bool:
        return type(thing) in _ATOMS or id(thing) in self._seen

    def _look_at(self, thing: Any) -> None:
        if self._is_seen(thing):
            return
        self._seen[id(thing)] = thing
        if len(self._seen) > MOST_OBJECTS:
            raise _Impure
        if isinstance(thing, types.ModuleType):
            self._look_at_module(thing)
        elif isinstance(thing, types.FunctionType):
            self._look_at_function(thing)
        elif isinstance(thing, C_FUNCTIONS):
            _check_builtin(thing)
        elif isinstance(thing, type):
            self._look_at_class(thing)
        else:
            self._waiting.extend(self._parts(thing))

    def _look_at_module(self, module: types.ModuleType) -> None:
        if type(module) is not types.ModuleType:
            raise _Impure  # its class may have attributes of its own
        if self._is_own(module.__name__) and "__getattr__" not in vars(module):
            self._spaces.append(vars(module))
        elif sys.modules.get(module.__name__) is not module:
            raise _Impure  # it only has the name of another
        elif module.__name__ == "os":
            self._spaces.append({name: value for name, value in vars(module).items() if name not in _SYSTEM})
        elif not _is_computing(module.__name__):
            raise _Impure
        else:
            self._spaces.append(_not_its_own(module))

    def _look_at_function(self, function: types.FunctionType) -> None:
        home = str(function.__globals__.get("__name__", ""))
        if self._is_own(home):
            if getattr(function, "__builtins__", None) is not vars(builtins):
                raise _Impure
            for code in with_inner(function.__code__):
                self._look_at_code(code, function.__globals__)
            self._waiting.extend(function.__defaults__ or ())
            self._waiting.extend((function.__kwdefaults__ or {}).values())
            self._spaces.append(vars(function))
        elif not _is_listed(home, function.__name__):
            raise _Impure
        self._waiting.extend(map(_content, function.__closure__ or ()))

    def _look_at_code(self, code: types.CodeType, names: dict[str, Any]) -> None:
        if _IMPORT in code.co_code[::2]:
            raise _Impure
        if _MATCH_CLASS in code.co_code[::2]:
            self._add_words(word for each in code.co_consts if isinstance(each, tuple) for word in each)
        self._add_words(code.co_names)
        for name in code.co_names:
            found = names.get(name, vars(builtins).get(name))
            if found is not None:
                self._waiting.append(found)

    def _add_words(self, names: Iterable[object]) -> None:
        """Follow what has one of these names; _Impure if one isn't to be used."""
        for name in names:
            if isinstance(name, str):
                if name in _POWERS or (name.startswith("__") and name.endswith("__") and name not in _DUNDERS):
                    raise _Impure
                self._words.add(name)

    def _look_at_class(self, kind: type) -> None:
        home = kind.__module__
        if not self._is_own(home):
            if home == "builtins":
                listed = kind.__name__ in _BUILTINS or _is_exception(kind)
                if not listed or vars(builtins).get(kind.__name__) is not kind:  # the second: it only says so
                    raise _Impure
            elif not _is_listed(home, kind.__name__):
                raise _Impure
            return
        self._waiting.extend((type(kind), *kind.__bases__))
        self._add_words(vars(kind).get("__match_args__", ()))
        for name, value in vars(kind).items():
            is_code = isinstance(value, types.FunctionType | staticmethod | classmethod | property)
            if is_code or not (name.startswith("__") and name.endswith("__")):
                self._waiting.append(value)

    def _parts(self, thing: Any) -> Iterator[Any]:
        """Return what a thing leads to that is neither code nor a class."""
        kind = type(thing)
        if isinstance(thing, _LEAVES):
            return
        if isinstance(thing, staticmethod | classmethod):
            yield thing.__func__
        elif isinstance(thing, property):
            yield from (thing.fget, thing.fset, thing.fdel)
        elif isinstance(thing, functools.cached_property):
            yield thing.func
        elif isinstance(thing, functools.partial):
            yield from (thing.func, thing.args, thing.keywords)
        elif isinstance(thing, types.MethodType):
            yield from (thing.__func__, thing.__self__)
        elif isinstance(thing, _CACHED):
            yield thing.__wrapped__
        else:
            yield from self._parts_of_object(thing, kind)

    def _parts_of_object(self, thing: Any, kind: type) -> Iterator[Any]:
        if isinstance(thing, _MAPPINGS):
            yield from (*thing.keys(), *thing.values(), getattr(thing, "default_factory", None))
        elif isinstance(thing, _COLLECTIONS):
            yield from thing
        elif kind.__name__ in _POWERS or not (
            self._is_own(kind.__module__) or kind.__module__ in _VALUES or _top(kind.__module__) in _LEAF_MODULES
        ):
            raise _Impure
        if kind not in (*_MAPPINGS, *_COLLECTIONS):
            yield kind
            self._spaces.append(getattr(thing, "__dict__", {}))
            yield from _slots(thing)


def _check_builtin(thing: Any) -> None:
    """Raise _Impure for a function in C that isn't listed."""
    owner = thing.__self__ if isinstance(thing, types.BuiltinFunctionType) else thing.__objclass__
    if isinstance(owner, type):
        listed = owner.__module__ == "builtins" or _is_computing(owner.__module__)
        listed = listed and (owner not in {object, type} or thing.__name__ == "__new__")  # others lead to all classes
    elif not isinstance(owner, types.ModuleType):
        listed = False
    elif owner.__name__ in _LISTED:
        listed = thing.__name__ in _LISTED[owner.__name__]
    else:
        listed = _is_listed(owner.__name__, thing.__name__)
    if not listed:
        raise _Impure


def _not_its_own(module: types.ModuleType) -> dict[str, Any]:
    """Return what lies in a module that only computes, and may lead to what doesn't: modules that it imports, and in
    those that are all in C whatever somebody else has put there.
    """
    if module.__name__ in _ALL_IN_C:
        return vars(module)
    return {name: value for name, value in vars(module).items() if isinstance(value, types.ModuleType)}


def _is_listed(module: str, name: str) -> bool:
    """Return whether what has this name in a module that isn't followed may be used."""
    return (_is_computing(module) or module in _VALUES or module.startswith("namedtuple_")) and name not in _POWERS


def _is_computing(module: str) -> bool:
    """Return whether a module, by its name, is one that only computes, or the part of one that is written in C."""
    return _top(module) in _MODULES


def _top(module: str) -> str:
    return module.partition(".")[0].removeprefix("_")


def _is_exception(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseException)


def with_inner(code: types.CodeType) -> Iterator[types.CodeType]:
    """Return a piece of code and all that is defined within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from with_inner(constant)


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        raise _Impure from None  # it may get any


def _slots(thing: object) -> Iterable[object]:
    for base in type(thing).__mro__:
        found = vars(base).get("__slots__", ())
        for name in (found,) if isinstance(found, str) else found:
            yield getattr(thing, name, None)
