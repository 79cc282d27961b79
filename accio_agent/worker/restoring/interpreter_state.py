"""What Python keeps for the whole process, and an operator may change.

Runs in worker processes.
"""

import _thread
import abc
import codecs
import decimal
import faulthandler
import gc
import sys
import threading
import warnings
from contextvars import Context, copy_context
from functools import partial
from operator import attrgetter
from types import ModuleType
from typing import Any

from accio_agent.worker.restoring.process_state import STDERR, Property

SETTINGS_OF_SYS = (
    "argv", "path", "meta_path", "path_hooks", "excepthook", "displayhook", "unraisablehook", "breakpointhook", "stdin",
    "dont_write_bytecode",
)  # fmt: skip
_WARNINGS = ("filters", "defaultaction", "showwarning", "formatwarning", "_showwarnmsg_impl")
_LISTS = {"argv", "path", "meta_path", "path_hooks", "filters"}
_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps")


def _attributes(what: str, owner: ModuleType, names: tuple[str, ...]) -> Property:
    """Return some attributes of a module. A list stays the same list, with the content that it had."""
    present = tuple(name for name in names if hasattr(owner, name))
    lists = {name: getattr(owner, name) for name in present if name in _LISTS}

    def restore(kept: tuple[Any, ...]) -> None:
        for name, value in zip(present, kept, strict=True):
            if name in lists:
                lists[name][:] = value
            setattr(owner, name, lists.get(name, value))

    return Property(what, partial(attrgetter(*present), owner), restore)


_ON_ERRORS = (
    "strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace", "surrogateescape",
    "surrogatepass",
)  # fmt: skip


def _restore_errors(kept: list[Any]) -> None:
    for name, handler in zip(_ON_ERRORS, kept, strict=True):
        codecs.register_error(name, handler)


def _settings() -> tuple[Any, ...]:
    return (
        gc.isenabled(),
        gc.get_threshold(),
        gc.get_debug(),
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        sys.get_int_max_str_digits(),
        sys.gettrace(),
        sys.getprofile(),
        sys.get_asyncgen_hooks(),
        sys.get_coroutine_origin_tracking_depth(),
        sys.getdlopenflags(),
        _thread.stack_size(),
        faulthandler.is_enabled(),
    )


def _restore_settings(kept: tuple[Any, ...]) -> None:
    enabled, thresholds, debug, recursion, interval, digits, trace, profile, hooks, origins, loading, stack, dumps = (
        kept
    )
    (gc.enable if enabled else gc.disable)()
    gc.set_threshold(*thresholds)
    gc.set_debug(debug)
    sys.setrecursionlimit(recursion)
    sys.setswitchinterval(interval)
    sys.set_int_max_str_digits(digits)
    sys.settrace(trace)
    sys.setprofile(profile)
    sys.set_asyncgen_hooks(*hooks)
    sys.set_coroutine_origin_tracking_depth(origins)
    sys.setdlopenflags(loading)
    _thread.stack_size(stack)
    if dumps:
        faulthandler.enable(STDERR)
    else:
        faulthandler.disable()


def _restore_decimal(context: decimal.Context, kept: tuple[Any, ...]) -> None:
    for name, value in zip(_DECIMAL, kept, strict=False):  # of some only the numbers are kept
        if name in {"flags", "traps"}:
            found = getattr(context, name)
            for signal in found:
                found[signal] = signal in value
        else:
            setattr(context, name, value)


def _restore_thread(kept: dict[str, Any]) -> None:
    attributes = vars(threading.main_thread())
    attributes.clear()
    attributes.update(kept)


PROPERTIES = (
    _attributes("settings of sys", sys, SETTINGS_OF_SYS),
    Property("settings of the interpreter", _settings, _restore_settings),
    Property("the collector's callbacks", gc.callbacks.copy, partial(gc.callbacks.__setitem__, slice(None))),
    _attributes("settings of warnings", warnings, _WARNINGS),
    _attributes("hooks of threads", threading, ("excepthook", "_trace_hook", "_profile_hook")),
    Property("the main thread's attributes", vars(threading.main_thread()).copy, _restore_thread),
    Property("what codecs do at errors", lambda: list(map(codecs.lookup_error, _ON_ERRORS)), _restore_errors),
    Property("which classes count as which", abc.get_cache_token, lambda _: None),  # nothing takes a registration back
    Property(
        "decimal.DefaultContext",
        lambda: decimal.DefaultContext.__reduce__()[1],
        partial(_restore_decimal, decimal.DefaultContext),
    ),
    *(
        Property(
            f"decimal.{context}",
            partial(attrgetter(*_DECIMAL[:-2]), getattr(decimal, context)),
            partial(_restore_decimal, getattr(decimal, context)),
        )
        for context in ("BasicContext", "ExtendedContext")
    ),
)


class Warnings:
    """Warnings are shown once for each place and process; here, for each place and execution."""

    def __init__(self) -> None:
        self._once: Any = getattr(warnings, "onceregistry", {})

    def forget(self) -> None:
        """Forget which warnings were shown: with new filters, what modules remember of the old ones doesn't count."""
        kept = warnings.filters[:]
        warnings.resetwarnings()
        warnings.filters[:] = kept  # type: ignore[index]  # it is a list
        self._once.clear()


def base_context() -> Context:
    """Return the context variables that every execution begins with; among them decimals' context if a module has set
    it.
    """
    found = copy_context()
    kept = Context()
    for variable, value in found.items():
        if not (isinstance(value, decimal.Context) and _is_default(value)):
            kept.run(variable.set, value)
    return kept


def _is_default(context: decimal.Context) -> bool:
    """Return whether a context is what a new one would be, but for the flags that computations have raised."""
    default = decimal.DefaultContext
    return all(getattr(context, name) == getattr(default, name) for name in _DECIMAL if name != "flags")


def own_decimals(context: Context) -> decimal.Context | None:
    """Return the decimal context that a module has set while it was imported."""
    return next((value for value in context.values() if isinstance(value, decimal.Context)), None)
