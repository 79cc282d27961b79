"""The run definition that makes a run again."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from accio.domain.axes import Axis
from accio.domain.display import display
from accio.domain.jsontypes import JsonObject
from accio.domain.layouts import Digit
from accio.domain.precision import Until
from accio.domain.sampling import Sampled
from accio.domain.studies import Sampler
from accio.domain.sweep_groups import MOST_LISTED
from accio.domain.sweeps import Sweep
from accio.errors import FailedPrecondition
from accio_daemon.services.messages.runs import axis_form
from accio_daemon.storage.runs.runs_query import Found


def definition_json(found: Found, on_failure: Any) -> str:
    """Return the definition that makes a run, or a child as a single run, with the same points, seeds and metadata.

    FailedPrecondition if its points were listed by a union, and are too many to be listed again.
    """
    run = found.run
    document: JsonObject = {"workflow": f"{run.workflow_id}:{run.workflow_version}"}
    document |= {key: value for key in ("name", "notes", "tags") if (value := getattr(run, key))}
    document["seed"] = str(found.seed)
    if run.nice:
        document["nice"] = True
    if found.index is not None:
        document.pop("name", None)
        texts = run.sweep.child(found.index)
        document["params"] = {axis.name: _one(axis, texts[axis.name]) for axis in run.sweep.axes}
        return _written(document)
    if on_failure != "continue":
        document["on_failure"] = on_failure
    document |= _points(run.sweep)
    if run.sweep.until is not None:
        document["repeat"] = _repeated(run.sweep.until, run.sweep.repeat)
    elif run.sweep.repeat > 1:
        document["repeat"] = run.sweep.repeat
    return _written(document)


def _one(axis: Axis, text: str) -> Any:
    """Return the form of one value: a list or a map says that it is one."""
    value = display(axis.type, text)
    return {"value": value} if isinstance(value, list | dict) else value


def _form(axis: Axis) -> Any:
    return json.loads(axis_form(axis), parse_float=Decimal) if axis.size > 1 else _one(axis, axis.value_at(0))


def _listed(axis: Axis, places: Sequence[int]) -> list[Any]:
    return [display(axis.type, axis.value_at(place)) for place in places]


def _points(sweep: Sweep) -> JsonObject:
    """Return the keys that say which points there are."""
    forms = {axis.name: _form(axis) for axis in sweep.axes}
    if sweep.study is not None and sweep.study.sampler is not Sampler.GRID:
        return {"params": forms, "optimize": sweep.study.to_json()}
    document: JsonObject = {} if sweep.study is None else {"optimize": sweep.study.to_json()}
    if sweep.layout is None:
        return document | {"params": forms}
    origin = sweep.origin
    blocks = sweep.blocks
    if len(blocks) > 1 or "union" in origin or not (blocks[0].is_whole or "where" in origin):
        return document | _enumerated(sweep)
    zipped: list[list[str]] = []
    for digit in blocks[0].digits:
        names = [sweep.axes[place].name for place in digit.axes]
        if isinstance(digit.rows, Sampled):
            continue
        if names == origin.get("points"):
            document["points"] = _columns(sweep, digit)
            forms = {name: form for name, form in forms.items() if name not in names}
        elif len(names) > 1:
            zipped.append(names)
            if not digit.is_plain:  # values that repeat
                forms |= {name: {"values": values} for name, values in _columns(sweep, digit).items()}
    if zipped:
        document["zip"] = zipped
    return document | {key: origin[key] for key in ("sample", "where") if key in origin} | {"params": forms}


def _columns(sweep: Sweep, digit: Digit) -> dict[str, list[Any]]:
    """Return what each of the axes of a digit is, row by row."""
    return {sweep.axes[place].name: _listed(sweep.axes[place], digit.column(place)) for place in digit.axes}


def _enumerated(sweep: Sweep) -> JsonObject:
    """Return the points one by one."""
    varying = [axis for axis in sweep.axes if axis.size > 1]
    if sweep.points * len(varying) > MOST_LISTED:
        raise FailedPrecondition(
            f"its {sweep.points} points can't be said by ranges, and at most {MOST_LISTED} values can be listed: "
            "submit the definition that it was made of"
        )
    rows = [sweep.child(point * sweep.repeat) for point in range(sweep.points)]
    points = {axis.name: [display(axis.type, row[axis.name]) for row in rows] for axis in varying}
    fixed = {axis.name: _one(axis, axis.value_at(0)) for axis in sweep.axes if axis.size == 1}
    return {"points": points, "params": fixed}


def _repeated(until: Until, most: int) -> JsonObject:
    wanted = f"{Decimal(repr(until.ci95)) * 100:f}%" if until.relative else until.ci95
    return {"until": {"output": until.output, "ci95": wanted}, "min": until.least, "max": most}


def _written(document: JsonObject) -> str:
    """Write a definition; the order of its parameters is that in which they vary, and stays."""
    return json.dumps(document, ensure_ascii=False, default=_number)


def _number(value: Any) -> float | str:
    """Return a step or a ratio as a number, or as the text of one that has more digits than that."""
    if not isinstance(value, Decimal):
        raise TypeError(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
