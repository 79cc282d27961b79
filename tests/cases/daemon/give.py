"""The family of operators Give[T], written as a module for those types that a case needs."""

from accio.domain.datatypes import DataType, Kind, parse_type

_HINTS = {
    Kind.BYTE: "Byte",
    Kind.INTEGER: "int",
    Kind.LONG: "Long",
    Kind.DOUBLE: "float",
    Kind.BOOLEAN: "bool",
    Kind.STRING: "str",
    Kind.DISTANCE: "Distance",
    Kind.DURATION: "Duration",
    Kind.TIMESTAMP: "Timestamp",
    Kind.LOCATION: "Location",
    Kind.DATASET: "Dataset",
}
INFINITE = {
    "positive infinity": 'float("inf")',
    "negative infinity": '-float("inf")',
    "not a number": 'float("nan")',
    "nan": 'float("nan")',
}
"""What an operator may be told to return, in words, as an expression."""


def hint(datatype: DataType) -> str:
    """Return the type hint of a data type."""
    match datatype.kind:
        case Kind.LIST:
            return f"list[{hint(datatype.args[0])}]"
        case Kind.SET:
            return f"set[{hint(datatype.args[0])}]"
        case Kind.MAP:
            return f"dict[{hint(datatype.args[0])}, {hint(datatype.args[1])}]"
        case _:
            return _HINTS[datatype.kind]


def source(name: str, kind: str, value: str = "x") -> str:
    """Write the module of one operator: y = x, or another value."""
    written = hint(parse_type(kind))
    return f'''"""One operator of the family Give[T]."""

from typing import NamedTuple

from accio import Byte, Dataset, Distance, Duration, Location, Long, Timestamp, operator
from tests.cases.operators.ledger import note


class Given(NamedTuple):
    """What was given."""

    y: {written}


@operator
def {name}(x: {written}) -> Given:
    """Return a value."""
    note("{name}")
    return Given({value})
'''
