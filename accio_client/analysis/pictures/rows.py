"""The table twin of every picture: the numbers that it shows, as columns with names and rows of cells.

A cell is a text, a number or None; what isn't a number is None.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from accio_client.analysis.pictures.specification import (
    Bars,
    Cloud,
    Graph,
    GraphNode,
    Kind,
    Lines,
    Map,
    Parallel,
    Picture,
    PictureAxis,
    Timeline,
    Trials,
)

Row = tuple[Any, ...]
NODE_STATES = ("success", "running", "queued", "waiting", "failed", "killed", "lost", "cancelled")
"""In the order in which they are drawn."""


class Rows(NamedTuple):
    columns: tuple[str, ...]
    rows: Iterator[Row]


def rows(picture: Picture) -> Rows:
    """Return the numbers of a picture: a row per cell that has children, point, bar, child or ribbon."""
    match picture:
        case Map():
            return Rows((picture.x.name, picture.y.name, picture.value.name, "n", "failed"), _of_map(picture))
        case Lines():
            named = (picture.series_name,) if picture.series_name else ()
            columns = (*named, picture.x.name, picture.y.name, "low", "high", "n")
            return Rows(columns, _of_lines(picture))
        case Bars():
            return Rows(
                ("what", "share", "by_chance", "group"), ((b.label, b.share, b.mark, b.group) for b in picture.bars)
            )
        case Cloud():
            return _of_cloud(picture)
        case Parallel():
            return _of_parallel(picture)
        case Graph():
            return _of_graph(picture)
        case Timeline():
            return _of_timeline(picture)
        case Trials():
            return _of_trials(picture)


def _cell(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _of_map(picture: Map) -> Iterator[Row]:
    states = picture.head.kind is Kind.STATES
    for row, column in zip(*np.nonzero(picture.n), strict=True):
        value = float(picture.values[row, column])
        shown = picture.value.ticks[int(value)] if states else _cell(value)
        place = picture.x.ticks[column], picture.y.ticks[row]
        yield (*place, shown, int(picture.n[row, column]), int(picture.failed[row, column]))


def _of_lines(picture: Lines) -> Iterator[Row]:
    tried = bool(picture.x.ticks)  # a parameter has them
    for series in picture.series:
        for at, (x, y) in enumerate(zip(series.x.tolist(), series.y.tolist(), strict=True)):
            place = picture.x.ticks[at] if tried else x
            low, high = (None if each is None else _cell(each[at]) for each in (series.low, series.high))
            named = (series.name,) if picture.series_name else ()
            yield (*named, place, _cell(y), low, high, None if series.n is None else int(series.n[at]))


def _of_cloud(picture: Cloud) -> Rows:
    if picture.density is None:
        found = zip(
            picture.children.tolist(), picture.xs.tolist(), picture.ys.tolist(), picture.best.tolist(), strict=True
        )
        return Rows(("child", picture.x.name, picture.y.name, "best"), found)
    density = picture.density
    xs, ys = _middles(picture.x, density.shape[1]), _middles(picture.y, density.shape[0])
    counted = (
        (xs[column], ys[row], int(density[row, column])) for row, column in zip(*np.nonzero(density), strict=True)
    )
    return Rows((picture.x.name, picture.y.name, "n"), counted)


def _middles(axis: PictureAxis, count: int) -> list[float]:
    assert axis.values is not None, "the axis of a density has its bounds"
    edges = np.linspace(axis.values[0], axis.values[-1], count + 1)
    return [float(each) for each in (edges[:-1] + edges[1:]) / 2]


def _of_graph(picture: Graph) -> Rows:
    def takes(name: str) -> str:
        return " ".join(sorted(edge.source for edge in picture.edges if edge.target == name))

    if any(each.counts for each in picture.nodes):
        counted = (
            (
                each.name,
                each.operator,
                *_in_states(each),
                each.taken or int(each.cached),
                None if each.seconds is None or not each.counts else f"{each.seconds:.6f}",
                takes(each.name),
            )
            for each in picture.nodes
        )
        return Rows(("node", "operator", *NODE_STATES, "cached", "median_s", "takes from"), counted)
    found = (
        (each.name, each.operator, each.state, str(each.cached).lower(), takes(each.name)) for each in picture.nodes
    )
    return Rows(("node", "operator", "state", "cached", "takes from"), found)


def _in_states(node: GraphNode) -> Iterator[int]:
    """Yield in how many children a node is in each state; a sweep's own node is in one, once."""
    counts = node.counts or {node.state: 1}
    yield from (counts.get(state, 0) for state in NODE_STATES)


def _of_timeline(picture: Timeline) -> Rows:
    """Return the spans lane by lane, as pages list them."""
    columns = ("run", "node", "agent", "lane", "state", "began", "ended", "seconds")
    found = (
        (of.run, of.node, of.agent, of.lane + 1, of.state, of.began, of.ended, round(of.end - of.start, 3))
        for of in sorted(picture.spans, key=lambda span: span.lane)
    )
    return Rows(columns, found)


def _of_trials(picture: Trials) -> Rows:
    columns = zip(
        picture.trials.tolist(),
        picture.children.tolist(),
        (each.value for each in picture.outcomes),
        map(_cell, picture.values.tolist()),
        map(_cell, picture.best.tolist()),
        strict=True,
    )
    return Rows(("trial", "child", "outcome", picture.y.name, "best so far"), columns)


def _of_parallel(picture: Parallel) -> Rows:
    names = tuple(axis.name for axis in picture.axes)
    if picture.lines is not None and picture.children is not None:
        lines = zip(picture.children.tolist(), picture.lines.tolist(), strict=True)
        return Rows(("child", *names), ((child, *heights) for child, heights in lines))
    counted = (
        (names[at], names[at + 1], int(start), int(end), int(ribbon[start, end]))
        for at, ribbon in enumerate(picture.ribbons)
        for start, end in zip(*np.nonzero(ribbon), strict=True)
    )
    return Rows(("from", "to", "from_bin", "to_bin", "n"), counted)
