"""Values as `--json` documents hold them: 64-bit integers as texts, since many readers of JSON know only doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accio.domain.datatypes import DataType, Kind, parse_type

if TYPE_CHECKING:
    from accio_client import views

_OF_VALUES = ("from", "to", "step")
"""What else than `values` is a value of the parameter's type in the form of a sweep."""


def json_value(type_name: str, value: Any) -> Any:
    """Return *value*, as views have it, of this type; None stays None."""
    datatype = parse_type(type_name)
    return value if value is None or not datatype.contains(Kind.LONG) else _texts(datatype, value)


def json_parameter(found: views.ParameterView) -> Any:
    """Return the value of a run's parameter, or the form that it was given."""
    if not found.varies:
        return json_value(found.type, found.value)
    form: dict[str, Any] = dict(found.value)
    if "values" in form:
        return form | {"values": [json_value(found.type, value) for value in form["values"]]}
    return form | {key: json_value(found.type, form[key]) for key in _OF_VALUES if key in form}


def _texts(datatype: DataType, value: Any) -> Any:
    match datatype.kind:
        case Kind.LONG:
            return str(value)
        case Kind.LIST | Kind.SET:
            return [_texts(datatype.args[0], element) for element in value]
        case Kind.MAP:
            return {key: _texts(datatype.args[1], member) for key, member in value.items()}
        case _:
            return value
