"""Records that operators take and return: dataclasses, NamedTuples and TypedDicts, a port for each field; those of a
field that is a record itself are called FIELD_INNER. `Annotated[Record, Whole()]` is one port (`accio.sdk.hints`).
"""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, get_args, get_origin

from accio.late import dataclass

MISSING: Any = dataclasses.MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a record; `default` is MISSING without one."""

    name: str
    hint: object
    default: Any = MISSING
    may_lack: bool = False
    """Whether a TypedDict may be without it."""
    is_taken: bool = True
    """Whether it is given to make the record: False of a dataclass's `field(init=False)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordInput:
    """A parameter that is a record, or a field of one that is: `ports` names the input of each field, `inner` has those
    fields that are records themselves; `given` is the default of the whole.

    One that is `nullable` is None if none of its inputs has a value; its fields have the defaults of the class alone.
    """

    name: str
    record: type
    ports: Mapping[str, str]
    inner: Mapping[str, "RecordInput"] = dataclasses.field(default_factory=dict)
    given: Any = MISSING
    nullable: bool = False

    def make(self, found: Mapping[str, Any]) -> Any:
        """Return the record of the values of *found*, by the names of the inputs; what has none has its default.

        Raises whatever the record's class raises, and LookupError where a field without a default has no value.
        """
        if self.nullable and not self.is_given(found):
            return None
        values = {field: found[port] for field, port in self.ports.items() if port in found}
        values |= {field: each.make(found) for field, each in self.inner.items()}
        if self.given is not MISSING:
            values = {**values_of(self.record, deepcopy(self.given)), **values}
        if self.nullable and (missing := [self.ports.get(name, name) for name in _needed(self.record) - values.keys()]):
            raise LookupError(f"the input {', '.join(sorted(missing))} has no value, though others of it have")
        return self.record(**values)

    def named(self, names: Mapping[str, str]) -> "RecordInput":
        """Return this with other names of its inputs."""
        ports = {field: names[port] for field, port in self.ports.items()}
        inner = {field: each.named(names) for field, each in self.inner.items()}
        return dataclasses.replace(self, ports=ports, inner=inner)

    def is_given(self, found: Mapping[str, Any]) -> bool:
        """Return whether an input of it has a value, or of the records in it."""
        return any(port in found for port in self.ports.values()) or any(
            each.is_given(found) for each in self.inner.values()
        )


def is_record(annotation: object) -> bool:
    """Return whether this is the class of a dataclass, NamedTuple or TypedDict."""
    return isinstance(annotation, type) and (
        dataclasses.is_dataclass(annotation)
        or typing.is_typeddict(annotation)
        or (issubclass(annotation, tuple) and hasattr(annotation, "_fields"))
    )


def fields_of(record: type) -> tuple[list[Field], str]:
    """Return the fields of a record, in their order, and what is wrong with its hints (nothing, mostly).

    A field without a hint has MISSING for it.
    """
    try:
        hints = typing.get_type_hints(record, include_extras=True)
    except Exception as error:  # noqa: BLE001 - evaluating somebody's annotations may raise anything
        return [], f"the type hints of {record.__qualname__} can't be resolved ({error})"
    defaults = _defaults(record)
    computed = {field.name for field in _dataclass_fields(record) if not field.init}
    optional: frozenset[str] = getattr(record, "__optional_keys__", frozenset())
    return [
        Field(
            name=name,
            hint=_required(hints.get(name, MISSING)),
            default=defaults.get(name, MISSING),
            may_lack=name in optional,
            is_taken=name not in computed,
        )
        for name in _names(record)
    ], ""


def _needed(record: type) -> set[str]:
    """Return the fields of a record without which it isn't made."""
    fields, _ = fields_of(record)
    return {each.name for each in fields if each.default is MISSING and each.is_taken and not each.may_lack}


def values_of(record: type, value: Any) -> dict[str, Any]:
    """Return the values of a record's fields, those that it has; TypeError if *value* is no such record."""
    if typing.is_typeddict(record):
        if not isinstance(value, Mapping):
            raise TypeError(f"expected a dictionary, found a {type(value).__qualname__}")
        return {name: value[name] for name in _names(record) if name in value}
    if not isinstance(value, record):
        raise TypeError(f"expected a {record.__qualname__}, found a {type(value).__qualname__}")
    computed = {field.name for field in _dataclass_fields(record) if not field.init}
    return {name: getattr(value, name) for name in _names(record) if name not in computed}


def port_names(records: Mapping[str, Iterable[str]], others: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the input of each field of some records, by parameter: it has the field's name. Those of records that have
    a field in common, with each other or with the *others*, are called PARAMETER_FIELD.
    """
    taken = dict.fromkeys(others, 1)
    for fields in records.values():
        for field in fields:
            taken[field] = taken.get(field, 0) + 1
    alone = {name: all(taken[field] == 1 for field in fields) for name, fields in records.items()}
    return {
        name: {field: field if alone[name] else f"{name}_{field}" for field in fields}
        for name, fields in records.items()
    }


def _dataclass_fields(record: Any) -> "tuple[dataclasses.Field[Any], ...]":
    return dataclasses.fields(record) if dataclasses.is_dataclass(record) else ()


def _names(record: Any) -> list[str]:
    if dataclasses.is_dataclass(record):
        return [field.name for field in dataclasses.fields(record)]
    return list(record._fields) if hasattr(record, "_fields") else list(record.__annotations__)


def _defaults(record: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = dict(getattr(record, "_field_defaults", {}))
    for field in _dataclass_fields(record):
        if field.default is not MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


def _required(hint: object) -> object:
    """Return T of `Required[T]`, `NotRequired[T]` and `ReadOnly[T]`."""
    wrappers = {typing.Required, typing.NotRequired, getattr(typing, "ReadOnly", typing.Required)}
    while get_origin(hint) in wrappers:
        hint = get_args(hint)[0]
    return hint
