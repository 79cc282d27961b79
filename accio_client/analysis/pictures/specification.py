"""Picture specifications: frozen data that terminal, files, notebooks and the web draw in their own ways.

A picture has a title, axes with unit and scale, what it counts ("n of N, k without value"), remarks on everything that
was left out or put together, and the command that makes it. `to_json` is the form for the web: arrays are lists, and
what isn't a number is null. docs/pictures.md describes the kinds and their limits.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import numpy as np

from accio.late import dataclass
from accio_client.analysis.columns import AxisColumn, Floats, Ints, Mask

T = TypeVar("T", bound=np.generic)

MOST_CELLS = 300
MOST_SERIES = 8
MOST_LINES = 2000
MOST_POINTS = 20_000
BINS = 64


class Kind(StrEnum):
    STATES = "states"
    HEAT = "heat"
    FAILURES = "failures"
    LINE = "line"
    CDF = "cdf"
    PDF = "pdf"
    IMPORTANCE = "importance"
    SCATTER = "scatter"
    PARALLEL = "parallel"
    GRAPH = "graph"
    TIMELINE = "timeline"
    TRIALS = "trials"


class Scale(StrEnum):
    LINEAR = "linear"
    LOG = "log"
    CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many children (or nodes) a picture shows, of how many, and how many of those have no value."""

    n: int
    of: int
    without: int
    what: str = "children"

    def __str__(self) -> str:
        without = f", {self.without:,} without value" if self.without else ""
        return f"{self.n:,} of {self.of:,} {self.what}{without}"


@dataclass(frozen=True, slots=True, eq=False)
class PictureAxis:
    """An axis. Of values that were tried, `ticks` are their texts; binned ones have the text of a bin."""

    name: str
    unit: str
    scale: Scale
    values: Floats | None = None
    ticks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Head:
    """What every picture says about itself."""

    kind: Kind
    title: str
    counted: Counted
    remarks: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Map:
    """Cells over two parameters: rows are values of `y`, columns values of `x`.

    `values` is the mean (heat map), the share of failures (failure map) or the index of the state that most children of
    the cell are in (state map); NaN where there is nothing. `n` counts what it was computed from. `mixed` marks cells
    of several states, `failed` counts failures.
    """

    head: Head
    x: PictureAxis
    y: PictureAxis
    value: PictureAxis
    values: Floats
    n: Ints
    failed: Ints
    mixed: Mask | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Series:
    """One line: where a band is known, `low` and `high` are its bounds. `n` counts the values behind each point."""

    name: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    n: Ints | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Lines:
    """At most 8 series over one axis: a mean with its band, or a distribution."""

    head: Head
    x: PictureAxis
    y: PictureAxis
    series: tuple[Series, ...]
    series_name: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bar:
    """A labelled share; `mark` is what it would be by chance."""

    label: str
    share: float
    mark: float | None
    group: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bars:
    head: Head
    x: PictureAxis
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Cloud:
    """Children over two outputs: each as a point with its number, or, if they are many, counts in `density`.

    `best` are the points that no other one beats in both outputs, where `directions` says what is better along x and
    along y, minimize or maximize. Of a study, points are trials, and `children` has the first child of each.
    """

    head: Head
    x: PictureAxis
    y: PictureAxis
    xs: Floats
    ys: Floats
    children: Ints
    best: Mask
    density: Ints | None = None
    directions: tuple[str, str] = ("minimize", "minimize")


class Outcome(StrEnum):
    """What came of a trial of a study."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    OPEN = "open"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trials:
    """The trials of a study in the order of their numbers, with the value of an objective and the best one so far.

    `values` is NaN where a trial has no value: `outcomes` says why. `best` is the best value of the trials up to each
    one, NaN before the first value; `improved` marks the trials that were better than all before. `children` has the
    first child of each trial.
    """

    head: Head
    x: PictureAxis
    y: PictureAxis
    direction: str
    trials: Ints
    children: Ints
    values: Floats
    best: Floats
    improved: Mask
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Parallel:
    """Children across all parameters and an output, from 0 to 1 on each axis.

    Few are `lines` (a row each, with its child's number). Of many, `ribbons` counts per neighbouring pair of axes how
    many go from bin to bin; `brushed` counts those of a selection.
    """

    head: Head
    axes: tuple[PictureAxis, ...]
    lines: Floats | None
    children: Ints | None
    ribbons: tuple[Ints, ...]
    brushed: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node at its place; `state` is empty where it has none, `seconds` what it took, if it was executed.

    Of a sweep, `counts` says in how many children it is in which state, `taken` in how many its result was taken from
    the memo, `seconds` the median over those that were executed, and `state` is what catches the eye.
    """

    name: str
    operator: str
    state: str
    cached: bool
    seconds: float | None
    x: float
    y: float
    counts: Mapping[str, int] = field(default_factory=dict)
    taken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """What one node takes from another, with the corners of its way."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Graph:
    """The nodes of a workflow from left to right, with their states in a run."""

    head: Head
    width: float
    height: float
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When a node ran: `start` and `end` are seconds on the axis, `ended` is empty while it runs."""

    run: str
    node: str
    agent: str
    lane: int
    state: str
    began: str
    ended: str
    start: float
    end: float
    operator: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Timeline:
    """When the nodes of a run ran, and where: no two spans of a lane overlap; `lanes` are their agents."""

    head: Head
    x: PictureAxis
    lanes: tuple[str, ...]
    spans: tuple[Span, ...]


Picture: TypeAlias = Map | Lines | Bars | Cloud | Parallel | Graph | Timeline | Trials


def to_json(picture: Any) -> Any:
    """Return a picture as JSON holds it; `shape` says which members there are."""
    if is_dataclass(picture) and not isinstance(picture, type):
        document = {each.name: to_json(getattr(picture, each.name)) for each in fields(picture)}
        shape = {"shape": type(picture).__name__.lower()} if hasattr(picture, "head") else {}
        return shape | document
    if isinstance(picture, np.ndarray):
        # A map has a hundred thousand cells: they aren't looked at one by one.
        if picture.dtype.kind == "f" and not (finite := np.isfinite(picture)).all():
            written = picture.astype(object)
            written[~finite] = None
            return written.tolist()
        return to_json(picture.tolist()) if picture.dtype.kind == "O" else picture.tolist()
    if isinstance(picture, tuple | list):
        return [to_json(each) for each in picture]
    if isinstance(picture, float) and not math.isfinite(picture):
        return None
    return picture


# -------------------------------------------------------------------------------------------------- building blocks


def command_of(run: str, kind: Kind, where: str = "", *, median: bool = False, **options: str) -> str:
    """Return the `accio plot` command that makes a picture; without *run*, one of the cluster."""
    words = ["accio", "plot", *((run,) if run else ()), f"-kind={kind}"]
    words += [f"-{name}={value}" for name, value in options.items() if value]
    words += ["-median"] if median else []
    words += [f"-where={where}"] if where else []
    return shlex.join(words)


def parameter_axis(axis: AxisColumn, order: Ints | None = None, edges: Ints | None = None) -> PictureAxis:
    """Return the axis of a parameter, with its values in *order* (None: as they grow), put together at *edges*."""
    order = growing(axis) if order is None else order
    scale = Scale.CATEGORIES if not axis.is_ordered else Scale.LOG if axis.is_log else Scale.LINEAR
    numbers = axis.numbers[order]
    if edges is None or len(edges) - 1 == axis.size:
        return PictureAxis(axis.name, axis.unit, scale, numbers, tuple(axis.text(int(at)) for at in order))
    firsts, lasts = order[edges[:-1]], order[edges[1:] - 1]
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    ticks = tuple(axis.text(low) if low == high else f"{axis.text(low)} … {axis.text(high)}" for low, high in pairs)
    return PictureAxis(axis.name, axis.unit, scale, numbers[edges[:-1]], ticks)


def growing(axis: AxisColumn) -> Ints:
    """Return the places of an axis by growing value; as they are defined, where there is no order."""
    return np.argsort(axis.numbers, kind="stable") if axis.is_ordered else np.arange(axis.size)


def edges_of(size: int, most: int) -> Ints:
    """Return where places are cut, so that there are at most *most* bins of equal width (up to one)."""
    return np.unique(np.linspace(0, size, min(size, most) + 1).astype(np.int64))


def binned_remark(axis: AxisColumn, edges: Ints) -> list[str]:
    """Return the remark that values were put together, if they were."""
    bins = len(edges) - 1
    return [] if bins == axis.size else [f"{axis.size:,} values of {axis.name} in {bins} bins"]


def number_text(value: float) -> str:
    """Return a number in about nine characters."""
    return f"{value:.4g}"


def visible(text: str) -> str:
    """Return a text without anything that a terminal would obey, or that would turn other text around."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def better(picture: Cloud) -> str:
    """Return what is better in a cloud: "smaller is better", or by output where it is no matter of course."""
    along_x, along_y = picture.directions
    if along_x == along_y:
        return f"{'smaller' if along_x == 'minimize' else 'larger'} is better"
    return f"{along_x} {picture.x.name}, {along_y} {picture.y.name}"


def short_tick(text: str, most: int) -> str:
    """Return the text of a value for a place of *most* characters; a number loses digits, a text its middle or end."""
    text = visible(text)
    if len(text) <= min(most, 9):
        return text
    try:
        return number_text(float(text))
    except ValueError:
        pass
    if len(text) <= most:
        return text
    tail = (most - 1) // 2 if most >= 12 else 0
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def evenly(size: int, most: int) -> list[int]:
    """Return at most *most* places, evenly spread, the first and the last among them."""
    return list(range(size)) if size <= most else np.linspace(0, size - 1, most).round().astype(int).tolist()


def over_remark(over: Sequence[str], *, done: str = "averaged") -> list[str]:
    """Return the remark that says what was averaged over, or *done* otherwise."""
    shown = ["repetitions" if name == "repeat" else name for name in over]
    return [f"{done} over {', '.join(shown)}"] if shown else []
