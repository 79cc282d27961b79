"""Runs as messages."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from accio.domain.axes import Axis
from accio.domain.datatypes import DURATION, Kind
from accio.domain.jsontext import canonical_dump
from accio.domain.states import NODE_TERMINAL, RUN_TERMINAL, NodeState, RunState
from accio.domain.sweeps import Sweep
from accio.domain.values import display, format_double
from accio.v1 import runs_pb2, values_pb2
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.storage.runs.runs_query import Found, RunRow

_CONTINUOUS = 10**9  # an axis of more points is a range without a step, from which points are drawn
_SHORT = 20  # digits of a step or ratio that somebody may have written; longer ones were computed from a count


def run_message(
    found: Found, *, running: int | None = None, nodes: Mapping[NodeState, int] | None = None
) -> runs_pb2.Run:
    """Write a run.

    *nodes* counts the nodes of a single run or child by state; *running* is how many nodes of a parent run now.
    """
    run, index = found.run, found.index
    message = runs_pb2.Run(
        id=found.id,
        workflow_id=run.workflow_id,
        workflow_version=run.workflow_version,
        owner=values_pb2.Person(name=run.owner_name, email=run.owner_email),
        name=run.name,
        notes=run.notes,
        tags=run.tags,
        seed=found.seed,
        state=RUN_STATE_MESSAGES[found.state],
        created_at_ms=run.created_ms,
        quarantined=run.quarantined,
        nice=run.nice,
    )
    if index is not None:
        _fill_child(message, found, index, nodes)
    else:
        _fill_whole(message, run, running, nodes)
    return message


def _fill_child(message: runs_pb2.Run, found: Found, index: int, nodes: Mapping[NodeState, int] | None) -> None:
    run, instance = found.run, found.instance
    sweep = run.sweep
    message.kind = runs_pb2.RUN_KIND_CHILD
    message.parent = run.id
    message.index = index
    message.label = sweep.label(index)
    message.repeat = sweep.repetition(index)
    for axis, text in zip(sweep.axes, sweep.child(index).values(), strict=True):
        message.params.add(name=axis.name, type=str(axis.type), json=text, values=1)
    if instance is not None:
        message.started_at_ms = instance.started_ms or 0
        message.ended_at_ms = instance.ended_ms or 0
    elif found.state in RUN_TERMINAL:
        message.ended_at_ms = run.ended_ms or 0
    if found.state in RUN_TERMINAL:
        message.progress = 1.0
    elif nodes is not None:
        message.progress = _share(nodes, run.nodes)
    if nodes is not None:
        message.nodes_by_state.extend(counts(nodes))


def _fill_whole(message: runs_pb2.Run, run: RunRow, running: int | None, nodes: Mapping[NodeState, int] | None) -> None:
    message.label = run.name
    message.repeat = run.sweep.repeat
    message.progress = run.progress
    message.started_at_ms = run.started_ms or 0
    message.ended_at_ms = run.ended_ms or 0
    for axis in run.sweep.axes:
        form = axis_form(axis) if axis.size > 1 else ""
        message.params.add(name=axis.name, type=str(axis.type), json=axis.value_at(0), values=axis.size, form_json=form)
    if run.sweep.origin:
        message.sweep_json = canonical_dump(run.sweep.origin)
    if (until := until_message(run.sweep)) is not None:
        message.until.CopyFrom(until)
    if not run.parent:
        message.kind = runs_pb2.RUN_KIND_SINGLE
        message.nodes_by_state.extend(counts(nodes if nodes is not None else _ended(run)))
        return
    message.kind = runs_pb2.RUN_KIND_PARENT
    message.children = run.present
    message.children_by_state.extend(counts(run.children_by_state()))
    message.nodes_by_state.extend(counts(run.nodes_by_state(running or 0)))


def until_message(sweep: Sweep) -> runs_pb2.RepeatUntil | None:
    """Write when a sweep's points have been repeated often enough; None if their number doesn't depend on that."""
    until = sweep.until
    if until is None:
        return None
    return runs_pb2.RepeatUntil(
        output=until.output, ci95=until.ci95, relative=until.relative, min=until.least, points=sweep.points
    )


def _ended(run: RunRow) -> dict[NodeState, int]:
    return dict(run.nodes_ended)


def _share(nodes: Mapping[NodeState, int], total: int) -> float:
    return sum(count for state, count in nodes.items() if state in NODE_TERMINAL) / total if total else 1.0


def counts(by_state: Mapping[RunState, int] | Mapping[NodeState, int]) -> Iterable[runs_pb2.StateCount]:
    """Write counts, those of zero left out."""
    return [runs_pb2.StateCount(state=state.value, count=count) for state, count in by_state.items() if count > 0]


def axis_form(axis: Axis) -> str:
    """Return the JSON that a definition would have for an axis: its values, or its ends and how to come from one to the
    other.
    """
    # Axes are compared by all of their values; the form of one and the same is remembered, for lists and watches.
    known = _FORMS.get(id(axis))
    if known is None or known[0] is not axis:
        if len(_FORMS) >= _FORMS_KEPT:
            _FORMS.clear()
        known = _FORMS[id(axis)] = (axis, _form(axis))
    return known[1]


_FORMS: dict[int, tuple[Axis, str]] = {}
_FORMS_KEPT = 500


def _form(axis: Axis) -> str:
    document = axis.to_json()

    def shown(place: int) -> object:
        return display(axis.type, axis.value_at(place))

    if "values" in document:
        return canonical_dump({"values": [shown(place) for place in range(axis.size)]})
    steps = {"log": True} if axis.size > _CONTINUOUS and "ratio" in document else {}
    if axis.size <= _CONTINUOUS:
        steps = _steps(axis, document)
    return canonical_dump({"from": shown(0), "to": shown(axis.size - 1)} | steps)


def _steps(axis: Axis, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a range's form that says how to come from one end to the other."""
    if "ratio" in document:
        ratio: str = document["ratio"]
        flags = {"10": {"log": True}, "2": {"log2": True}}
        if ratio in flags:
            return flags[ratio]
        return {"log": True, "step": Decimal(ratio)} if len(ratio) <= _SHORT else {"log": True, "count": axis.size}
    step: str = document["step"]
    if len(step) > _SHORT:
        return {"count": axis.size}
    match axis.type.kind:
        case Kind.DISTANCE:
            return {"step": display(axis.type, format_double(float(step)))}
        case Kind.DURATION | Kind.TIMESTAMP:
            return {"step": display(DURATION, step)}
        case Kind.DOUBLE:
            return {"step": Decimal(step)}
        case _:
            return {"step": int(step)}
