"""Whether an operator can change what nobody can look at afterwards: runs in worker processes.

Libraries in C keep what they are told for themselves, and so does the interpreter with some of it. So the code that an
operator leads to is followed by its words: functions, classes and objects of its own package that are called as some
code says, whoever that means. If it says a word of `_WORDS`, no other execution gets its process.
"""

import functools
import types
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from accio_agent.worker.restoring.own_code import OwnCode, original_names, with_inner

MOST_OBJECTS = 20_000
"""Operators that lead to more than this aren't followed to the end."""

# By the modules whose words they are (empty: any module's).
_WORDS_OF: Mapping[str, tuple[str, ...]] = {
    "": ("addaudithook", "cffi", "ctypes", "ionice", "putenv", "unsetenv"),
    "codecs": ("register", "register_error"),
    "copyreg": ("add_extension",),
    # Its functions share a connection, with tables and settings.
    "duckdb": (
        "create_function", "execute", "executemany", "install_extension", "load_extension", "query", "register",
        "register_filesystem", "set_default_connection", "sql",
    ),
    "fsspec": ("register_implementation",),
    "joblib": ("parallel_backend", "parallel_config", "register_parallel_backend"),
    "matplotlib": ("register_projection", "register_scale"),
    "numpy": ("set_default_printstyle",),
    "os": ("register_at_fork",),
    "pyarrow": (
        "register_aggregate_function", "register_extension_type", "register_scalar_function",
        "register_tabular_function", "register_vector_function", "unregister_extension_type",
    ),
    "reprlib": ("aRepr",),
    "scipy": ("register_backend", "set_global_backend"),
    "shutil": ("register_archive_format", "register_unpack_format"),
    "sqlalchemy": ("listen", "listens_for"),
    "threadpoolctl": ("ThreadpoolController", "threadpool_limits"),
    "tracemalloc": ("start",),
}  # fmt: skip
_WORDS = tuple((module, word) for module, words in _WORDS_OF.items() for word in words)
_CACHED = type(functools.cache(lambda: None))
_WRAPPERS = (
    _CACHED, classmethod, functools.cached_property, functools.partial, property, staticmethod, types.MethodType,
)  # fmt: skip
_WRAPPING = ("__wrapped__", "__func__", "__self__", "fget", "fset", "fdel", "func", "args", "keywords")


def unseen_effect(target: object, own: OwnCode) -> str:
    """Return the word by which a function, or an instance of a class, may do so; empty if it says none."""
    words = _words_reached(target, own) | {""}
    return next((word for module, word in _WORDS if word in words and module in words), "")


def _words_reached(target: object, own: OwnCode) -> set[str]:
    spaces = [vars(module) for module in own.modules()]
    words: set[str] = set()
    seen: dict[int, object] = {}  # by identity; it keeps them alive, so that no number is given twice
    waiting: deque[Any] = deque([target])
    while waiting and len(seen) < MOST_OBJECTS:
        while waiting and len(seen) < MOST_OBJECTS:
            thing = waiting.popleft()
            if id(thing) not in seen:
                seen[id(thing)] = thing
                with suppress(Exception):  # objects answer as they like, also when they are asked for their class
                    words.update(original_names(thing))
                    waiting.extend(_parts(thing, own, words))
        waiting.extend(
            space[word] for word in list(words) for space in spaces if word in space and id(space[word]) not in seen
        )
    return words


def _parts(thing: Any, own: OwnCode, words: set[str]) -> Iterator[Any]:
    """Yield what a thing leads to; the words of its code are noted."""
    if isinstance(thing, types.FunctionType):
        for code in with_inner(thing.__code__) if own.is_own(str(thing.__globals__.get("__name__"))) else ():
            words.update(word for name in code.co_names for word in name.split("."))
            words.update(word for text in code.co_consts if isinstance(text, str) for word in text.split("."))
        yield from (*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values(), *vars(thing).values())
        yield from (cell.cell_contents for cell in thing.__closure__ or () if cell != types.CellType())
    elif isinstance(thing, type):
        if own.is_own(thing.__module__):
            yield from (type(thing), *thing.__bases__, *list(vars(thing).values()))
    elif isinstance(thing, dict | types.MappingProxyType):
        yield from list(thing.values())
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from list(thing)
    elif isinstance(thing, _WRAPPERS):
        yield from (getattr(thing, name) for name in _WRAPPING if hasattr(thing, name))
    elif own.is_own(type(thing).__module__):
        yield type(thing)
        yield from list(getattr(thing, "__dict__", {}).values())
