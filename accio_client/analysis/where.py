"""A query over the children of a sweep as a mask: predicates on parameters are computed per axis, those on results
per column.
"""

from typing import Any

import numpy as np

from accio.domain.filters import Checked, Of, Op, Predicate, Text, decide, read_query, sweep_context
from accio.domain.filters.fields import Context
from accio.domain.filters.places import Places, of_repetitions, places
from accio.domain.filters.problems import FilterProblem
from accio.domain.filters.syntax import Leaf, fold
from accio_client.analysis.columns import REPEAT, STATES, Mask, Numbers, SweepTable, Texts


def context(table: SweepTable, now_ms: int) -> Context:
    """Return what queries over the table may ask about."""
    outputs = {column.name: column.type for column in table.numbers.values() if "/" in column.name and column.type}
    metrics = frozenset(name for name in table.numbers if "/" not in name)
    nodes = frozenset(name.split("/")[0] for name in outputs) | {name.rpartition(".")[0] for name in metrics}
    return sweep_context(table.sweep, now_ms=now_ms, outputs=outputs, nodes=nodes, metrics=metrics)


def where(table: SweepTable, query: str, now_ms: int) -> Mask:
    """Return which children match a query; FilterProblem if it can't be read."""
    return mask(table, read_query(query, context(table, now_ms)))


def mask(table: SweepTable, checked: Checked) -> Mask:
    """Return which children match; FilterProblem for what no column of the table tells."""
    decided = decide(checked, table.sweep, table.same_for_all)
    ones = (1,) * len(table.shape)
    # Each part has the shape of the sweep, or 1 where it doesn't depend on an axis: NumPy spreads it when it must.
    found = fold(
        decided.filter,
        everything=lambda: np.ones(ones, dtype=np.bool_),
        leaf=lambda leaf: _leaf(table, decided, leaf),
        negate=np.logical_not,
        conjoin=lambda parts: _reduced(np.logical_and, parts),
        disjoin=lambda parts: _reduced(np.logical_or, parts),
    )
    return np.broadcast_to(found, table.shape).reshape(-1)


def _reduced(combine: Any, parts: list[Mask]) -> Mask:
    # The small ones first: what is combined per axis stays small.
    found, *rest = sorted(parts, key=lambda part: part.size)
    for part in rest:
        found = combine(found, part)
    return found


def _leaf(table: SweepTable, checked: Checked, leaf: Leaf) -> Mask:
    assert not isinstance(leaf, Text), "words were looked for in what is known"
    predicate = checked.predicates[leaf]
    subject = predicate.subject
    if subject.of is Of.PARAMETER:
        axis = table.sweep.axis(subject.name)
        if axis is not None:
            return _along(table, subject.name if axis.size > 1 else None, places(predicate, axis))
    elif subject.key == REPEAT:
        return _along(table, REPEAT, of_repetitions(predicate, table.sweep.repeat))
    elif subject.key == "state":
        return np.array([predicate.holds(state.value) for state in STATES])[table.states].reshape(table.shape)
    elif subject.key == "index":
        numbers = table.children().astype(np.float64)
        return _of_numbers(predicate, Numbers(name="index", values=numbers)).reshape(table.shape)
    elif subject.key in table.numbers:
        return _of_numbers(predicate, table.numbers[subject.key]).reshape(table.shape)
    elif subject.key in table.texts:
        return _of_texts(predicate, table.texts[subject.key]).reshape(table.shape)
    raise FilterProblem(f"'{subject.name}' isn't among the columns at hand", leaf.name_at.start, leaf.name_at.end)


def _along(table: SweepTable, name: str | None, found: Places) -> Mask:
    """Return a mask that depends on one axis only; on none of them (None), if the parameter doesn't vary."""
    shape = [1] * len(table.shape)
    if name is None:
        return np.full(shape, bool(found))
    if not table.is_grid:
        return _of_each(table, name, found)
    at = table.place(name)
    shape[at] = table.shape[at]
    flags = np.zeros(table.shape[at], dtype=np.bool_)
    for each in found:
        flags[each.start : each.stop] = True
    return flags.reshape(shape)


def _of_each(table: SweepTable, name: str, found: Places) -> Mask:
    """Return the mask of the children, of a sweep that is no grid: its axes have those values that occur."""
    if name not in dict(table.factors):  # one value of the axis occurs
        axis = table.sweep.axis(name)
        assert axis is not None
        (at,) = {index for each, (index, *_) in table.sweep.places([0]) if each is axis}
        return np.full((1,), any(at in each for each in found))
    axis_column = table.axis(name)
    places = np.arange(axis_column.size) if axis_column.occurring is None else axis_column.occurring
    flags = np.zeros(axis_column.size, dtype=np.bool_)
    for each in found:
        flags |= (places >= each.start) & (places < each.stop)
    return flags[table.coordinate(name)]


def _of_numbers(predicate: Predicate, column: Numbers) -> Mask:
    values = column.values
    found = np.zeros(len(values), dtype=np.bool_)
    for wanted in predicate.values:
        bound = float(wanted)
        match predicate.op:
            case Op.LESS:
                found |= values < bound
            case Op.AT_MOST:
                found |= values <= bound
            case Op.MORE:
                found |= values > bound
            case Op.AT_LEAST:
                found |= values >= bound
            case _:
                found |= np.isnan(values) if np.isnan(bound) else values == bound
    if predicate.op is Op.DIFFERENT:
        found = ~found
    return found if column.present is None else found & column.present


def _of_texts(predicate: Predicate, column: Texts) -> Mask:
    flags = np.array([*(predicate.holds(text) for text in column.dictionary), False])
    return np.asarray(flags[column.codes])
