"""Operators of the cases that draw, fail, wait, print, or take what they can get."""

import os
import sys
import time
from typing import Any, NamedTuple

from accio import Dataset, Duration, Long, OperatorContext, operator
from tests.cases.operators.ledger import attempt_in_run, note, pass_gates


class Value(NamedTuple):
    """One text."""

    value: str


class Values(NamedTuple):
    """A list of numbers."""

    values: list[float]


class Attempt(NamedTuple):
    """The number of an attempt."""

    attempt: int


class Whole(NamedTuple):
    """One integer."""

    y: int


class Done(NamedTuple):
    """That it is done."""

    done: bool


class Nothing(NamedTuple):
    """Never returned."""

    data: Dataset


@operator(unstable=True)
def SeedOut(ctx: OperatorContext, x: float | None) -> Value:
    """Return the decimal digits of the seed that it receives."""
    note("SeedOut")
    return Value(str(ctx.seed))


@operator(unstable=True)
def Draw(ctx: OperatorContext, n: int = 3) -> Values:
    """Return n numbers from the ready-made generator."""
    note("Draw")
    return Values([ctx.random.random() for _ in range(n)])


@operator
def SeedCheat(ctx: OperatorContext) -> Value:
    """Ask for a seed although it is not declared unstable."""
    note("SeedCheat")
    return Value(str(ctx.seed))


@operator
def Boom(str: str) -> Nothing:
    """Print the line "before", then raise."""
    note("Boom")
    sys.stdout.write("before\n")
    raise ValueError("boom")


def _survive(fails: int) -> int:
    attempt = attempt_in_run()
    if attempt <= fails:
        raise RuntimeError(f"attempt {attempt} of at least {fails + 1}")
    return attempt


@operator
def Flaky(fails: int) -> Attempt:
    """Raise in the first `fails` attempts in a run, then give the number of the attempt."""
    note("Flaky")
    return Attempt(_survive(fails))


@operator(unstable=True)
def UnstableFlaky(ctx: OperatorContext, fails: int) -> Value:
    """As Flaky, but give the seed; each attempt leaves the seed that it received in the ledger."""
    note("UnstableFlaky", f"seed={ctx.seed}")
    _survive(fails)
    return Value(str(ctx.seed))


@operator
def Stop(signal: int) -> None:
    """Send itself this signal."""
    note("Stop")
    os.kill(os.getpid(), signal)
    time.sleep(60)  # noqa: TID251 - what the operator is for


@operator
def Hog(bytes: Long) -> None:
    """Allocate and fill that many bytes."""
    note("Hog")
    held = bytearray(bytes)
    held[:] = b"x" * len(held)


@operator
def WrongOut() -> Whole:
    """Return the text "abc" as y."""
    note("WrongOut")
    wrong: Any = "abc"
    return Whole(wrong)


@operator
def Nap(duration: Duration) -> None:
    """Sleep."""
    note("Nap")
    time.sleep(duration.ms / 1000)  # noqa: TID251 - what the operator is for


@operator
def Gate(label: str = "") -> Done:
    """Wait while the test holds the gate closed, then give true."""
    note("Gate", label or "-")
    pass_gates(label)
    return Done(True)


@operator
def Print(out: str = "", err: str = "") -> None:
    """Write out to stdout and err to stderr, as they are, and end."""
    note("Print")
    sys.stdout.write(out)
    sys.stderr.write(err)
