"""Operators of the acceptance tests. Each execution leaves a line in a ledger, so that tests count what really ran.

A line is `node attempt-number pid event`, appended with one write; the file is named by the environment of the agent.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from accio import Dataset, OperatorContext, operator

LEDGER = "ACCIO_TEST_LEDGER"
GATES = "ACCIO_TEST_GATES"


def note(event: str) -> None:
    """Append a line to the ledger."""
    execution, attempt = os.environ.get("ACCIO_IDEMPOTENCY_KEY", "?"), os.environ.get("ACCIO_ATTEMPT_NO", "?")
    line = f"{execution} {attempt} {os.getpid()} {event}\n"
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(ledger, line.encode())
    finally:
        os.close(ledger)


def gate(label: str) -> Path:
    """Return the file that exists once the test has opened the gate of this name."""
    return Path(os.environ[GATES]) / label


def wait_for(label: str) -> None:
    """Wait until the test opens the gate of this name."""
    while not gate(label).exists():
        time.sleep(0.01)


@operator(version="1")
def Square(x: int) -> int:
    """Square a number."""
    note("Square")
    return x * x


@operator(version="1")
def Sum(numbers: list[int]) -> int:
    """Add what a sweep gave."""
    note("Sum")
    return sum(numbers)


@operator(version="1", unstable=True)
def Noise(ctx: OperatorContext, x: int) -> float:
    """Draw a number that the seed fixes."""
    note("Noise")
    return x + ctx.random.random()


@operator(version="1")
def Total(square: int, noise: float) -> float:
    """Add both."""
    note("Total")
    return square + noise


@operator(version="1")
def Nap(seconds: float, label: str = "") -> bool:
    """Sleep, as a long computation would."""
    note("Nap begins")
    time.sleep(seconds)
    note("Nap ends")
    return True


@operator(version="1")
def Gate(label: str) -> bool:
    """Wait until the test opens the gate of this name."""
    note(f"Gate {label} begins")
    wait_for(label)
    note(f"Gate {label} ends")
    return True


class Folder(NamedTuple):
    """A dataset."""

    data: Dataset


@operator(version="1")
def Write(ctx: OperatorContext, text: str) -> Folder:
    """Write a dataset of one file."""
    note("Write")
    folder = ctx.dataset()
    (folder.path / "text.txt").write_text(text, encoding="utf-8")
    return Folder(folder)


@operator(version="1")
def Read(data: Dataset) -> str:
    """Read what Write wrote."""
    note("Read")
    return (data.path / "text.txt").read_text(encoding="utf-8")


@operator(version="1")
def Daemonize() -> bool:
    """Leave a grandchild in a session of its own, then wait for ever."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note("grandchild")
            time.sleep(3600)
        os._exit(0)
    note("Daemonize")
    time.sleep(3600)
    return True
