"""Values of a parameter as forms of a run definition: `client.submit("geoind", epsilon=logspace(1e-5, 1))`.

They stay formulas: a range of a million values costs as much as one of two. Bounds may be numbers, or texts with a unit
("100.meters").
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

Bound = float | str


def values(*given: Any) -> dict[str, Any]:
    """Return the form of these values, one after the other.

    >>> values(0.1, 0.5)
    {'values': [0.1, 0.5]}
    >>> values(0.1, None)  # without a value, for an input that is optional
    {'values': [0.1, None]}
    """
    return {"values": list(given)}


def logspace(start: Bound, stop: Bound, count: int | None = None, *, ratio: float | None = None) -> dict[str, Any]:
    """Return a geometric progression with both ends: of *count* points, or with a *ratio*, which is 10 by default.

    >>> logspace(1e-5, 1)
    {'from': 1e-05, 'to': 1, 'log': True}
    """
    more = {"count": count, "step": ratio}
    return {"from": start, "to": stop, "log": True} | {key: value for key, value in more.items() if value is not None}


def linspace(start: Bound, stop: Bound, count: int) -> dict[str, Any]:
    """Return *count* evenly spaced points with both ends.

    >>> linspace(0, 1, 11)
    {'from': 0, 'to': 1, 'count': 11}
    """
    return {"from": start, "to": stop, "count": count}


def arange(start: float, stop: float, step: float = 1) -> dict[str, Any]:
    """Return the points from *start* by *step* that lie before *stop*, computed in decimal arithmetic.

    ValueError if there is none.

    >>> arange(0, 1, 0.25)
    {'from': 0, 'to': 0.75, 'step': 0.25}
    """
    first, end, stride = (Decimal(str(number)) for number in (start, stop, step))
    count = math.ceil((end - first) / stride) if stride else 0
    if count < 1:
        raise ValueError(f"expected a step that leads from {start} towards {stop}, found {step}")
    last = first + (count - 1) * stride
    whole = all(isinstance(number, int) for number in (start, step))
    return {"from": start, "to": int(last) if whole else float(last), "step": step}


def points_of(given: Any) -> Any:
    """Return explicit points in a form of run definitions: of a data frame, its columns; of a path, its text.

    >>> points_of([{"a": 1}, {"a": 2}])
    [{'a': 1}, {'a': 2}]
    """
    if isinstance(given, Path):
        return str(given.absolute())
    columns = getattr(given, "columns", None)
    if columns is None:
        return given
    if not hasattr(given, "isna"):
        return {str(name): list(given[name]) for name in columns}
    gaps = given.isna()  # pandas has NaN, NaT or NA where there is no value
    return {
        str(name): [None if gap else value for value, gap in zip(given[name], gaps[name], strict=True)]
        for name in columns
    }


def definition(workflow: str, params: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run definition; options that are None are left out. Lists and arrays are several values, as a range is.

    >>> definition("w", {"n": range(1, 6), "alpha": [0.1, 0.5]}, {"repeat": 3, "seed": None})
    {'workflow': 'w', 'params': {'n': {'from': 1, 'to': 5, 'step': 1}, 'alpha': {'values': [0.1, 0.5]}}, 'repeat': 3}
    """
    forms = {name: _form(value) for name, value in params.items()}
    return {"workflow": workflow, "params": forms} | {
        name: value for name, value in options.items() if value is not None
    }


def _form(value: Any) -> Any:
    if isinstance(value, range) and value:
        return {"from": value[0], "to": value[-1], "step": value.step}
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1:  # arrays, and series of data frames
        return values(*value)
    return value
