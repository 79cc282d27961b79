"""What the kernel and the C library keep for a process, and an operator may change: runs in worker processes.

Each property is read after every execution, so that reading must be cheap; restoring needn't be.
"""

import _locale
import _signal  # type: ignore[import-not-found]  # a built-in module without stubs
import faulthandler
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

# Limits of the process are read and set by `resource` alone. A worker keeps its copy to itself, so that it shows
# whether anybody else has asked for the module: reading all limits after each execution would cost ten microseconds.
_asked = "resource" in sys.modules
import resource  # noqa: E402 - see above

if not _asked:
    del sys.modules["resource"]

STDERR = 2
PROCESSORS = "the processors that it may use"
_SIGNALS = tuple(sorted(signal.valid_signals()))
_LEAST = os.sched_param(0)  # what policies without real time want
_TIMERS = (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = tuple(sorted(value for name, value in vars(resource).items() if name.startswith("RLIMIT_")))


class Property(NamedTuple):
    """Something of the process that every execution must find as the first did."""

    what: str
    read: Callable[[], Any]
    restore: Callable[[Any], object]


# Of the C module: the public getsignal() looks every answer up in an enumeration, which costs ten times as much.
def _handlers(read: Callable[[int], object] = _signal.getsignal) -> tuple[object, ...]:
    return tuple(map(read, _SIGNALS))


def _restore_handlers(kept: tuple[Any, ...]) -> None:
    for number, handler in zip(_SIGNALS, kept, strict=True):
        if _signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _time_zone() -> tuple[object, ...]:
    return time.tzname, time.timezone, time.altzone


def _limits() -> list[tuple[int, int]]:
    return list(map(resource.getrlimit, _LIMITS))


def _restore_limits(kept: list[tuple[int, int]]) -> None:
    for number, pair in zip(_LIMITS, kept, strict=True):
        if resource.getrlimit(number) != pair:
            resource.setrlimit(number, pair)


PROPERTIES = (
    Property("signal handlers", _handlers, _restore_handlers),
    Property(
        "the signal mask",
        partial(_signal.pthread_sigmask, signal.SIG_BLOCK, ()),
        partial(_signal.pthread_sigmask, signal.SIG_SETMASK),
    ),
    Property(
        "the locale", partial(_locale.setlocale, _locale.LC_ALL, None), partial(_locale.setlocale, _locale.LC_ALL)
    ),
    Property("the time zone", _time_zone, lambda _: time.tzset()),  # the environment names the right one again
    Property("its niceness", partial(os.getpriority, os.PRIO_PROCESS, 0), partial(os.setpriority, os.PRIO_PROCESS, 0)),
    Property(
        "how it is scheduled", partial(os.sched_getscheduler, 0), lambda kept: os.sched_setscheduler(0, kept, _LEAST)
    ),
    Property(PROCESSORS, partial(os.sched_getaffinity, 0), partial(os.sched_setaffinity, 0)),
    Property("its user", os.geteuid, os.seteuid),
    Property("its group", os.getegid, os.setegid),
)
LIMITS = Property("its resource limits", _limits, _restore_limits)
Usage: TypeAlias = resource.struct_rusage
usage: Callable[[], Usage] = partial(resource.getrusage, resource.RUSAGE_SELF)


def may_set_limits() -> bool:
    """Return whether anybody but this module could have changed the limits."""
    return "resource" in sys.modules


def stop_timers() -> None:
    """Stop what would go off in somebody else's execution."""
    signal.alarm(0)
    for timer in _TIMERS:
        _signal.setitimer(timer, 0)
    faulthandler.cancel_dump_traceback_later()
    _signal.set_wakeup_fd(-1)  # its number may be that of another file by now
    if faulthandler.is_enabled():
        faulthandler.enable(STDERR)  # not in a file of that execution's, which may be closed


class Descriptors:
    """The open files of this process."""

    def __init__(self) -> None:
        self._folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.look()

    def look(self) -> None:
        """Note those that are open now."""
        self._open = frozenset(os.listdir(self._folder))  # noqa: PTH208 - an open folder
        self._lowest = self._free()

    def _free(self) -> int:
        """Return the lowest number that is free: a file that is left open takes it, one that was closed gives a lower
        one.
        """
        found = os.dup(self._folder)
        os.close(found)
        return found

    def changed(self, *, thorough: bool) -> bool:
        """Return whether others are open. Listing them is ten times as dear as looking at the first that is free."""
        if not thorough and self._free() == self._lowest:
            return False
        if frozenset(os.listdir(self._folder)) == self._open:  # noqa: PTH208 - an open folder
            return False
        gc.collect()  # files may hang on objects that nobody can reach
        now = frozenset(os.listdir(self._folder))  # noqa: PTH208 - an open folder
        if now == self._open:
            return False
        if self._open < now and any(_is_of_a_driver(number) for number in now - self._open):
            self.look()
            return False
        return True


def _is_of_a_driver(number: str) -> bool:
    """Return whether the driver of a GPU has opened a descriptor, which it keeps for as long as the process lives."""
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{number}").startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri/"))  # noqa: PTH115 - no path
    return False
