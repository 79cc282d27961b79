"""Types and values of them, for property tests."""

from typing import Any

from hypothesis import strategies as st

from accio.domain.containers import FrozenMap
from accio.domain.datatypes import DataType, Kind
from accio.domain.numbers import INTEGER_RANGE
from accio.domain.quantities import FIRST_MS, LAST_MS, Distance, Duration, Location, Timestamp

_INTEGRAL = (Kind.BYTE, Kind.INTEGER, Kind.LONG)
scalars = st.sampled_from([DataType(kind) for kind in Kind if kind not in (Kind.LIST, Kind.SET, Kind.MAP)])


def list_of(element: DataType) -> DataType:
    """Return the type of lists of *element*."""
    return DataType(Kind.LIST, (element,))


def set_of(element: DataType) -> DataType:
    """Return the type of sets of *element*."""
    return DataType(Kind.SET, (element,))


def map_of(key: DataType, value: DataType) -> DataType:
    """Return the type of maps from *key* to *value*."""
    return DataType(Kind.MAP, (key, value))


def types(levels: int = 2) -> st.SearchStrategy[DataType]:
    """Types of at most so many collection levels."""
    if levels == 0:
        return scalars
    inner = types(levels - 1)
    return st.one_of(scalars, inner.map(list_of), inner.map(set_of), st.builds(map_of, inner, inner))


def _unsigned(value: float) -> float:
    """Turn -0.0 to 0.0: they are one element for Python, so that sets and keys of both can't be compared simply."""
    return value + 0.0


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
doubles = st.floats(allow_nan=False, allow_infinity=False).map(_unsigned)

_SCALARS: dict[Kind, st.SearchStrategy[Any]] = {
    **{kind: st.integers(*INTEGER_RANGE[kind]) for kind in _INTEGRAL},
    Kind.DOUBLE: doubles,
    Kind.BOOLEAN: st.booleans(),
    Kind.STRING: texts,
    Kind.DATASET: texts.map(lambda text: "/" + text),
    Kind.DISTANCE: doubles.map(Distance),
    Kind.DURATION: st.integers(*INTEGER_RANGE[Kind.LONG]).map(Duration),
    Kind.TIMESTAMP: st.integers(FIRST_MS, LAST_MS).map(Timestamp),
    Kind.LOCATION: st.builds(Location, st.floats(-90, 90).map(_unsigned), st.floats(-180, 180).map(_unsigned)),
}


def values(datatype: DataType) -> st.SearchStrategy[Any]:
    """Values of a type, as definitions can hold them."""
    match datatype.kind:
        case Kind.LIST:
            return st.lists(values(datatype.args[0]), max_size=3).map(tuple)
        case Kind.SET:
            return st.frozensets(values(datatype.args[0]), max_size=3)
        case Kind.MAP:
            key, value = datatype.args
            return st.dictionaries(values(key), values(value), max_size=3).map(FrozenMap)
        case _:
            return _SCALARS[datatype.kind]


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[DataType, Any]:
    """A type and a value of it."""
    datatype = draw(types())
    return datatype, draw(values(datatype))
