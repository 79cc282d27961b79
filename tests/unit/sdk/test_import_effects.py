"""Digests: what an import changes without a call that says so, and what only looks as if it did."""

import importlib
from pathlib import Path

import pytest

from accio.sdk.library import Library
from accio.sdk.modules import ModuleFinder
from tests.unit.sdk.packages import digest_of, write

SHIFTS = """
class Step:
    def __init__(self, number):
        self.number, self.next = number, []
    def __rshift__(self, other):
        self.next.append(other.number)
        return other
    def __contains__(self, other):
        self.next.append(other)
        return True
    @property
    def taken(self):
        self.next.append(1)
        return 1
A, S3, S4 = Step(1), Step(3), Step(4)
"""
GENERATOR = "import itertools\nNUMBERS = (number for number in range(10))\n"
INDEXED = """
class Base:
    seen = []
    def __class_getitem__(cls, index):
        cls.seen.append(index)
        return cls
"""
NAMED = """
class Field:
    names = []
    def __set_name__(self, owner, name):
        self.names.append(name)
FIELD = Field()
"""
CHANGED = {
    "iterator that is sliced": (GENERATOR, "X = list(itertools.islice(NUMBERS, 3))", "sum(NUMBERS)"),
    "iterator that is unpacked": (GENERATOR, "X, _ = zip(NUMBERS, 'ab3')", "sum(NUMBERS)"),
    "iterator in a comprehension": (GENERATOR, "X = [n for n, _ in zip(NUMBERS, 'ab3')]", "sum(NUMBERS)"),
    "iterator that is looked into": (GENERATOR, "X = 3 in NUMBERS", "sum(NUMBERS)"),
    "iterator of another module": ("from pkg.more import NUMBERS\n", "X = 3 in NUMBERS", "sum(NUMBERS)"),
    "entry made when asked for": (
        "from collections import defaultdict\nTABLE = defaultdict(int)\n",
        "X = TABLE[3]",
        "next(iter(TABLE))",
    ),
    "own operator": (SHIFTS, "X = A >> S3", "A.next[0]"),
    "own membership": (SHIFTS, "X = 3 in A", "A.next[0]"),
    "own attribute": (SHIFTS, "X = A.taken + 3", "len(A.next)"),
    "index at an own class": (INDEXED, "X = Base[3]", "Base.seen[0]"),
    "own class derived from with an index": (INDEXED, "class X(Base[3]):\n    pass", "Base.seen[0]"),
    "own attribute of a class": (NAMED, "class X:\n    a3 = FIELD", "len(Field.names[0])"),
    "method as a key": ("SEEN = []\n", "X = sorted([3], key=SEEN.append)", "SEEN[0]"),
    "context of decimals": (
        "import decimal\n",
        "X = decimal.setcontext(decimal.Context(prec=3))",
        "decimal.Decimal(1) / 3",
    ),
}  # fmt: skip
PLAIN = """
import enum, math, os
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Literal, Optional
import numpy as np
from pkg.more import LENGTHS, Unit
from pkg import more

class Flags(enum.Flag):
    A = 1
    B = 2
    BOTH = A | B

class Shape:
    sides = 4
    corners = sides * 2
    full = sides * math.pi

@dataclass
class Point:
    x: float = Shape.sides / 2
    rest: list = field(default_factory=list)

EITHER = Flags.A | Flags.B
NUMBER = Flags.A.value
MAYBE = Optional["Shape"]
UNION = Shape | None
SHAPES = list[Shape]
GRID = np.arange(3) * 2
SQUARES = [number ** 2 for number in range(3)]
TABLE = {key: value for key, value in zip("ab", SQUARES)}
FIRST = SQUARES[0]
LAST = -SQUARES[-1]
BOTH = [*SQUARES, *TABLE]
MORE = dict(TABLE, c=3)
KNOWN = "a" in TABLE
PLACE = os.sep + "x"
PAIR = namedtuple("PAIR", "a b")
READ = lambda row: row["k"] + 1
SCALED = [length * 2 for length in LENGTHS]
METER = more.Unit.METER
SIZE = more.LENGTHS[0] + Shape.corners
"""


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of a test lies in its own folder."""
    monkeypatch.syspath_prepend(tmp_path)
    more = "import enum\nLENGTHS = (1, 2)\nNUMBERS = iter(LENGTHS)\nclass Unit(enum.Enum):\n    METER = 1\n"
    write(tmp_path, {"pkg/__init__.py": "", "pkg/more.py": more})


def changed(folder: Path, before: str, after: str, value: str) -> bool:
    """Return whether the digest of an operator that computes a value differs between two ways to begin its module."""
    found = []
    for begin in (before, after):
        code = f"from accio import operator\n{begin}\n@operator\ndef Op() -> int:\n    return {value}\n"
        write(folder, {"pkg/ops.py": code})
        importlib.invalidate_caches()
        found.append(digest_of("pkg.ops", "Op"))
    assert [each.uncacheable for each in found] == [None, None]
    return found[0].digest != found[1].digest


@pytest.mark.parametrize(("begin", "statement", "value"), CHANGED.values(), ids=CHANGED.keys())
def test_statements_that_change_what_is_elsewhere(tmp_path: Path, begin: str, statement: str, value: str) -> None:
    """A statement counts for an operator that doesn't name what it binds, if it changes what the operator reads."""
    assert changed(tmp_path, begin + statement, begin + statement.replace("3", "4"), value)


def test_statements_that_only_read(tmp_path: Path) -> None:
    """Constants made of constants, of classes and of what other packages have, are no effects."""
    write(tmp_path, {"pkg/plain.py": PLAIN})
    library = Library(ModuleFinder(frozenset()))
    assert [unit.label for unit in library.effects(library.parse("pkg.plain"))] == []
