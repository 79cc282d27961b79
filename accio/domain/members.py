"""The members of maps of single values, as columns: `Node/port.member`."""

from accio.domain.datatypes import DataType, Kind
from accio.domain.display import display

MOST_MEMBERS = 1000
"""Of how many members a map may be in all rows of a tidy table; one of more is a table of its own, not columns."""

UNASKED_MEMBERS = 100
"""Of how many members a map may be if all of them become columns that nobody asked for by name."""


def output_name(node: str, port: str, member: str | None = None) -> str:
    """Return an output as users name it: Node/port, or of a map the member that is shown so, Node/port.KEY."""
    return f"{node}/{port}" + ("" if member is None else f".{member}")


def parts_of_output(name: str) -> tuple[str, str, str | None]:
    """Return node, port and member of what `output_name` gave; whatever else it is, no such node or port is there."""
    node, _, place = name.partition("/")
    port, dot, member = place.partition(".")
    return node, port, member if dot else None


def member_type(datatype: DataType) -> DataType | None:
    """Return the type of a map's values if they are single values; None of whatever else."""
    return datatype.args[1] if datatype.kind is Kind.MAP and not datatype.args[1].args else None


def key_shown(datatype: DataType, key: str) -> str:
    """Return a map's key, which is of this type, as a user would write it."""
    if datatype.kind in (Kind.STRING, Kind.DATASET):
        return key
    shown = display(datatype, key)
    return shown if isinstance(shown, str) else key
