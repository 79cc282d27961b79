"""Canonical JSON: the one encoding of values, in keys, in the database, on the wire and for workers.

Two values of a type are equal exactly if their canonical texts are. Artifacts may hold NaN and infinities (as texts);
definitions never do, because `values.parse` refuses them. docs/values.md describes the form.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

import orjson

from accio.domain.containers import FrozenMap
from accio.domain.datatypes import DataType, Kind, castable
from accio.domain.jsontext import json_string, object_text
from accio.domain.numbers import INTEGER_RANGE
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import (
    FIRST_MS,
    LAST_MS,
    Distance,
    Duration,
    Location,
    Timestamp,
)

# int, float, bool, str, Distance, Duration, Timestamp, Location; tuple, frozenset and FrozenMap of such.
Value: TypeAlias = Any

_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
TEXT_KINDS = frozenset({Kind.STRING, Kind.DATASET})
"""Maps have text keys: a text of these is its own key, any other value's key is its canonical text."""
_MS_RANGE = INTEGER_RANGE[Kind.LONG]


def format_double(value: float) -> str:
    """Return the canonical text of a double: the shortest that reads back the same; non-finite ones as JSON strings."""
    if isfinite(value):
        return repr(value)
    if value != value:
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def encoder(datatype: DataType) -> Callable[[Value], str]:
    """Return the function that makes canonical texts of values of the type; ValueProblem for those that aren't."""
    return _encoder(datatype)


def canonical(datatype: DataType, value: Value) -> str:
    """Return the canonical text of a Python value of the type; ValueProblem if it isn't one."""
    try:
        return _encoder(datatype)(value)
    except ValueProblem as problem:
        raise _inside(datatype, problem) from None


def decode(datatype: DataType, text: str) -> Value:
    """Read a canonical text; ValueProblem if it is none of the type."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueProblem(f"expected {datatype} in canonical JSON, found {quote(text)} ({error.msg})") from None
    return decode_document(datatype, document)


def decoder(datatype: DataType) -> Callable[[Any], Value]:
    """Return the function that takes documents of canonical texts of the type; ValueProblem for those that aren't."""
    return _decoder(datatype)


def decode_document(datatype: DataType, document: Any) -> Value:
    """Return the value of a canonical text that has been read as JSON; ValueProblem if it is none of the type."""
    try:
        return _decoder(datatype)(document)
    except ValueProblem as problem:
        raise _inside(datatype, problem) from None


def _inside(datatype: DataType, problem: ValueProblem) -> ValueProblem:
    """Name the whole type where an element is to blame."""
    expected = f"expected {datatype}"
    return problem if problem.message.startswith(expected) else ValueProblem(f"{expected}: {problem.message}")


def cast(source: DataType, target: DataType, text: str) -> str:
    """Return the canonical text in *target* of a value of *source*.

    ValueProblem if the types don't allow it, or this value doesn't (a long that a double can't hold exactly).
    """
    if source is target or source == target:
        return text
    convert = caster(source, target)
    if convert is None:
        raise ValueProblem(f"{source} can't stand for {target}")
    return convert(text)


# ----------------------------------------------------------------------------------------------------------- encoding


def _wrong(datatype: DataType, value: Any) -> ValueProblem:
    return ValueProblem(f"expected {datatype}, found {quote(value)}")


def _integer_encoder(datatype: DataType) -> Callable[[Any], str]:
    low, high = INTEGER_RANGE[datatype.kind]

    def encode(value: Any) -> str:
        if type(value) is not int or not low <= value <= high:
            raise ValueProblem(f"expected {datatype} ({low} to {high}), found {quote(value)}")
        return str(value)

    return encode


def _double_text(datatype: DataType, value: Any) -> str:
    if type(value) is float:
        return format_double(value)
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise _wrong(datatype, value)
    double = float(value) if not isinstance(value, int) or value.bit_length() <= 1023 else float("inf")
    if isinstance(value, int) and double != value:
        raise ValueProblem(f"expected {datatype}, found {quote(value)}, which a double can't hold exactly")
    return format_double(double)


def _string_text(datatype: DataType, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(datatype, value)
    try:
        return json_string(value)
    except ValueError as error:
        raise ValueProblem(f"expected {datatype}, found {quote(value)}: {error}") from None


def _scalar_text(datatype: DataType, value: Any) -> str:
    match datatype.kind, value:
        case Kind.BOOLEAN, bool():
            return "true" if value else "false"
        case Kind.DISTANCE, Distance(meters=meters):
            return format_double(float(meters))
        case Kind.DURATION, Duration(ms=int(ms)) if _MS_RANGE[0] <= ms <= _MS_RANGE[1]:
            return str(ms)
        case Kind.TIMESTAMP, Timestamp(epoch_ms=int(ms)) if FIRST_MS <= ms <= LAST_MS:
            return str(ms)
        case Kind.LOCATION, Location(lat=lat, lng=lng) if -90 <= lat <= 90 and -180 <= lng <= 180:
            return f"[{format_double(float(lat))},{format_double(float(lng))}]"
        case Kind.DURATION, Duration(ms=int(ms)):
            low, high = _MS_RANGE
            raise ValueProblem(f"expected {datatype} ({low} to {high} milliseconds), found {quote(ms)}")
        case Kind.TIMESTAMP, Timestamp(epoch_ms=int(ms)):
            raise ValueProblem(f"expected {datatype} ({FIRST_MS} to {LAST_MS} ms since 1970), found {quote(ms)}")
        case Kind.LOCATION, Location(lat=float() | int() as lat, lng=float() | int() as lng):
            found = f"latitude {quote(lat)}, longitude {quote(lng)}"
            raise ValueProblem(f"expected {datatype} (latitude -90 to 90, longitude -180 to 180), found {found}")
        case _:
            raise _wrong(datatype, value)


def _list_encoder(datatype: DataType) -> Callable[[Any], str]:
    element = _encoder(datatype.args[0])
    of_doubles = datatype.args[0].kind is Kind.DOUBLE

    def encode(value: Any) -> str:
        if not isinstance(value, list | tuple):
            raise _wrong(datatype, value)
        if of_doubles:
            try:
                text = ",".join(map(float.__repr__, value))
            except TypeError:
                text = "n"
            if "n" not in text:  # nan and inf have one, and need their own form
                return f"[{text}]"
        return "[" + ",".join(map(element, value)) + "]"

    return encode


def _set_encoder(datatype: DataType) -> Callable[[Any], str]:
    element = _encoder(datatype.args[0])

    def encode(value: Any) -> str:
        if not isinstance(value, set | frozenset):
            raise _wrong(datatype, value)
        return "[" + ",".join(sorted(set(map(element, value)), key=str.encode)) + "]"

    return encode


def _map_encoder(datatype: DataType) -> Callable[[Any], str]:
    key_type, value_type = datatype.args
    element = _encoder(value_type)
    key_text = _encoder(key_type)
    text_keys = key_type.kind in TEXT_KINDS

    def encode(value: Any) -> str:
        if not isinstance(value, Mapping):
            raise _wrong(datatype, value)
        members: dict[str, str] = {}
        for key, member in value.items():
            rendered = key_text(key)
            members[key if text_keys else rendered] = element(member)
        return object_text(members)

    return encode


@lru_cache(maxsize=1024)
def _encoder(datatype: DataType) -> Callable[[Any], str]:
    match datatype.kind:
        case Kind.BYTE | Kind.INTEGER | Kind.LONG:
            return _integer_encoder(datatype)
        case Kind.DOUBLE:
            return lambda value: _double_text(datatype, value)
        case Kind.STRING | Kind.DATASET:
            return lambda value: _string_text(datatype, value)
        case Kind.BOOLEAN | Kind.DISTANCE | Kind.DURATION | Kind.TIMESTAMP | Kind.LOCATION:
            return lambda value: _scalar_text(datatype, value)
        case Kind.LIST:
            return _list_encoder(datatype)
        case Kind.SET:
            return _set_encoder(datatype)
        case Kind.MAP:
            return _map_encoder(datatype)


# ----------------------------------------------------------------------------------------------------------- decoding


def _integer_decoder(datatype: DataType) -> Callable[[Any], int]:
    low, high = INTEGER_RANGE[datatype.kind]

    def read(document: Any) -> int:
        if type(document) is not int or not low <= document <= high:
            raise ValueProblem(f"expected {datatype} ({low} to {high}), found {quote(document)}")
        return document

    return read


def _double(datatype: DataType, document: Any) -> float:
    if type(document) is float:
        return document
    if type(document) is int and float(document) == document:  # programs of other languages write 1 for 1.0
        return float(document)
    if isinstance(document, str) and document in _NON_FINITE:
        return _NON_FINITE[document]
    raise _wrong(datatype, document)


def _string(datatype: DataType, document: Any) -> str:
    if not isinstance(document, str):
        raise _wrong(datatype, document)
    return document


def _scalar(datatype: DataType, document: Any) -> Value:
    match datatype.kind, document:
        case Kind.BOOLEAN, bool():
            return document
        case Kind.DISTANCE, _:
            return Distance(_double(datatype, document))
        case Kind.DURATION, int() if type(document) is int and _MS_RANGE[0] <= document <= _MS_RANGE[1]:
            return Duration(document)
        case Kind.TIMESTAMP, int() if type(document) is int and FIRST_MS <= document <= LAST_MS:
            return Timestamp(document)
        case Kind.LOCATION, [lat, lng]:
            place = Location(_double(datatype, lat), _double(datatype, lng))
            if -90 <= place.lat <= 90 and -180 <= place.lng <= 180:
                return place
        case _:
            pass
    raise _wrong(datatype, document)


def _elements(datatype: DataType, document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise _wrong(datatype, document)
    return document


def _map_decoder(datatype: DataType) -> Callable[[Any], Value]:
    key_type, value_type = datatype.args
    element = _decoder(value_type)

    def key_of(text: str) -> Value:
        return text if key_type.kind in TEXT_KINDS else decode(key_type, text)

    def read(document: Any) -> Value:
        if not isinstance(document, dict):
            raise _wrong(datatype, document)
        return FrozenMap((key_of(key), element(member)) for key, member in document.items())

    return read


@lru_cache(maxsize=1024)
def _decoder(datatype: DataType) -> Callable[[Any], Value]:
    match datatype.kind:
        case Kind.BYTE | Kind.INTEGER | Kind.LONG:
            return _integer_decoder(datatype)
        case Kind.DOUBLE:
            return lambda document: _double(datatype, document)
        case Kind.STRING | Kind.DATASET:
            return lambda document: _string(datatype, document)
        case Kind.BOOLEAN | Kind.DISTANCE | Kind.DURATION | Kind.TIMESTAMP | Kind.LOCATION:
            return lambda document: _scalar(datatype, document)
        case Kind.LIST:
            element = _decoder(datatype.args[0])
            return lambda document: tuple(map(element, _elements(datatype, document)))
        case Kind.SET:
            member = _decoder(datatype.args[0])
            return lambda document: frozenset(map(member, _elements(datatype, document)))
        case Kind.MAP:
            return _map_decoder(datatype)


# ------------------------------------------------------------------------------------------------------------ casting


def _to_double(target: DataType, text: str) -> str:
    number = int(text)
    if number.bit_length() > 53 and int(float(number)) != number:
        raise ValueProblem(f"long {text} can't stand for {target}: a double can't hold it exactly")
    return repr(float(number))


def _to_dataset(text: str) -> str:
    if text == '""':
        raise ValueProblem('string "" can\'t stand for dataset: expected a path, a URL or the id of an artifact')
    return text


@lru_cache(maxsize=1024)
def caster(source: DataType, target: DataType) -> Callable[[str], str] | None:
    """Return the function that `cast` applies (it may raise ValueProblem), or None if the types don't fit."""
    if not castable(source, target):
        return None
    if not source.args:
        if target.kind is Kind.DOUBLE:
            return lambda text: _to_double(target, text)
        return _to_dataset if target.kind is Kind.DATASET else str
    reader, writer = _decoder(source), _encoder(target)
    return lambda text: writer(_widen(source, target, reader(orjson.loads(text))))


def _widen(source: DataType, target: DataType, value: Value) -> Value:
    """Turn a Python value of *source* into one of *target*, which it can be cast to."""
    if source == target:
        return value
    match source.kind:
        case Kind.LIST:
            return tuple(_widen(source.args[0], target.args[0], element) for element in value)
        case Kind.SET:
            return frozenset(_widen(source.args[0], target.args[0], element) for element in value)
        case Kind.MAP:
            return FrozenMap(
                (_widen(source.args[0], target.args[0], key), _widen(source.args[1], target.args[1], member))
                for key, member in value.items()
            )
        case _:
            return decode(target, cast(source, target, canonical(source, value)))
