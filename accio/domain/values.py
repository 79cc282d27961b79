"""Values: from what users write (JSON or text) to Python values, and on to canonical text.

This is the module to import: it also offers what `canonical` and `quantities` define. Python values are int, float,
bool, str (also for datasets), Distance, Duration, Timestamp, Location; tuple for lists, frozenset for sets, FrozenMap
for maps.
"""

import posixpath
import re
from typing import Any

from accio.domain.canonical import Value, canonical, cast, caster, decode, format_double
from accio.domain.containers import FrozenMap
from accio.domain.datatypes import DataType, Kind
from accio.domain.display import display
from accio.domain.documents import JsonProblem, parse_json
from accio.domain.named_content import SCHEME, content_of
from accio.domain.numbers import finite_double, integer
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import (
    Distance,
    Duration,
    Location,
    Timestamp,
    parse_distance,
    parse_duration,
    parse_location,
    parse_timestamp,
)

__all__ = [
    "Distance",
    "Duration",
    "FrozenMap",
    "Location",
    "Timestamp",
    "Value",
    "ValueProblem",
    "canonical",
    "cast",
    "caster",
    "decode",
    "display",
    "format_double",
    "parse",
    "parse_text",
    "parse_to_canonical",
    "resolve_dataset",
]

_TRUE = frozenset({"true", "t", "yes", "y"})
_FALSE = frozenset({"false", "f", "no", "n"})
_NON_FINITE = {"nan": float("nan"), "infinity": float("inf"), "-infinity": float("-inf")}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|blake3:|accio:", re.ASCII)


def parse(datatype: DataType, value: Any, *, base_path: str | None = None, non_finite: bool = False) -> Value:
    """Read a JSON value as a user wrote it; ValueProblem if it is no value of the type.

    A text is read like the same text in `name=value`. Relative dataset paths are joined to *base_path*, if given.
    With *non_finite*, NaN and infinities (as texts) are doubles: for the outputs of programs, not for definitions.
    """
    return _Reader(base_path, non_finite).read(datatype, value)


def parse_text(datatype: DataType, text: str, *, base_path: str | None = None) -> Value:
    """Read the text of `name=value`: a scalar as it is, a collection as JSON."""
    return parse(datatype, text, base_path=base_path)


def parse_to_canonical(datatype: DataType, value: Any, *, base_path: str | None = None) -> str:
    """Read a JSON value as a user wrote it, and return its canonical text."""
    return canonical(datatype, parse(datatype, value, base_path=base_path))


def resolve_dataset(text: str, base_path: str | None) -> str:
    """Check the text of a dataset, and join a relative path to *base_path*; nothing looks at the file system.

    Without a base path (None) a relative path stays; one that isn't absolute refuses relative paths.
    """
    if not text:
        raise ValueProblem("expected dataset (a path, a URL or the id of an artifact), found an empty text")
    if "\0" in text:
        raise ValueProblem("expected dataset, found a text that holds the character NUL")
    if text.startswith(SCHEME) and content_of(text) is None:
        raise ValueProblem(
            f"expected dataset, found {quote(text)}; 'blake3:' is followed by 64 hexadecimal digits, "
            "and perhaps by / and the name of a file"
        )
    if text.startswith("accio:") and (text.count("/") != 2 or not all(text.removeprefix("accio:").split("/"))):
        raise ValueProblem(f"expected dataset, found {quote(text)}; an artifact is written accio:RUN/NODE/PORT")
    if base_path is None or text.startswith("/") or _SCHEME.match(text):
        return text
    if not base_path.startswith("/"):
        raise ValueProblem(f"expected dataset, found the relative path {quote(text)}, and no folder that it is in")
    return posixpath.normpath(posixpath.join(base_path, text))


class _Reader:
    """Reads one value; holds what applies to all of its elements."""

    __slots__ = ("_base_path", "_non_finite")

    def __init__(self, base_path: str | None, non_finite: bool) -> None:
        self._base_path = base_path
        self._non_finite = non_finite

    def read(self, datatype: DataType, value: Any) -> Value:
        match datatype.kind:
            case Kind.BYTE | Kind.INTEGER | Kind.LONG:
                return integer(datatype.kind, value)
            case Kind.DOUBLE:
                return self._double(value)
            case Kind.BOOLEAN:
                return _boolean(value)
            case Kind.STRING:
                return _string(value)
            case Kind.DATASET:
                return self._dataset(value)
            case Kind.DISTANCE:
                return parse_distance(value)
            case Kind.DURATION:
                return parse_duration(value)
            case Kind.TIMESTAMP:
                return parse_timestamp(value)
            case Kind.LOCATION:
                return parse_location(value)
            case Kind.LIST | Kind.SET:
                return self._elements(datatype, value)
            case Kind.MAP:
                return self._map(datatype, value)

    def _double(self, value: Any) -> float:
        if self._non_finite and isinstance(value, str) and value.lower() in _NON_FINITE:
            return _NON_FINITE[value.lower()]
        return finite_double(value)

    def _dataset(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueProblem(f"expected dataset (a path, a URL or the id of an artifact), found {quote(value)}")
        return resolve_dataset(value, self._base_path)

    def _elements(self, datatype: DataType, value: Any) -> Value:
        document = _collection(datatype, value)
        if not isinstance(document, list):
            raise ValueProblem(f"expected {datatype} (an array), found {quote(value)}")
        element = datatype.args[0]
        read = [self._element(datatype, element, f"element {at}", member) for at, member in enumerate(document)]
        if datatype.kind is Kind.LIST:
            return tuple(read)
        # 0.0 and -0.0 are one element for Python; sorted first, the one that stays doesn't depend on their order.
        return frozenset(sorted(read, key=lambda member: canonical(element, member)))

    def _map(self, datatype: DataType, value: Any) -> Value:
        document = _collection(datatype, value)
        if not isinstance(document, dict):
            raise ValueProblem(f"expected {datatype} (an object), found {quote(value)}")
        key_type, value_type = datatype.args
        members: dict[Value, Value] = {}
        for text, member in document.items():
            key = self._element(datatype, key_type, f"key {quote(text)}", text)
            if key in members:
                raise ValueProblem(f"expected {datatype}, found the key {quote(text)} twice")
            members[key] = self._element(datatype, value_type, f"value of {quote(text)}", member)
        return FrozenMap(members)

    def _element(self, outer: DataType, datatype: DataType, where: str, value: Any) -> Value:
        try:
            return self.read(datatype, value)
        except ValueProblem as problem:
            raise ValueProblem(f"expected {outer}: {where}: {problem.message}") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    raise ValueProblem(f"expected boolean (true or false; also t, yes, y, f, no, n), found {quote(value)}")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueProblem(f"expected string (in quotation marks), found {quote(value)}")
    if "\0" in value:
        raise ValueProblem("expected string, found a text that holds the character NUL")
    return value


def _collection(datatype: DataType, value: Any) -> Any:
    """Return the array or object of a collection, reading a text as JSON."""
    if isinstance(value, tuple):
        return list(value)
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except JsonProblem as problem:
        raise ValueProblem(f"expected {datatype} as JSON, found {quote(value)}: {problem.message}") from None
