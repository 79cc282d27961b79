"""Accio runs computational experiments on a cluster. This module is what operators are written with.

docs/operators.md is its guide. Names are loaded when they are used: daemon, agent and command line need few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accio.domain.quantities import Distance, Duration, Location, Timestamp
    from accio.errors import AccioError, InvalidDefinition
    from accio.sdk.bad_input import BadInputError
    from accio.sdk.context import NotUnstableError, OperatorContext
    from accio.sdk.declare import operator
    from accio.sdk.types import Byte, Dataset, Help, Long, Whole, WritableCopy

__all__ = [
    "AccioError",
    "BadInputError",
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
    "Whole",
    "WritableCopy",
    "operator",
]

_HOME = {
    "accio.domain.quantities": ("Distance", "Duration", "Location", "Timestamp"),
    "accio.errors": ("AccioError", "InvalidDefinition"),
    "accio.sdk.bad_input": ("BadInputError",),
    "accio.sdk.context": ("NotUnstableError", "OperatorContext"),
    "accio.sdk.declare": ("operator",),
    "accio.sdk.types": ("Byte", "Dataset", "Help", "Long", "Whole", "WritableCopy"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
