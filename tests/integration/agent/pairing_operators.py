"""Operators that leave something in their process, each with what shows whether it is there."""

# ruff: noqa: N802 - as in leaving_operators

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.units as units
import numpy as np
import polars as pl
import pyarrow as pa
import scipy.special
import scipy.stats

from accio.sdk.declare import operator


def _flags(number: int) -> int:
    return fcntl.fcntl(number, fcntl.F_GETFL)


def _stdout() -> list[object]:
    return [sys.stdout.encoding, sys.stdout.errors, getattr(sys.stdout, "left", None), sys.stdout.closed]


def _print_line() -> list[object]:
    """Print through what writes line ends as it was told to; the test reads what arrives."""
    print("line")  # noqa: T201 - that is what it is for
    return _stdout()


def _polars() -> None:
    pl.Config.set_float_precision(2)
    pl.Config.set_thousands_separator(True)


PAIRS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "the encoding of stdout": (lambda: cast("Any", sys.stdout).reconfigure(encoding="latin-1"), _stdout),
    "the line ends of stdout": (lambda: cast("Any", sys.stdout).reconfigure(newline="\r\n"), _print_line),
    "an attribute of stdout": (lambda: setattr(sys.stdout, "left", 1), _stdout),
    "a detached stdout": (lambda: cast("Any", sys.stdout).detach(), _stdout),
    "a pipe that doesn't wait": (lambda: os.set_blocking(1, False), lambda: [_flags(1), _flags(2)]),
    "a pipe that signals": (lambda: fcntl.fcntl(2, fcntl.F_SETFL, os.O_APPEND), lambda: [_flags(1), _flags(2)]),
    "standard input": (lambda: os.dup2(os.open(__file__, os.O_RDONLY), 0), lambda: os.read(0, 10)),
    "signals of real time": (
        lambda: signal.signal(signal.SIGRTMIN + 1, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGRTMIN + 1),
    ),
    "the thread's name": (
        lambda: setattr(threading.current_thread(), "name", "left"),
        lambda: threading.current_thread().name,
    ),
    "an attribute of the thread": (
        lambda: setattr(threading.current_thread(), "left", 1),
        lambda: hasattr(threading.current_thread(), "left"),
    ),
    "a backend of Matplotlib": (lambda: mpl.use("svg"), lambda: mpl.get_backend().lower()),
    "a backend of figures": (lambda: plt.switch_backend("pdf"), lambda: type(plt.figure().canvas).__module__),
    "Polars": (_polars, lambda: str(pl.DataFrame({"a": [1234.56789]}))),
    "threads of Arrow": (lambda: pa.set_cpu_count(7), pa.cpu_count),
    "threads of Arrow for files": (lambda: pa.set_io_thread_count(7), pa.io_thread_count),
    "a generator of scipy": (
        lambda: setattr(scipy.stats.norm, "random_state", 5),
        lambda: scipy.stats.norm.random_state is np.random.mtrand._rand,
    ),
    "errors of special functions": (lambda: scipy.special.seterr(all="raise"), lambda: scipy.special.geterr()),
    "units of Matplotlib": (
        lambda: units.registry.update({complex: units.ConversionInterface()}),
        lambda: complex in units.registry,
    ),
}


@operator(version="1")
def LeaveOf(what: str) -> str:
    PAIRS[what][0]()
    return what


@operator(version="1")
def LookAt(what: str) -> str:
    return str(PAIRS[what][1]())
