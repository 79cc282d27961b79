"""Which data type a Python type hint stands for.

The table is closed on purpose: what is not listed here can't travel between machines, so it is refused where it is
declared and not where it fails.
"""

import collections.abc
import enum
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from accio.domain.datatypes import MAX_DEPTH, DataType, Kind
from accio.domain.problems import ValueProblem
from accio.domain.quantities import Distance, Duration, Location, Timestamp
from accio.domain.values import canonical
from accio.late import dataclass
from accio.sdk.other_types import instead_of
from accio.sdk.records import MISSING, Field, fields_of, is_record
from accio.sdk.stored_types import StoredType, stored_type
from accio.sdk.types import Byte, Dataset, Help, Long, Whole, WritableCopy

_SCALARS: dict[object, Kind] = {
    Byte: Kind.BYTE,
    int: Kind.INTEGER,
    Long: Kind.LONG,
    float: Kind.DOUBLE,
    bool: Kind.BOOLEAN,
    str: Kind.STRING,
    Distance: Kind.DISTANCE,
    Duration: Kind.DURATION,
    Timestamp: Kind.TIMESTAMP,
    Location: Kind.LOCATION,
    Dataset: Kind.DATASET,
    Path: Kind.DATASET,
    datetime: Kind.TIMESTAMP,
    timedelta: Kind.DURATION,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MADE: dict[object, Callable[[Any], Any]] = {
    datetime: lambda moment: _EPOCH + timedelta(milliseconds=moment.epoch_ms),
    timedelta: lambda span: timedelta(milliseconds=span.ms),
}
"""How the values of Python's own types are made of those of the language, where these are others."""

_MEANING = "__value__"

Container = Callable[[collections.abc.Iterable[Any]], Any]

_COLLECTIONS: dict[object, tuple[Kind, Container]] = {
    list: (Kind.LIST, list),
    collections.abc.Sequence: (Kind.LIST, list),
    tuple: (Kind.LIST, tuple),
    set: (Kind.SET, set),
    frozenset: (Kind.SET, frozenset),
    collections.abc.Set: (Kind.SET, frozenset),
    dict: (Kind.MAP, dict),
    collections.abc.Mapping: (Kind.MAP, dict),
}

_EXAMPLES = {Kind.LIST: "list[float]", Kind.SET: "set[int]", Kind.MAP: "dict[str, float]"}
KNOWN = (
    "int, Byte, Long, float, bool, str, Literal, Enum, Distance, Duration, Timestamp, Location, Dataset, Path, "
    "datetime, timedelta, arrays and data frames, list[T], set[T], dict[K, V]"
)


class NotADataTypeError(Exception):
    """A type hint stands for no data type; the message says which part of it and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A type hint that stands for a data type, with the Python container that the operator asks for."""

    type: DataType
    items: tuple["Hint", ...] = ()
    container: Container = list
    copy: WritableCopy | None = None  # of a dataset
    as_path: bool = False  # of a dataset
    choices: tuple[str | int, ...] = ()  # the values that there are, if they are listed
    make: Callable[[Any], Any] | None = None  # what the operator gets of a scalar, if it isn't the value itself
    length: int | None = None  # of a list, if it is fixed
    stored: StoredType | None = None  # of a dataset, if the operator gets what its file holds

    @property
    def makes_others(self) -> bool:
        """Whether an operator gets, of a value or within it, what isn't a value of the domain."""
        return self.make is not None or any(part.makes_others for part in self.items)


def read_hint(annotation: object) -> Hint:
    """Return the data type behind *annotation*, or raise NotADataTypeError."""
    try:
        hint = _read(annotation)
    except RecursionError:
        raise NotADataTypeError(f"{show(annotation)} is made of itself") from None
    if hint.type.depth > MAX_DEPTH:
        raise NotADataTypeError(f"{hint.type} nests {hint.type.depth} collections; {MAX_DEPTH} are allowed")
    return hint


def is_data_type(annotation: object) -> bool:
    """Return whether *annotation* stands for a data type."""
    try:
        _read(annotation)
    except (NotADataTypeError, RecursionError):
        return False
    return True


def take_apart(annotation: object) -> tuple[object, bool, str]:
    """Return T, whether None is allowed, and the help of `T`, `T | None`, `Annotated[T, Help("…")]` in any nesting.

    A bare string among the annotations counts as a help text too. A `WritableCopy` and a `Whole` stay with T.
    """
    optional, texts, copies = False, list[str](), list[WritableCopy | Whole]()
    while True:
        annotation = unaliased(annotation)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation, *notes = arguments
            texts += [note.text if isinstance(note, Help) else note for note in notes if isinstance(note, Help | str)]
            copies += [*_copies(notes), *_wholes(notes)]
        elif origin in {Union, types.UnionType} and types.NoneType in arguments:
            optional = True
            members = [member for member in arguments if member is not types.NoneType]
            annotation = reduce(or_, members)
        else:
            bare = Annotated[annotation, copies[0]] if copies else annotation
            return bare, optional, " ".join(texts)


def unaliased(annotation: object) -> Any:
    """Return what an alias that is a value of its own stands for: `type Numbers = list[float]`, NumPy's `NDArray`."""
    while True:
        origin: Any = get_origin(annotation)
        if _is_alias(annotation):
            annotation = getattr(annotation, _MEANING)
        elif _is_alias(origin):
            annotation = getattr(origin, _MEANING)[get_args(annotation)]
        else:
            return annotation


def _is_alias(annotation: object) -> bool:
    return type(annotation).__name__ == "TypeAliasType"  # Python 3.12, or typing_extensions


def _copies(notes: collections.abc.Iterable[object]) -> list[WritableCopy]:
    """Return what notes of an annotation say of a writable copy; the class itself says it, too."""
    found = [WritableCopy() if note is WritableCopy else note for note in notes]
    return [note for note in found if isinstance(note, WritableCopy)]


def _wholes(notes: collections.abc.Iterable[object]) -> list[Whole]:
    """Return what notes of an annotation say of a record being one value; the class itself says it, too."""
    return [Whole() for note in notes if note is Whole or isinstance(note, Whole)]


def _check_copies(annotation: object, copies: collections.abc.Sized) -> None:
    if copies and annotation is not Dataset and annotation is not Path:
        raise NotADataTypeError(f"WritableCopy is for a Dataset, not for {show(annotation)}")


def one_of(hint: Hint) -> str:
    """Return the values that a hint lists, for a message."""
    return f"one of {', '.join(map(repr, hint.choices))}"


def show(annotation: object) -> str:
    """Return an annotation as the user wrote it, nearly."""
    if annotation is typing.Any:
        return "Any"
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    return str(annotation).removeprefix("typing.").replace("collections.abc.", "").replace("typing.", "")


def _without_notes(annotation: object) -> tuple[object, tuple[object, ...]]:
    """Return T and what stands beside it in `Annotated[T, …]`."""
    annotation = unaliased(annotation)
    if get_origin(annotation) is not Annotated:
        return annotation, ()
    bare, *notes = get_args(annotation)
    return unaliased(bare), tuple(notes)


def _scalar(annotation: Any) -> Kind | None:
    return _SCALARS.get(annotation) if isinstance(annotation, collections.abc.Hashable) else None


def _read(annotation: object) -> Hint:
    annotation, notes = _without_notes(annotation)
    if _wholes(notes):
        return _read_whole(annotation)
    copies = _copies(notes)
    _check_copies(annotation, copies)
    scalar = _scalar(annotation)
    if scalar is not None:
        made = _MADE.get(annotation)
        return Hint(type=DataType(scalar), copy=copies[0] if copies else None, as_path=annotation is Path, make=made)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum) and len(annotation):
        return _read_enum(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return _read_choices(annotation)
    if origin in {Union, types.UnionType}:
        raise NotADataTypeError(f"{show(annotation)} has several types; a port has one")
    if (stored := stored_type(annotation)) is not None:
        return Hint(type=DataType(Kind.DATASET), stored=stored)
    found = _COLLECTIONS.get(origin if origin is not None else annotation)
    if found is None:
        better = instead_of(annotation) or f"data types are {KNOWN}"
        raise NotADataTypeError(f"{show(annotation)} is not a data type; {better}")
    kind, container = found
    length: int | None = None
    arguments = list(get_args(annotation))
    if not arguments:
        raise NotADataTypeError(f"{show(annotation)} says nothing of its elements; write for example {_EXAMPLES[kind]}")
    if origin is tuple:
        length = None if arguments[-1] is Ellipsis else len(arguments)
        if length is not None and any(argument != arguments[0] for argument in arguments):
            raise NotADataTypeError(
                f"{show(annotation)} is no list; write tuple[T, ...] for elements of one type, or an input for each"
            )
        arguments = arguments[:1]
    items = tuple(_read(argument) for argument in arguments)
    if items[0].stored is not None and kind is not Kind.LIST:
        raise NotADataTypeError(f"{show(annotation)}: a {items[0].stored.name} can be no element of a set, nor a key")
    return Hint(
        type=DataType(kind, tuple(item.type for item in items)), items=items, container=container, length=length
    )


def member_value(member: enum.Enum) -> str | int:
    """Return what stands for a member of an enumeration: its value, if all are texts or all integers, else its name."""
    of = type(member)
    plain = any(all(isinstance(each.value, python) for each in of) for python in (str, int))
    return member.value if plain and not any(isinstance(each.value, bool) for each in of) else member.name


def _read_enum(annotation: type[enum.Enum]) -> Hint:
    """Return the hint of an enumeration: its members' values, or their names, as a closed set."""
    members = {member_value(member): member for member in annotation}
    kind = Kind.STRING if all(isinstance(value, str) for value in members) else Kind.INTEGER
    return Hint(type=_holding(kind, tuple(members)), choices=tuple(members), make=members.__getitem__)


def _holding(kind: Kind, values: tuple[str | int, ...]) -> DataType:
    """Return the type of values that are listed: integers that don't fit in 32 bits make it long."""
    wide = kind is Kind.INTEGER and any(not -(2**31) <= value < 2**31 for value in values if isinstance(value, int))
    datatype = DataType(Kind.LONG if wide else kind)
    for value in values:
        try:
            canonical(datatype, value)
        except ValueProblem as problem:
            raise NotADataTypeError(f"{value!r} can be no value of a port: {problem.message}") from None
    return datatype


def _read_choices(annotation: object) -> Hint:
    """Return the hint of texts, or of integers, that are listed."""
    values = get_args(annotation)
    for python, kind in ((str, Kind.STRING), (int, Kind.INTEGER)):
        if all(type(value) is python for value in values):
            return Hint(type=_holding(kind, values), choices=values)
    raise NotADataTypeError(f"{show(annotation)} lists values of several types; write Literal of texts, or of integers")


_NUMBERS = frozenset({Kind.BYTE, Kind.INTEGER, Kind.LONG, Kind.DOUBLE})
_INTEGERS = _NUMBERS - {Kind.DOUBLE}


def _read_whole(annotation: object) -> Hint:
    """Return the hint of a record that is one value: a map from the names of its fields."""
    if not (isinstance(annotation, type) and is_record(annotation)):
        raise NotADataTypeError(f"Whole is for a dataclass, a NamedTuple or a TypedDict, not for {show(annotation)}")
    fields, problem = fields_of(annotation)
    if problem:
        raise NotADataTypeError(problem)
    hints = {field.name: _read_field(annotation, field) for field in fields if field.is_taken}
    types_of = {hint.type for hint in hints.values()}
    one = DataType(Kind.DOUBLE) if {each.kind for each in types_of} <= _NUMBERS and len(types_of) > 1 else None
    if len(types_of) != 1 and one is None:
        shown = ", ".join(f"{name}: {hint.type}" for name, hint in hints.items()) or "none"
        raise NotADataTypeError(
            f"{show(annotation)} as a whole is a map of values of one type, and has the fields {shown}; "
            "leave Whole out, so that each field is a port"
        )
    whole = frozenset(name for name, hint in hints.items() if one is not None and hint.type.kind in _INTEGERS)
    item = Hint(type=one) if one is not None else next(iter(hints.values()))
    text = Hint(type=DataType(Kind.STRING))

    def made(pairs: collections.abc.Iterable[Any]) -> Any:
        values = {name: int(value) if name in whole and value == int(value) else value for name, value in pairs}
        needed = {field.name for field in fields if field.is_taken and field.default is MISSING and not field.may_lack}
        missing, unknown = sorted(needed - values.keys()), sorted(values.keys() - hints.keys())
        if missing or unknown:
            what = f"found no {', '.join(missing)}" if missing else f"found {', '.join(unknown)}, too"
            raise ValueProblem(f"expected a {annotation.__qualname__} with {', '.join(hints)}, {what}")
        return annotation(**values)

    kind = DataType(Kind.MAP, (text.type, item.type))
    return Hint(type=kind, items=(text, item), container=made, make=made)


def _read_field(record: type, field: Field) -> Hint:
    if field.hint is MISSING:
        raise NotADataTypeError(f"the field '{field.name}' of {record.__qualname__} has no type hint")
    bare, nullable, _ = take_apart(field.hint)
    if nullable or field.may_lack:
        raise NotADataTypeError(
            f"the field '{field.name}' of {record.__qualname__} may be without a value; members of a map have one"
        )
    return _read(bare)
