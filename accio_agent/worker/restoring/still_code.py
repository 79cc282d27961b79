"""Whether an operator's code can't change anything that outlives an execution: runs in worker processes.

Code that can but compute (`pure_code`) may still keep something for the next execution: in a global, a list, an
attribute, a cache. So after each execution all name spaces within its reach are looked at. For the simplest code, which
most short nodes are, that is for nothing: there is neither anything within its reach that could be changed, nor an
instruction that would. What is listed here is that little; a wrong no costs time only.
"""

import dis
import types
from collections.abc import Callable
from typing import Any

from accio_agent.worker.restoring.pure_code import C_FUNCTIONS, Reach, with_inner

_MODULES = frozenset({"builtins", "cmath", "math", "os", "posix"})
"""Of `os` pure code has but functions that leave the process as it is."""

_CHANGING = frozenset(
    {dis.opmap[name] for name in ("DELETE_ATTR", "DELETE_GLOBAL", "STORE_ATTR", "STORE_GLOBAL")}
)  # items of lists and dictionaries may be stored: none of them is within reach but the execution's own

_NONLOCAL = frozenset({dis.opmap["DELETE_DEREF"], dis.opmap["STORE_DEREF"]})


def is_still(target: Callable[..., Any], is_own: Callable[[str], bool]) -> bool:
    """Return whether a function that is given plain values leaves everything as it is, so that nothing need be looked
    at after it. *is_own* tells of a module's name whether its code is to be followed.
    """
    reach = Reach(is_own)
    try:
        reach.follow(target)
        return all(_stays(thing, is_own) for thing in reach.found())
    except Exception:  # noqa: BLE001 - it isn't even pure, or its objects raise when they are looked at
        return False


def _stays(thing: object, is_own: Callable[[str], bool]) -> bool:
    """Return whether a thing can't be changed by code that can but read it, or call it."""
    if isinstance(thing, types.FunctionType):
        return is_own(str(thing.__globals__.get("__name__"))) and all(map(_changes_nothing, with_inner(thing.__code__)))
    if isinstance(thing, types.ModuleType):
        return thing.__name__ in _MODULES or is_own(thing.__name__)
    if isinstance(thing, type):
        return thing.__module__ == "builtins"
    if isinstance(thing, C_FUNCTIONS):
        owner: Any = thing.__self__ if isinstance(thing, types.BuiltinFunctionType) else thing.__objclass__
        return isinstance(owner, types.ModuleType | type) and _home(owner) in _MODULES
    return type(thing) in {tuple, frozenset}  # what is in them has been followed


def _home(owner: types.ModuleType | type) -> str:
    return owner.__module__ if isinstance(owner, type) else owner.__name__


def _changes_nothing(code: types.CodeType) -> bool:
    """Return whether code stores nothing but variables of its own, and asks for nothing that would for it."""
    stores = not _CHANGING.isdisjoint(code.co_code[::2]) or any(name.startswith("__") for name in code.co_names)
    keeps = bool(code.co_freevars) and not _NONLOCAL.isdisjoint(code.co_code[::2])
    return not (stores or keeps)
