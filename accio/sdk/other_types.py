"""What to write instead of a type hint that stands for no data type: the spelling that does, where there is one.

Types are known by their names, so that nothing is imported for it.
"""

import collections.abc
import dataclasses
import typing
from typing import Any, get_args, get_origin

_SAVED = "write Dataset, and pass it as a file (such as {}), or list[float] for a few numbers"
_INSTEAD = {
    "bytes": "write Dataset, and pass it as a file",
    "complex": "write two inputs, or list[float]",
    "datetime.date": "write datetime, or str",
    "decimal.Decimal": "write float, or str for all digits",
    "fractions.Fraction": "write float, or str",
    "pandas.Series": _SAVED.format("Series.to_frame().to_parquet makes"),
    "torch.Tensor": _SAVED.format("torch.save makes"),
    "typing.Any": "say which one of them it is",
    "object": "say which one of them it is",
}
_NUMPY = {"f": "float", "i": "int, or Long for 64 bits", "u": "int, or Long for 64 bits", "b": "bool"}


def instead_of(annotation: Any) -> str:
    """Return what to write instead, as the end of a message; nothing if there is no better word than the list."""
    kind = get_origin(annotation) or annotation
    if annotation is typing.Any:
        return _INSTEAD["typing.Any"]
    if not isinstance(kind, type):
        return ""
    for base in kind.__mro__[:-1] or (kind,):
        top = base.__module__.partition(".")[0]
        name = f"{base.__module__ if top == 'datetime' else top}.{base.__qualname__}".removeprefix("builtins.")
        if name in _INSTEAD:
            return _INSTEAD[name]
    if kind.__module__ == "numpy" and hasattr(kind, "dtype"):
        return _of_number(kind.__name__)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields") or typing.is_typeddict(kind):
        return _of_record(kind)
    if kind in {collections.abc.Iterable, collections.abc.Iterator, collections.abc.Collection}:
        return f"write list[{_inner(annotation)}]"
    return ""


def _of_number(name: str) -> str:
    kind = "f" if name.startswith("float") else name[:1]
    return f"write {_NUMPY[kind]}" if kind in _NUMPY else ""


def _of_record(kind: type) -> str:
    fields = list(getattr(kind, "__annotations__", {}))
    shown = ", ".join(fields[:5]) + (", …" if len(fields) > 5 else "")
    name = kind.__qualname__.rpartition(".")[2]
    return f"write Annotated[{name}, Whole()] there, or an input for each of its fields ({shown})"


def _inner(annotation: Any) -> str:
    arguments = get_args(annotation)
    return getattr(arguments[0], "__name__", str(arguments[0])) if arguments else "float"
