"""From canonical values to what an operator receives, and from what it returns to canonical text.

Returned values may be wider than the ports' types where nothing is lost: NumPy scalars and arrays, tuples for lists, a
`timedelta` of whole milliseconds for a duration. NaN and infinities are values of a double.
"""

import os
from collections.abc import Mapping, Set
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import count
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from accio.domain.canonical import Value, canonical
from accio.domain.containers import FrozenMap
from accio.domain.datatypes import DataType, Kind
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import Distance, Duration, Location, Timestamp
from accio.domain.values import resolve_dataset
from accio.late import dataclass
from accio.sdk.copies import Copies
from accio.sdk.hints import Hint, member_value, one_of
from accio.sdk.records import is_record, values_of
from accio.sdk.stored_types import stored_type
from accio.sdk.types import Dataset

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# How values are made for which Python has no type of its own that would do: a text is none, though definitions take it.
_SAMPLES = {
    Kind.DISTANCE: "Distance(250.0), in metres",
    Kind.DURATION: "Duration(1500), in milliseconds, or a timedelta",
    Kind.TIMESTAMP: "Timestamp(1400000000000), in milliseconds since 1970, or a datetime with a time zone",
    Kind.LOCATION: "Location(48.85, 2.35)",
}
_SAMPLED = (Distance, Duration, Timestamp, Location)


class UnknownDatasetError(Exception):
    """An input names a dataset whose path wasn't given; the argument is its text."""


def load(hint: Hint, value: Value, datasets: Mapping[str, Path], copies: Copies) -> Any:
    """Return a domain value in the form that the operator's type hint asks for."""
    return _Loader(datasets, copies).load(hint, value, hashable=False)


@dataclass(frozen=True, slots=True)
class _Loader:
    datasets: Mapping[str, Path]
    copies: Copies

    def load(self, hint: Hint, value: Value, *, hashable: bool) -> Any:
        match hint.type.kind:
            case Kind.DATASET:
                return self._dataset(hint, value)
            case Kind.LIST:
                if hint.length is not None and len(value) != hint.length:
                    raise ValueProblem(f"expected {hint.length} elements, found {len(value)}")
                elements = (self.load(hint.items[0], element, hashable=hashable) for element in value)
                return tuple(elements) if hashable else hint.container(elements)
            case Kind.SET:
                members = (self.load(hint.items[0], member, hashable=True) for member in value)
                return frozenset(members) if hashable else hint.container(members)
            case Kind.MAP:
                pairs = [
                    (self.load(hint.items[0], key, hashable=True), self.load(hint.items[1], member, hashable=hashable))
                    for key, member in value.items()
                ]
                return FrozenMap(pairs) if hashable else hint.container(pairs)
            case _:
                if hint.choices and value not in hint.choices:
                    raise ValueProblem(f"expected {one_of(hint)}, found {quote(value)}")
                return value if hint.make is None else hint.make(value)

    def _dataset(self, hint: Hint, text: str) -> Any:
        if text not in self.datasets:
            raise UnknownDatasetError(text)
        path = self.datasets[text]
        if hint.copy is not None:
            path = self.copies.of(path, hint.copy.name)
        if hint.stored is not None:
            return hint.stored.load(path)
        return path if hint.as_path else Dataset(path)


class Encoder:
    """Encodes what one execution returned; keeps the paths of the datasets in it."""

    def __init__(self, folder: Path | None) -> None:
        """Relative dataset paths are relative to *folder*, and must exist; without one, they are kept as they are."""
        self._folder = folder
        self._name = ""
        self.datasets: dict[str, Path] = {}

    def encode(self, datatype: DataType, value: object, name: str = "value") -> str:
        """Return the canonical text; ValueProblem, saying where and what, if the value is none of the type.

        A dataset's text is its absolute path, which `datasets` then has. An array or a data frame is written to a file
        called by *name*.
        """
        self._name = name
        if not _must_be_looked_at(datatype) and not isinstance(value, Enum):
            try:
                return canonical(datatype, value)
            except ValueProblem:
                pass  # perhaps a value that must be converted first, or the same problem with its place in the value
        return canonical(datatype, self._plain(datatype, value))

    def _plain(self, datatype: DataType, value: Any) -> Value:
        """Return the domain's form of a value."""
        value = value if datatype.kind is Kind.DATASET else _unwrapped(value)
        match datatype.kind:
            case Kind.BYTE | Kind.INTEGER | Kind.LONG if _is_number(value, Integral):
                return int(value)
            case Kind.DOUBLE if _is_number(value, Real):
                return _double(datatype, value)
            case Kind.DURATION if isinstance(value, timedelta):
                return Duration(_whole_ms(datatype, value))
            case Kind.TIMESTAMP if isinstance(value, datetime):
                return Timestamp(_epoch_ms(datatype, value))
            case Kind.DATASET:
                return self._dataset(datatype, value)
            case Kind.LIST if isinstance(value, list | tuple):
                return tuple(self._part(datatype, 0, f"element {at}", part) for at, part in enumerate(value))
            case Kind.SET if isinstance(value, Set):
                return frozenset(self._part(datatype, 0, "an element", part) for part in value)
            case Kind.MAP if isinstance(value, Mapping):
                return self._map(datatype, value)
            case Kind.MAP if is_record(type(value)):
                return self._map(datatype, values_of(type(value), value))
            case kind if kind in _SAMPLES and not isinstance(value, _SAMPLED):
                raise ValueProblem(f"expected {datatype} (for example {_SAMPLES[kind]}), found {quote(value)}")
            case _:
                canonical(datatype, value)  # raises ValueProblem where the value isn't of the type
                return value

    def _part(self, outer: DataType, at: int, where: str, value: object) -> Value:
        try:
            plain = self._plain(outer.args[at], value)
            canonical(outer.args[at], plain)
        except ValueProblem as problem:
            raise ValueProblem(f"expected {outer}: {where}: {problem.message}") from None
        return plain

    def _map(self, datatype: DataType, value: Mapping[Any, object]) -> Value:
        members: dict[Value, Value] = {}
        texts: set[str] = set()
        for key, member in value.items():
            plain = self._part(datatype, 0, f"key {quote(key)}", key)
            text = canonical(datatype.args[0], plain)
            if text in texts:
                raise ValueProblem(f"expected {datatype}, found the key {quote(key)} twice")
            texts.add(text)
            members[plain] = self._part(datatype, 1, f"value of {quote(key)}", member)
        return FrozenMap(members)

    def _dataset(self, datatype: DataType, value: object) -> str:
        written = value
        if (stored := stored_type(type(value))) is not None and self._folder is not None:
            value = _unused(self._folder, self._name, stored.suffix)
            stored.save(written, value)
        if not isinstance(value, str | os.PathLike):
            raise ValueProblem(f"expected {datatype} (a Dataset or a path), found {quote(value)}")
        text = os.fspath(value)
        if not isinstance(text, str):
            raise ValueProblem(f"expected {datatype} (a Dataset or a path), found a path of bytes")
        if self._folder is None:
            return resolve_dataset(text, None)
        path = Path(os.path.normpath(self._folder / text))
        if not path.exists():
            raise ValueProblem(f"expected {datatype}, found the path {path}, where there is nothing")
        self.datasets[str(path)] = path
        return str(path)


def check_closed(hint: Hint, value: Any) -> None:
    """Raise ValueProblem if a value of the hint's type, or a part of it, isn't listed by the hint, or hasn't as many
    elements as it says.
    """
    if not _is_closed(hint):
        return
    value = _unwrapped(value)
    if hint.choices and value not in hint.choices:
        raise ValueProblem(f"expected {one_of(hint)}, found {quote(value)}")
    if hint.length is not None and len(value) != hint.length:
        raise ValueProblem(f"expected {hint.length} elements, found {len(value)}")
    if isinstance(value, Mapping):
        for key, member in value.items():
            check_closed(hint.items[0], key)
            check_closed(hint.items[1], member)
    elif len(hint.items) == 1:
        for part in value:
            check_closed(hint.items[0], part)


def _is_closed(hint: Hint) -> bool:
    return bool(hint.choices) or hint.length is not None or any(map(_is_closed, hint.items))


def _unused(folder: Path, name: str, suffix: str) -> Path:
    """Return a path in a folder where there is nothing yet."""
    return next(path for at in count() if not (path := folder / f"{name}{f'-{at}' if at else ''}{suffix}").exists())


def _must_be_looked_at(datatype: DataType) -> bool:
    """Return whether even a value in the domain's form must be looked at before it is encoded."""
    if not datatype.args:  # as most are
        return datatype.kind is Kind.DATASET
    return datatype.contains(Kind.DATASET) or _may_repeat_keys(datatype)


def _may_repeat_keys(datatype: DataType) -> bool:
    """Return whether different keys of a Python map may be one in canonical form: NaN differs from itself."""
    if datatype.kind is Kind.MAP and (
        datatype.args[0].contains(Kind.DOUBLE) or datatype.args[0].contains(Kind.DISTANCE)
    ):
        return True
    return any(_may_repeat_keys(part) for part in datatype.args)


def _unwrapped(value: Any) -> Any:
    """Return NumPy arrays and booleans as Python's own (NumPy needn't be there for it), members of enumerations as what
    stands for them.
    """
    if isinstance(value, Enum):
        return member_value(value)
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is None or not hasattr(value, "tolist") or isinstance(value, str):  # NumPy's texts are texts
        return value
    if getattr(value, "ndim", 0) > 0 or kind == "b":
        return value.tolist() if kind in "biuf" or kind in "UO" else value
    return value[()] if getattr(value, "shape", None) == () else value


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _double(datatype: DataType, value: Real) -> int | float:
    if isinstance(value, Integral):
        return int(value)
    try:
        double = float(value)
    except OverflowError:
        double = float("nan")
    if double != value and not (double != double and value != value):  # NaN alone differs from itself
        raise ValueProblem(f"expected {datatype}, found {value!s}, which a double can't hold exactly")
    return double


def _whole_ms(datatype: DataType, span: timedelta) -> int:
    ms, rest = divmod(span, _MILLISECOND)
    if rest:
        raise ValueProblem(f"expected {datatype}, found {span}, which is no whole number of milliseconds")
    return ms


def _epoch_ms(datatype: DataType, moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise ValueProblem(f"expected {datatype}, found {moment}, which has no time zone")
    return _whole_ms(datatype, moment - _EPOCH)
