"""Operators that leave something in the process that executes them, and one that looks what it finds."""

# ruff: noqa: N802, PTH123, SIM115, S311, B006 - misbehaving is what they are for

import asyncio
import builtins
import calendar
import collections.abc
import copyreg
import csv
import decimal
import enum
import faulthandler
import gc
import gettext
import hashlib
import itertools
import json
import locale
import logging
import mimetypes
import multiprocessing
import os
import queue
import random
import resource
import signal
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import types
import urllib.parse
import urllib.request
import warnings
import weakref
import zoneinfo
from collections import ChainMap, OrderedDict, deque
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, singledispatch
from inspect import getgeneratorlocals
from operator import length_hint
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.style as styles
import numpy as np
import pandas as pd

from accio.sdk.declare import operator

calls = 0
seen: list[int] = []
table: dict[str, dict[str, int]] = {"inner": {}}
recent: deque[int] = deque(maxlen=3)
order = {"a": 1, "b": 2}
used: OrderedDict[str, int] = OrderedDict(a=1, b=2)
ids = itertools.count()
colours = itertools.cycle(["red", "green", "blue"])
generator = random.Random(1)
numbers = np.random.default_rng(1)
weights = np.zeros(4)
draw, draw_normal, draw_number = random.Random(1).random, random.Random(1).gauss, np.random.default_rng(1).random
bits = np.random.PCG64(1)
nested = np.array([[1], [2, 3]], dtype=object)
backing = tempfile.TemporaryFile()
mapped = np.memmap(backing, dtype="f8", shape=(4,))
items = iter({"a": 1, "b": 2}.items())
lines = open(__file__)
variable: ContextVar[int] = ContextVar("variable", default=0)


lock = threading.Lock()
event = threading.Event()
simple: queue.SimpleQueue[int] = queue.SimpleQueue()
hashing = hashlib.sha256()
context = decimal.Context(prec=10)
maps: ChainMap[str, int] = ChainMap({})
view = types.MappingProxyType({"a": [0]})
memory = sqlite3.connect(":memory:", isolation_level=None)
memory.execute("CREATE TABLE t (x)")
own_log = logging.getLogger("own")
frame = pd.DataFrame({"a": [0]})


class Colour(enum.Enum):
    """Members are objects, too."""

    RED = 1


weak: "weakref.WeakKeyDictionary[Colour, int]" = weakref.WeakKeyDictionary()


@singledispatch
def described(value: object) -> str:
    return "anything"


@dataclass
class Settings:
    """An object at module level."""

    rate: float = 0.5
    extras: list[int] = field(default_factory=list)


settings = Settings()


def constant() -> int:
    return 1


class Tally:
    """A class with a counter."""

    total = 0


def grown(value: int, kept: list[int] = []) -> list[int]:
    kept.append(value)
    return kept


def closed() -> Callable[[], int]:
    count = 0

    def up() -> int:
        nonlocal count
        count += 1
        return count

    return up


up = closed()


def _counting() -> Any:
    """Return an object whose class no name of the module leads to."""
    drawn: list[int] = []

    class Inner:
        def draw(self) -> int:
            drawn.append(1)
            return len(drawn)

    return Inner()


counting = _counting()


def paused() -> Generator[int, None, None]:
    number = 0
    while True:
        yield number
        number += 1


pause = paused()


@cache
def remembered(x: int) -> int:
    return x * 2


def _global() -> None:
    global calls
    calls += 1


def _loop() -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())


def _numpy() -> None:
    np.seterr(all="raise")
    np.set_printoptions(precision=2)


def _handlers() -> None:
    for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGVTALRM):
        signal.signal(number, signal.SIG_IGN)


def _timers() -> None:
    signal.alarm(60)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.5)
    signal.setitimer(signal.ITIMER_PROF, 0.5)
    faulthandler.dump_traceback_later(60, exit=True)


def _collector() -> None:
    gc.disable()
    gc.set_threshold(5, 5, 5)


def _interpreter() -> None:
    sys.setrecursionlimit(200)
    sys.setswitchinterval(0.5)
    sys.set_int_max_str_digits(0)


def _sys() -> None:
    sys.argv.append("--left")
    sys.path.insert(0, "/nowhere")
    sys.meta_path.append(sys.meta_path[-1])
    sys.excepthook = print
    sys.stdout = open(os.devnull, "w")
    sys.settrace(lambda *_: None)
    threading.settrace(print)


def _zone() -> None:
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def _patches() -> None:
    random.random = lambda: 0.5


def _builtins() -> None:
    builtins.len = lambda _: 7


def _decimal() -> None:
    decimal.getcontext().prec = 3
    decimal.DefaultContext.prec = 3


def _hole() -> None:
    """Leave a file open behind one that is closed."""
    with open(os.devnull):
        _hole.kept = os.open(os.devnull, os.O_RDONLY)  # type: ignore[attr-defined]  # on purpose


def _loggers() -> None:
    own_log.setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").disabled = True
    logging.getLogger("one_that_is_new").addHandler(logging.NullHandler())


def _csv() -> None:
    csv.field_size_limit(10)
    csv.register_dialect("left")


def _pandas() -> None:
    pd.set_option("display.precision", 2)
    pd.set_option("mode.sim_interactive", True)


def _figure() -> None:
    plt.plot([1, 2])


def _method(name: str = "read_text") -> None:
    setattr(Path, name, lambda *_: "patched")


def _code() -> None:
    constant.__code__ = (lambda: 2).__code__


def _new_module() -> None:
    sys.modules["left_behind"] = types.ModuleType("left_behind")


def _styles() -> None:
    styles.library["left"] = mpl.RcParams()
    mpl.colormaps.register(mpl.colors.ListedColormap(["red"], name="left"))


CHANGES: dict[str, Callable[[], object]] = {
    "a global": _global,
    "a list": lambda: seen.append(1),
    "an inner dictionary": lambda: table["inner"].update(x=1),
    "a queue": lambda: recent.append(1),
    "a counter": lambda: next(ids),
    "a cycle": lambda: next(colours),
    "a generator": generator.random,
    "a NumPy generator": numbers.random,
    "an array": lambda: weights.__setitem__(0, 1.0),
    "a file's place": lambda: lines.read(10),
    "an object": lambda: setattr(settings, "rate", 0.9),
    "an object's list": lambda: settings.extras.append(1),
    "a class": lambda: setattr(Tally, "total", 1),
    "a default": lambda: grown(1),
    "a closure": up,
    "a paused function": lambda: next(pause),
    "a function's attribute": lambda: setattr(remembered.__wrapped__, "left", 1),
    "a context variable": lambda: variable.set(1),
    "decimals": _decimal,
    "NumPy": _numpy,
    "the locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "the zone": _zone,
    "limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
    "niceness": lambda: os.nice(3),
    "the mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
    "handlers": _handlers,
    "timers": _timers,
    "the collector": _collector,
    "the interpreter": _interpreter,
    "sys": _sys,
    "the start method": lambda: multiprocessing.set_start_method("spawn"),
    "the event loop": _loop,
    "time-outs": lambda: socket.setdefaulttimeout(0.1),
    "warnings": lambda: warnings.simplefilter("error"),
    "logging": lambda: logging.basicConfig(level=logging.DEBUG),
    "a patch": _patches,
    "a constant": lambda: vars(statistics).update(tau=1, mean=max),
    "builtins": _builtins,
    "a file": lambda: os.open(os.devnull, os.O_RDONLY),
    "a file behind another": _hole,
    "processors": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    "scheduling": lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    "a lock": lambda: lock.acquire(blocking=False),
    "an event": event.set,
    "a simple queue": lambda: simple.put(1),
    "a hash": lambda: hashing.update(b"a"),
    "a decimal context": lambda: setattr(context, "prec", 3),
    "a chain of maps": lambda: maps.update(a=1),
    "a view's list": lambda: view["a"].append(1),
    "a database in memory": lambda: memory.execute("INSERT INTO t VALUES (1)"),
    "a member of an enumeration": lambda: setattr(Colour.RED, "left", 1),
    "a weak dictionary": lambda: weak.update({Colour.RED: 1}),
    "a function's kinds": lambda: described.register(int, lambda _: "a number"),
    "loggers": _loggers,
    "csv": _csv,
    "the folder of temporary files": lambda: setattr(tempfile, "tempdir", "/nowhere"),
    "an opener": lambda: urllib.request.install_opener(urllib.request.build_opener()),
    "a table of the library": lambda: copyreg.pickle(Settings, str),
    "a method of a class": _method,
    "a new attribute of a class": lambda: _method("left"),
    "pandas": _pandas,
    "Matplotlib": lambda: plt.rcParams.update({"lines.linewidth": 9.0}),
    "a figure": _figure,
    "a frame": lambda: frame.update(pd.DataFrame({"a": [7]})),
    "code": _code,
    "a method of an own class": lambda: setattr(Tally, "__len__", lambda _: 7),
    "the week": lambda: calendar.setfirstweekday(6),
    "messages": lambda: gettext.textdomain("left"),
    "types of files": lambda: mimetypes.add_type("a/left", ".left"),
    "a list of the library": lambda: urllib.parse.uses_netloc.append("left"),
    "a registration": lambda: collections.abc.Sized.register(int),
    "zones": lambda: zoneinfo.reset_tzpath(to=["/nowhere"]),
    "origins": lambda: sys.set_coroutine_origin_tracking_depth(3),
    "a module without an import": _new_module,
    "styles": _styles,
    "the order of a dictionary": lambda: order.update(a=order.pop("a")),
    "the order of an ordered dictionary": lambda: used.move_to_end("a"),
    "a generator behind its method": draw,
    "a generator behind a method in Python": lambda: draw_normal(0, 1),
    "a NumPy generator behind its method": draw_number,
    "a bit generator": bits.random_raw,
    "which bit generator NumPy has": lambda: vars(np.random)["set_bit_generator"](np.random.PCG64(1)),
    "an object in an array": lambda: nested[0].append(9),
    "an array on a file": lambda: mapped.__setitem__(0, 1.0),
    "an iterator over items": lambda: next(items),
    "a class without a name": lambda: counting.draw(),
    "a frame's notes": lambda: frame.attrs.update(left=1),
    "tables of a database": lambda: memory.execute("CREATE TABLE u (x)"),
    "names of levels": lambda: logging.addLevelName(logging.DEBUG, "LEFT"),
    "errors of logging": lambda: setattr(logging, "raiseExceptions", False),
    "a name in sys": lambda: setattr(sys, "left", 1),
    "a constant of sys": lambda: setattr(sys, "platform", "left"),
    "a function of sys": lambda: setattr(sys, "exit", print),
    "other contexts of decimals": lambda: setattr(decimal.ExtendedContext, "prec", 3),
    "the wakeup of signals": lambda: signal.set_wakeup_fd(os.eventfd(0, os.EFD_NONBLOCK)),
}


@operator(version="1")
def Leave(what: str) -> str:
    CHANGES[what]()
    return what


@operator(version="1")
def Remember(x: int) -> int:
    remembered(x)
    return os.getpid()


def _cells(function: Callable[..., object]) -> list[object]:
    return [cell.cell_contents for cell in getattr(function, "__closure__", ())]


def _behind(method: Any) -> object:
    """Return the state of the generator whose method it is."""
    owner = method.__self__
    return owner.getstate() if isinstance(owner, random.Random) else owner.bit_generator.state


def _of_numpy() -> str:
    return type(vars(np.random)["get_bit_generator"]()).__name__


def _found_of_process() -> dict[str, object]:
    return {
        "place": os.lseek(lines.fileno(), 0, os.SEEK_CUR),
        "locale": locale.setlocale(locale.LC_ALL),
        "hour": time.strftime("%H", time.localtime(0)),
        "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
        "nice": os.nice(0),
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "timers": [signal.getitimer(number) for number in (0, 1, 2)],
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "processors": sorted(os.sched_getaffinity(0)),
        "scheduling": os.sched_getscheduler(0),
    }


def _found_of_interpreter() -> dict[str, object]:
    return {
        "collector": [gc.isenabled(), gc.get_threshold()],
        "interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()],
        "sys": [sys.argv, sys.path, len(sys.meta_path), str(sys.excepthook), sys.stdout.fileno()],
        "traces": [str(sys.gettrace()), str(threading.gettrace())],
        "method": multiprocessing.get_start_method(allow_none=True),
        "policy": str(asyncio.events._event_loop_policy),  # type: ignore[attr-defined]  # without making one
        "time-out": socket.getdefaulttimeout(),
        "filters": [str(each) for each in warnings.filters],
        "origins": [sys.get_coroutine_origin_tracking_depth(), "left_behind" in sys.modules],
        "names of sys": [hasattr(sys, "left"), sys.platform, sys.exit.__name__, signal.set_wakeup_fd(-1)],
        "variable": variable.get(),
    }


def _found_of_libraries() -> dict[str, object]:
    return {
        "third": [str(decimal.Decimal(1) / 3), decimal.DefaultContext.prec],
        "numpy": [np.geterr(), np.get_printoptions()["precision"]],
        "logging": [logging.root.level, len(logging.root.handlers)],
        "patches": [random.random.__name__, statistics.mean.__name__, hasattr(statistics, "tau"), len("four")],
        "loggers": [
            own_log.level,
            logging.getLogger("asyncio").disabled,
            logging.getLogger("one_that_is_new").handlers,
        ],
        "csv": [csv.field_size_limit(), csv.list_dialects()],
        "library": [str(tempfile.tempdir), str(urllib.request._opener), Settings in copyreg.dispatch_table],  # type: ignore[attr-defined]  # as above
        "classes": [Path.read_text.__name__, hasattr(Path, "left")],
        "pandas": [pd.get_option("display.precision"), pd.get_option("mode.sim_interactive")],
        "tables": [calendar.firstweekday(), gettext.textdomain(), mimetypes.guess_type("a.left")[0]],
        "registered": [urllib.parse.uses_netloc, isinstance(1, collections.abc.Sized), zoneinfo.TZPATH],
        "styles": ["left" in styles.library, "left" in mpl.colormaps],
        "words of logging": [logging.getLevelName(logging.DEBUG), logging.raiseExceptions],
        "contexts": decimal.ExtendedContext.prec,
        "figures": [plt.rcParams["lines.linewidth"], plt.get_fignums()],
    }


def _found_here() -> dict[str, object]:
    return {
        "globals": [calls, seen, table, list(recent), repr(ids), settings.rate, settings.extras, Tally.total],
        "draws": [
            str(colours.__reduce__()),
            generator.getstate()[1][-1],
            str(numbers.bit_generator.state),
            weights.tolist(),
        ],
        "functions": [grown.__defaults__, _cells(up), getgeneratorlocals(pause), sorted(vars(remembered.__wrapped__))],
        "states": [lock.locked(), event.is_set(), simple.qsize(), hashing.hexdigest(), context.prec],
        "holders": [dict(maps), view["a"], memory.total_changes, hasattr(Colour.RED, "left"), len(weak), described(1)],
        "own": [frame["a"].tolist(), constant(), hasattr(Tally, "__len__")],
        "orders": [list(order), list(used)],
        "bits": [str(_behind(each)) for each in (draw, draw_normal, draw_number)] + [str(bits.state), _of_numpy()],
        "arrays": [str(nested), mapped.tolist(), frame.attrs],
        "iterators": length_hint(items),
        "counting": len(counting.draw.__func__.__closure__[0].cell_contents),
        "tables of databases": memory.execute("SELECT count(*) FROM sqlite_schema").fetchone(),
    }


@operator(version="1")
def Found() -> str:
    return json.dumps(
        _found_here() | _found_of_process() | _found_of_interpreter() | _found_of_libraries(), default=str
    )
