"""Operators that warn, draw, import, compute and look around, whatever the execution before them did."""

# ruff: noqa: N802, PTH123, S311, SIM115 - as in leaving_operators

import os
import random
import signal
import sys
import warnings
from functools import cache
from pathlib import Path

from accio.sdk.context import OperatorContext
from accio.sdk.declare import operator

opened = open(__file__, "rb")


@operator(version="1")
def ReadOn(die: bool) -> str:
    """Read from a file that was open already, and don't live to close it."""
    found = opened.read(20)
    if die:
        os.kill(os.getpid(), signal.SIGKILL)
    return found.decode()


@operator(version="1")
def Warn(text: str) -> int:
    warnings.warn(text, RuntimeWarning, stacklevel=1)
    return 0


@cache
def drawn() -> float:
    return random.random()


@operator(version="1", unstable=True)
def DrawCached() -> float:
    """Draw a number that a cache keeps."""
    return drawn()


@operator(version="1", unstable=True)
def Late(ctx: OperatorContext) -> float:
    """Draw from the global generator of a module that is imported only now."""
    import torch  # type: ignore[import-not-found]  # the test writes it

    del ctx
    return float(torch.drawn())


@operator(version="1")
def ImportGiven(value: int) -> int:
    """Import a module that this execution has written."""
    Path("written.py").write_text(f"VALUE = {value}")
    sys.path.insert(0, str(Path.cwd()))
    import written  # type: ignore[import-not-found]  # just now

    return int(written.VALUE)


@operator(version="1")
def ImportLate(name: str) -> list[str]:
    """Import a module that changes settings while it is imported."""
    import settling  # type: ignore[import-not-found]  # the test writes it

    del name
    return [str(sys.getrecursionlimit()), str(settling.VALUE), str(os.getpid())]


@operator(version="1")
def ImportPlain(name: str) -> list[str]:
    """Import a module that keeps to itself."""
    import keeping  # type: ignore[import-not-found]  # the test writes it

    del name
    return [str(keeping.NUMBER), str(os.getpid())]


@operator(version="1")
def Twice(x: int) -> int:
    """Do nothing but compute, and say so on a line that doesn't end."""
    print("twice", x, end="")  # noqa: T201 - it is what is looked for
    return 2 * x


@operator(version="1")
def Refuse(x: int) -> int:
    raise ValueError(f"{x} is refused")


@operator(version="1")
def LookAround(x: int) -> list[str]:
    """Return what is set up for each execution, and the process."""
    del x
    return [os.environ["ACCIO_ATTEMPT"], str(Path.cwd()), str(random.random()), str(os.getpid())]


@operator(version="1")
def GoAway(x: int) -> str:
    """Go to another folder, and tell the process."""
    os.chdir("/")
    os.umask(x)
    return str(os.getpid())
