"""Operators of the cases that compute with values."""

from typing import NamedTuple

from accio import Dataset, Distance, operator
from tests.cases.operators.ledger import note


class Text(NamedTuple):
    """One text."""

    text: str


class Whole(NamedTuple):
    """One integer."""

    y: int


class Number(NamedTuple):
    """One double."""

    y: float


class Words(NamedTuple):
    """One text, called y."""

    y: str


class Echoed(NamedTuple):
    """What Echo saw."""

    text: str
    given: bool


class Value(NamedTuple):
    """One double, called value."""

    value: float


@operator
def Echo(str: str, num: int | None) -> Echoed:
    """Say what was given."""
    note("Echo")
    return Echoed(text=f"{str}+{num or 0}", given=num is not None)


@operator
def NoIn() -> Text:
    """Say hello."""
    note("NoIn")
    return Text("hello")


@operator
def NoOut(str: str) -> None:
    """Do nothing."""
    note("NoOut")


def _double(x: int) -> int:
    return 2 * x


@operator
def Twice(x: int) -> Whole:
    """Return 2 * x, computed by a helper function."""
    note("Twice")
    return Whole(_double(x))


@operator
def Half(x: float) -> Number:
    """Return x / 2."""
    note("Half")
    return Number(x / 2)


@operator
def Add(a: int, b: int) -> Whole:
    """Return a + b."""
    note("Add")
    return Whole(a + b)


@operator
def Parity(x: int) -> Whole:
    """Return x modulo 2."""
    note("Parity")
    return Whole(x % 2)


@operator
def Show(x: int = 1) -> Whole:
    """Return x."""
    note("Show")
    return Whole(x)


@operator
def ShowTwo(x: int = 2) -> Whole:
    """Return x."""
    note("ShowTwo")
    return Whole(x)


@operator
def ShowMaybe(x: int | None) -> Words:
    """Return the decimal digits of x, or "absent" when x has no value."""
    note("ShowMaybe")
    return Words("absent" if x is None else f"{x}")


@operator
def Count(m: dict[str, float]) -> Whole:
    """Count the entries of m."""
    note("Count")
    return Whole(len(m))


@operator
def Measure(d: Distance, s: set[int], v: float) -> Number:
    """Add the metres of d, the sum of s, and v."""
    note("Measure")
    return Number(d.meters + sum(s) + v)


@operator
def Pair(epsilon: float, url: Dataset) -> Value:
    """Return epsilon; url is not read."""
    note("Pair")
    return Value(epsilon)


@operator
def Probe(
    a: int = 0,
    b: int = 0,
    c: int = 0,
    epsilon: float = 0.01,
    level: int = 15,
    uri: str = "/data/x",
    size: Distance = Distance(100.0),
) -> Text:
    """Return all inputs as name=value, joined by semicolons."""
    note("Probe")
    return Text(f"a={a};b={b};c={c};epsilon={epsilon};level={level};uri={uri};size={size}")
