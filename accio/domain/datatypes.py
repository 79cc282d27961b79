"""The types of values: their names, their canonical text, and which may stand for which.

Type names are read in any case and with any spaces, and Python's words for some of them; `str()` gives the canonical
name, such as `map(string,double)`.
"""

import re
from enum import StrEnum
from functools import lru_cache

from accio.domain.names import suggest
from accio.late import dataclass

MAX_DEPTH = 4
_MAX_TEXT = 500


class Kind(StrEnum):
    """The constructor of a type."""

    BYTE = "byte"
    INTEGER = "integer"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    STRING = "string"
    DISTANCE = "distance"
    DURATION = "duration"
    TIMESTAMP = "timestamp"
    LOCATION = "location"
    DATASET = "dataset"
    LIST = "list"
    SET = "set"
    MAP = "map"


INTEGRAL = frozenset({Kind.BYTE, Kind.INTEGER, Kind.LONG})
COLLECTIONS = frozenset({Kind.LIST, Kind.SET, Kind.MAP})
_ARITY = {Kind.LIST: 1, Kind.SET: 1, Kind.MAP: 2}
_SCALAR_NUMBERS = frozenset({Kind.BYTE, Kind.INTEGER, Kind.LONG, Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION})
# A value of the first kind can always, or for most values (long to double), stand for one of the second.
_WIDER: dict[Kind, frozenset[Kind]] = {
    Kind.BYTE: frozenset({Kind.INTEGER, Kind.LONG, Kind.DOUBLE}),
    Kind.INTEGER: frozenset({Kind.LONG, Kind.DOUBLE}),
    Kind.LONG: frozenset({Kind.DOUBLE}),
    Kind.STRING: frozenset({Kind.DATASET}),
}


class TypeProblem(ValueError):
    """A text that names no type; `suggestion` is the type name that was probably meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class DataType:
    """A type: its kind, and the types of its elements (list, set) or of its keys and values (map)."""

    kind: Kind
    args: tuple["DataType", ...] = ()

    def __str__(self) -> str:
        """Return the canonical name."""
        if not self.args:
            return self.kind.value
        return f"{self.kind.value}({','.join(str(arg) for arg in self.args)})"

    @property
    def is_numeric(self) -> bool:
        """Whether a table can show it as numbers: a numeric scalar, or a collection whose values are such scalars."""
        if self.args:
            return self.args[-1].kind in _SCALAR_NUMBERS
        return self.kind in _SCALAR_NUMBERS

    @property
    def depth(self) -> int:
        """The number of collection levels; 0 for a scalar."""
        return 1 + max(arg.depth for arg in self.args) if self.args else 0

    def contains(self, kind: Kind) -> bool:
        """Return whether the type is of *kind*, or has it anywhere inside."""
        return self.kind is kind or any(arg.contains(kind) for arg in self.args)


BYTE = DataType(Kind.BYTE)
INTEGER = DataType(Kind.INTEGER)
LONG = DataType(Kind.LONG)
DOUBLE = DataType(Kind.DOUBLE)
BOOLEAN = DataType(Kind.BOOLEAN)
STRING = DataType(Kind.STRING)
DISTANCE = DataType(Kind.DISTANCE)
DURATION = DataType(Kind.DURATION)
TIMESTAMP = DataType(Kind.TIMESTAMP)
LOCATION = DataType(Kind.LOCATION)
DATASET = DataType(Kind.DATASET)


@lru_cache(maxsize=4096)
def castable(source: DataType, target: DataType) -> bool:
    """Return whether a value of *source* may stand where *target* is due (docs/values.md).

    A long may meet a double by this rule; whether one particular long does is for `values.cast` to say.
    """
    if source == target or target.kind in _WIDER.get(source.kind, ()):
        return True
    if source.kind is not target.kind or not source.args:
        return False
    return all(castable(inner, outer) for inner, outer in zip(source.args, target.args, strict=True))


@lru_cache(maxsize=4096)
def parse_type(text: str) -> DataType:
    """Read a type name, or raise TypeProblem."""
    if len(text) > _MAX_TEXT:
        raise TypeProblem(f"a type name has at most {_MAX_TEXT} characters, found {len(text)}")
    return _TypeReader(text).read()


SYNONYMS = {"int": Kind.LONG, "float": Kind.DOUBLE, "str": Kind.STRING, "bool": Kind.BOOLEAN}
"""Python's words, as people write them in files. `int` has no bounds there, so it is the widest of ours."""
# What other languages call them: names too far from ours, or close to the wrong one.
_ELSEWHERE = {
    "real": Kind.DOUBLE,
    "number": Kind.DOUBLE,
    "text": Kind.STRING,
    "date": Kind.TIMESTAMP,
    "datetime": Kind.TIMESTAMP,
    "timedelta": Kind.DURATION,
    "path": Kind.DATASET,
    "file": Kind.DATASET,
    "array": Kind.LIST,
    "dict": Kind.MAP,
}
_TOKEN = re.compile(r"\s*([^\s(),]+|[(),])")
_FORMS = "one of " + ", ".join(kind for kind in Kind if kind not in COLLECTIONS) + ", list(T), set(T), map(K,V)"


class _TypeReader:
    """Recursive descent over the tokens of one type name; recursion is bounded by MAX_DEPTH."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def read(self) -> DataType:
        found = self._type(1)
        if self._peek():
            raise self._problem(f"'{self._peek()}' is left over")
        return found

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str) -> None:
        if self._peek() != wanted:
            found = f"'{self._peek()}'" if self._peek() else "its end"
            raise self._problem(f"expected '{wanted}', found {found}")
        self._at += 1

    def _problem(self, why: str) -> TypeProblem:
        return TypeProblem(f"'{self._text}' is not a type: {why}")

    def _type(self, level: int) -> DataType:
        name = self._peek()
        if not name or name in "(),":
            raise self._problem(f"expected {_FORMS}")
        self._at += 1
        try:
            kind = SYNONYMS.get(name.lower()) or Kind(name.lower())
        except ValueError:
            meant = _ELSEWHERE.get(name.lower()) or suggest(name, Kind)
            raise TypeProblem(f"there is no type '{name}'; expected {_FORMS}", meant) from None
        if kind not in COLLECTIONS:
            return DataType(kind)
        if level > MAX_DEPTH:
            raise self._problem(f"collections nest to at most {MAX_DEPTH} levels")
        self._take("(")
        args = [self._type(level + 1)]
        while len(args) < _ARITY[kind]:
            self._take(",")
            args.append(self._type(level + 1))
        self._take(")")
        return DataType(kind, tuple(args))
