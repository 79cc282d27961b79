"""Series of measurements: from the worker, which thins them, to the database, which keeps them as they travel."""

from collections.abc import Iterable, Mapping

from accio.domain.names import is_parameter_name
from accio.domain.series import MOST_SERIES, Packed, Series, pack, unpack
from accio.errors import BadRequest
from accio.v1 import runs_pb2


def series_message(name: str, series: Series) -> runs_pb2.Series:
    """Write a series as it is now."""
    return runs_pb2.Series(name=name, total=series.total, points=pack(series.points()))


def series_messages(found: Mapping[str, Series]) -> list[runs_pb2.Series]:
    """Write all series of an execution."""
    return [series_message(name, series) for name, series in found.items()]


def packed_message(packed: Packed) -> runs_pb2.Series:
    """Write a series as it is stored."""
    return runs_pb2.Series(name=packed.name, total=packed.total, points=packed.points)


def packed_of(message: runs_pb2.Series) -> Packed:
    """Read a series; BadRequest for a name that none has, and for points that can't be read."""
    if not is_parameter_name(message.name):
        raise BadRequest(f"expected the name of a series, found {message.name[:200]!r}")
    try:
        unpack(message.points)
    except ValueError as error:
        raise BadRequest(f"series {message.name}: {error}") from None
    return Packed(message.name, message.total, message.points)


def all_packed_of(messages: Iterable[runs_pb2.Series]) -> tuple[Packed, ...]:
    """Read the series of an execution; BadRequest if there are too many."""
    found = tuple(packed_of(message) for message in messages)
    if len(found) > MOST_SERIES:
        raise BadRequest(f"expected at most {MOST_SERIES} series of an execution, found {len(found)}")
    return found
