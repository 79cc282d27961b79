"""Canonical texts as people see them: JSON that can be shown, and submitted again (docs/values.md)."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import orjson

from accio.domain.absence import NO_VALUE
from accio.domain.canonical import TEXT_KINDS
from accio.domain.datatypes import DataType, Kind
from accio.domain.quantities import show_distance, show_duration, show_location, show_timestamp


def display(datatype: DataType, text: str) -> Any:
    """Return the user's JSON for a canonical text: it can be shown, and submitted again. Of no value, that is None."""
    if text == NO_VALUE:
        return None
    return _shower(datatype)(orjson.loads(text))


def _show_map(datatype: DataType, members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    key_type, value_type = datatype.args
    show = _shower(value_type)
    return {_show_key(key_type, key): show(member) for key, member in members}


def _set_shower(element_type: DataType) -> Callable[[Any], list[Any]]:
    show = _shower(element_type)

    def show_set(document: Any) -> list[Any]:
        # Canonical order is that of bytes (10 before 9); people expect that of numbers.
        if all(isinstance(member, int | float) for member in document):
            document = sorted(document)
        return [show(member) for member in document]

    return show_set


def _show_key(key_type: DataType, key: str) -> str:
    if key_type.kind in TEXT_KINDS:
        return key
    shown = display(key_type, key)
    if isinstance(shown, str):
        return shown
    return key if not key_type.args else orjson.dumps(shown).decode()


@lru_cache(maxsize=1024)
def _shower(datatype: DataType) -> Callable[[Any], Any]:
    match datatype.kind:
        case Kind.BYTE | Kind.INTEGER | Kind.LONG | Kind.BOOLEAN | Kind.STRING | Kind.DATASET | Kind.DOUBLE:
            return lambda document: document
        case Kind.DISTANCE:
            return lambda document: show_distance(document) if isinstance(document, float) else f"{document}.meters"
        case Kind.DURATION:
            return show_duration
        case Kind.TIMESTAMP:
            return show_timestamp
        case Kind.LOCATION:
            return lambda document: show_location(document[0], document[1])
        case Kind.LIST:
            element = _shower(datatype.args[0])
            return lambda document: [element(member) for member in document]
        case Kind.SET:
            return _set_shower(datatype.args[0])
        case Kind.MAP:
            return lambda document: _show_map(datatype, document.items())
