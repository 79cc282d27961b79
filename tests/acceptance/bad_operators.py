"""Operators that end badly in every way, for tests with a real daemon and a real agent."""

import ctypes
import os
import signal
import sys
import time
from typing import Any

from accio import operator


@operator(version="1")
def Well(x: int) -> int:
    """Behave."""
    return x


@operator(version="1")
def Raises(message: str) -> int:
    """Raise an exception."""
    sys.stderr.write("last words\n")
    raise ValueError(message)


@operator(version="1")
def Segfault() -> int:
    """Read what isn't there."""
    return len(ctypes.string_at(0))


@operator(version="1")
def Exits(code: int) -> int:
    """End the process behind Python's back."""
    os._exit(code)


@operator(version="1")
def Killed(number: int) -> int:
    """End by a signal."""
    os.kill(os.getpid(), number)
    return 0


@operator(version="1", memory="64MiB")
def Greedy() -> int:
    """Allocate more memory than was asked for."""
    taken = [bytearray(1 << 20) for _ in range(512)]
    return len(taken)


@operator(version="1", timeout="1s")
def Slow() -> int:
    """Run for too long, and ignore being asked to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(3600)
    time.sleep(3600)
    return 0


@operator(version="1")
def Talks(mib: int) -> int:
    """Print a lot."""
    line = "x" * 1023 + "\n"
    for _ in range(mib * 1024):
        sys.stdout.write(line)
    return mib


@operator(version="1")
def Strange() -> int:
    """Print a line of a megabyte, bytes that are no text, and no end of line."""
    os.write(1, b"y" * (1 << 20) + b"\n")
    os.write(1, b"\xff\xfe\x80 no text")
    return 1


@operator(version="1")
def WrongType() -> int:
    """Promise a number and give a text."""
    wrong: Any = "text"
    return wrong  # type: ignore[no-any-return]  # that is the point


@operator(version="1")
def Nothing() -> int:
    """Promise a number and give nothing."""
    nothing: Any = None
    return nothing  # type: ignore[no-any-return]  # that is the point
