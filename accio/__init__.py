"""Accio runs computational experiments on a cluster. This module is what operators are written with.

docs/operators.md is its guide.
"""

from accio.domain.quantities import Distance, Duration, Location, Timestamp
from accio.errors import AccioError, InvalidDefinition
from accio.sdk.context import NotUnstableError, OperatorContext
from accio.sdk.declare import operator
from accio.sdk.types import Byte, Dataset, Help, Long

__all__ = [
    "AccioError",
    "Byte",
    "Dataset",
    "Distance",
    "Duration",
    "Help",
    "InvalidDefinition",
    "Location",
    "Long",
    "NotUnstableError",
    "OperatorContext",
    "Timestamp",
    "operator",
]
