"""Pictures as lines of text: Braille dots for lines and points, shades and signs for maps, blocks for bars."""

from collections.abc import Sequence

import numpy as np

from accio.domain.states import RunState
from accio_client.analysis.braille import Canvas
from accio_client.analysis.columns import STATES, Floats, Ints
from accio_client.analysis.node_terminal import graph_lines, timeline_lines
from accio_client.analysis.pictures.specification import (
    BINS,
    Bars,
    Cloud,
    Graph,
    Kind,
    Lines,
    Map,
    Outcome,
    Parallel,
    Picture,
    PictureAxis,
    Scale,
    Timeline,
    Trials,
    number_text,
    short_tick,
    visible,
)

_SHADES = " ░▒▓█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
GLYPHS = {
    RunState.SCHEDULED: "◌",
    RunState.RUNNING: "▶",
    RunState.SUCCESS: "✓",
    RunState.FAILED: "✗",
    RunState.KILLED: "■",
}
_MARGIN = 12
# Colours of the terminal, told apart also by people who see few colours; lines have their names at the end, too.
_COLOURS = tuple(f"\x1b[{code}m" for code in ("36", "33", "35", "32", "34", "31", "96", "93"))


def render(picture: Picture, *, width: int = 80, height: int = 24, colour: bool = False) -> list[str]:
    """Return the lines of a picture, at most *width* (40 or more) wide, and about *height* high."""
    head, width = picture.head, max(40, width)
    body = [line.rstrip() for line in _body(picture, width, height, colour=colour)]
    return [_short(head.title, width), *body, *(_short(text, width) for text in (str(head.counted), *head.remarks))]


def _body(picture: Picture, width: int, height: int, *, colour: bool) -> list[str]:
    match picture:
        case Map():
            return _map(picture, width, height)
        case Lines():
            return _lines(picture, width, height, colour=colour)
        case Bars():
            return _bars(picture, width)
        case Cloud():
            return _cloud(picture, width, height, colour=colour)
        case Parallel():
            return _parallel(picture, width, height)
        case Graph():
            return graph_lines(picture, width)
        case Timeline():
            return timeline_lines(picture, width)
        case Trials():
            return _trials(picture, width, height, colour=colour)


def _short(text: str, width: int) -> str:
    text = visible(text)
    return text if len(text) <= width else text[: width - 1] + "…"


# -------------------------------------------------------------------------------------------------------------- lines


def _scaled(values: Floats, axis: PictureAxis) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(values) if axis.scale is Scale.LOG else values


def _bounds(values: Sequence[Floats]) -> tuple[float, float]:
    known = np.concatenate([each[np.isfinite(each)] for each in values]) if values else np.array([])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    room = abs(low) or 1.0
    return (low, high) if high > low else (low - room / 2, high + room / 2)


def _lines(picture: Lines, width: int, height: int, *, colour: bool) -> list[str]:
    names = [series.name for series in picture.series]
    named = min(width // 5, max((len(name) for name in names), default=0))
    canvas = Canvas(width - _MARGIN - (named + 1 if named else 0), max(5, height - 6))
    xs = [_scaled(series.x, picture.x) for series in picture.series]
    banded = len(picture.series) == 1
    bands = [each for s in picture.series for each in (s.low, s.high) if each is not None] if banded else []
    x_low, x_high = _bounds(xs)
    y_low, y_high = _bounds([*(series.y for series in picture.series), *bands])
    ends: dict[int, str] = {}
    for number, (series, x) in enumerate(zip(picture.series, xs, strict=True)):
        across = (x - x_low) / (x_high - x_low)
        up = (series.y - y_low) / (y_high - y_low)
        canvas.polyline(across, up, number)
        if banded and series.low is not None and series.high is not None:
            canvas.bars(
                across, (series.low - y_low) / (y_high - y_low), (series.high - y_low) / (y_high - y_low), number
            )
        known = np.flatnonzero(np.isfinite(up))
        if named and len(known):
            _put(ends, canvas.row_of(float(up[known[-1]])), series.name, canvas.height)
    rows = canvas.rows(_COLOURS if colour else ())
    labels = _y_labels(y_low, y_high, len(rows))
    ended = [f" {_short(ends[row], named)}" if row in ends else "" for row in range(len(rows))]
    framed = [f"{label:>{_MARGIN - 2}} ┤{row}{end}" for label, row, end in zip(labels, rows, ended, strict=True)]
    hidden = [name for name in names if name and name not in ends.values()]
    also = [_short(f"{picture.series_name}: also {', '.join(hidden)}", width)] if hidden else []
    return [
        f"{' ' * _MARGIN}{_short(picture.y.label, width - _MARGIN)}",
        *framed,
        *_x_labels(picture.x, x_low, x_high, canvas.width),
        *also,
    ]


def _put(ends: dict[int, str], row: int, name: str, rows: int) -> None:
    """Write a name beside a row, or beside the nearest one that is free."""
    free = [each for each in range(rows) if each not in ends]
    if free:
        ends[min(free, key=lambda each: abs(each - row))] = name


def _y_labels(low: float, high: float, rows: int) -> list[str]:
    labels = [""] * rows
    for row in (0, rows // 2, rows - 1):
        labels[row] = number_text(low if row == rows - 1 else high - (high - low) * row / max(1, rows - 1))
    return labels


def _x_labels(axis: PictureAxis, low: float, high: float, width: int) -> list[str]:
    if axis.scale is Scale.CATEGORIES and axis.ticks:
        texts = [axis.ticks[0], axis.ticks[len(axis.ticks) // 2] if len(axis.ticks) > 2 else "", axis.ticks[-1]]
    else:
        ends = [low, (low + high) / 2, high]
        texts = [number_text(10**each if axis.scale is Scale.LOG else each) for each in ends]
    left, middle, right = (short_tick(text, width // 3) for text in texts)
    if len(left) + len(middle) + len(right) + 2 > width:  # no sign would stand between them
        middle = ""
    gap = max(1, width - len(left) - len(middle) - len(right))  # below a narrow map the labels are wider than it
    line = f"{left}{' ' * (gap // 2)}{middle}{' ' * (gap - gap // 2)}{right}"
    margin = " " * _MARGIN
    return [
        f"{' ' * (_MARGIN - 1)}└{'─' * width}",
        margin + line,
        f"{margin}{_short(axis.label, width):^{width}}".rstrip(),
    ]


# --------------------------------------------------------------------------------------------------------------- maps


def _map(picture: Map, width: int, height: int) -> list[str]:
    wide = 1 if picture.head.kind is Kind.HEAT else 2
    ticks = [short_tick(tick, max(9, width // 4)) for tick in picture.y.ticks]
    margin = max(map(len, ticks), default=0)
    columns = _cut(picture.values.shape[1], max(4, (width - margin - 3) // wide))
    rows = _cut(picture.values.shape[0], max(4, height - 6))
    match picture.head.kind:
        case Kind.STATES:
            cells, legend = _state_cells(picture, rows, columns)
        case Kind.FAILURES:
            cells, legend = _share_cells(picture, rows, columns)
        case _:
            cells, legend = _shade_cells(picture, rows, columns)
    shown = [ticks[first] for first in rows[:-1]]
    lines = [f"{tick:>{margin}} │{''.join(row)}" for tick, row in zip(shown, cells, strict=True)]
    drawn = (len(columns) - 1) * wide
    foot = _x_labels(
        PictureAxis(picture.x.name, picture.x.unit, Scale.CATEGORIES, None, picture.x.ticks), 0, 0, drawn - wide + 1
    )
    indent = " " * (margin + 2)
    under = [f"{' ' * (margin + 1)}└{'─' * drawn}", *(indent + line[_MARGIN:] for line in foot[1:])]
    return [f"{_short(picture.y.label, width - 2)} ↓", *lines, *under, _short(legend, width)]


def _cut(size: int, most: int) -> Ints:
    return np.unique(np.linspace(0, size, min(size, most) + 1).astype(np.int64))


def _block_sums(values: Floats, rows: Ints, columns: Ints) -> Floats:
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=0), columns[:-1], axis=1))


def _block_means(picture: Map, rows: Ints, columns: Ints) -> Floats:
    weight = picture.n.astype(np.float64)
    summed = _block_sums(np.where(picture.n > 0, np.nan_to_num(picture.values) * weight, 0.0), rows, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(summed / _block_sums(weight, rows, columns))


def _shade_cells(picture: Map, rows: Ints, columns: Ints) -> tuple[list[list[str]], str]:
    means = _block_means(picture, rows, columns)
    low, high = _bounds([means.reshape(-1)])
    with np.errstate(invalid="ignore"):
        levels = np.nan_to_num((means - low) / (high - low) * (len(_SHADES) - 1)).round().astype(int)
    cells = [
        ["·" if np.isnan(mean) else _SHADES[level] for mean, level in zip(*pair, strict=True)]
        for pair in zip(means.tolist(), levels.tolist(), strict=True)
    ]
    unit = f" {picture.value.unit}" if picture.value.unit else ""
    return cells, f"{number_text(low)}{unit} '{_SHADES}' {number_text(high)}{unit}, · no value"


def _share_cells(picture: Map, rows: Ints, columns: Ints) -> tuple[list[list[str]], str]:
    shares = _block_means(picture, rows, columns)

    def text(share: float) -> str:
        if np.isnan(share):
            return " ·"
        return "██" if share >= 0.995 else " -" if share == 0 else f"{min(99, max(1, round(share * 100))):2d}"

    cells = [[text(share) for share in row] for row in shares.tolist()]
    return cells, "percent failed; ██ all, - none, · nothing has ended"


def _state_cells(picture: Map, rows: Ints, columns: Ints) -> tuple[list[list[str]], str]:
    counts = np.stack(
        [_block_sums(np.where(picture.values == code, picture.n, 0), rows, columns) for code in range(len(STATES))]
    )
    mixed = (
        _block_sums((picture.mixed if picture.mixed is not None else picture.n < 0).astype(np.float64), rows, columns)
        > 0
    )
    mixed |= counts.max(axis=0) < counts.sum(axis=0)
    most, there = counts.argmax(axis=0), counts.sum(axis=0) > 0
    cells = [
        [
            f"{GLYPHS[STATES[most[row, column]]]}{'~' if mixed[row, column] else ' '}" if there[row, column] else "  "
            for column in range(most.shape[1])
        ]
        for row in range(most.shape[0])
    ]
    return cells, "  ".join(f"{glyph} {state}" for state, glyph in GLYPHS.items()) + "  ~ most of several"


# --------------------------------------------------------------------------------------------------------------- bars


def _bars(picture: Bars, width: int) -> list[str]:
    margin = min(width // 3, max((len(bar.label) for bar in picture.bars), default=0))
    room = max(10, width - margin - 9)
    top = max((bar.share for bar in picture.bars), default=1.0) or 1.0
    lines: list[str] = []
    for bar in picture.bars:
        eighths = round(bar.share / top * room * 8)
        drawn = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
        cells = list(drawn.ljust(room))
        if bar.mark is not None and (at := int(bar.mark / top * room)) < room:
            cells[at] = "│"
        lines.append(f"{_short(bar.label, margin):>{margin}} {''.join(cells).rstrip():<{room}} {bar.share:6.1%}")
    chance = ["│ what noise alone would give"] if any(bar.mark is not None for bar in picture.bars) else []
    return [*lines, *chance]


# ------------------------------------------------------------------------------------------------------------- points


def _cloud(picture: Cloud, width: int, height: int, *, colour: bool) -> list[str]:
    canvas = Canvas(width - _MARGIN, max(5, height - 6))
    x, y = picture.x.values, picture.y.values
    (x_low, x_high), (y_low, y_high) = _bounds([] if x is None else [x]), _bounds([] if y is None else [y])
    if picture.density is not None:
        rows, columns = np.nonzero(picture.density)
        canvas.points((columns + 0.5) / picture.density.shape[1], (rows + 0.5) / picture.density.shape[0], 0)
    else:
        canvas.points((picture.xs - x_low) / (x_high - x_low), (picture.ys - y_low) / (y_high - y_low), 0)
    if picture.head.kind is Kind.TRIALS:  # the front of a study is what is looked for
        order = np.flatnonzero(picture.best)[np.argsort(picture.xs[picture.best], kind="stable")]
        across, up = (picture.xs[order] - x_low) / (x_high - x_low), (picture.ys[order] - y_low) / (y_high - y_low)
        canvas.polyline(across, up, 1)
    drawn = canvas.rows(_COLOURS if colour else ())
    labels = _y_labels(y_low, y_high, len(drawn))
    framed = [f"{label:>{_MARGIN - 2}} ┤{row}" for label, row in zip(labels, drawn, strict=True)]
    return [
        f"{' ' * _MARGIN}{_short(picture.y.label, width - _MARGIN)}",
        *framed,
        *_x_labels(picture.x, x_low, x_high, canvas.width),
    ]


def _trials(picture: Trials, width: int, height: int, *, colour: bool) -> list[str]:
    """Draw dots for values, a line for the best so far, and below them a mark for each trial that has no value."""
    canvas = Canvas(width - _MARGIN, max(5, height - 8))
    values, best = _scaled(picture.values, picture.y), _scaled(picture.best, picture.y)
    low, high = _bounds([values])
    last = float(picture.trials[-1]) if len(picture.trials) else 1.0
    across = picture.trials / (last or 1.0)
    canvas.points(across, (values - low) / (high - low), 0)
    canvas.polyline(np.repeat(across, 2)[1:], (np.repeat(best, 2)[:-1] - low) / (high - low), 1)
    rows = canvas.rows(_COLOURS if colour else ())
    ends = _y_labels(low, high, len(rows))
    if picture.y.scale is Scale.LOG:
        ends = [number_text(10 ** float(each)) if each else "" for each in ends]
    marks = [" "] * canvas.width
    for at, outcome in zip((across * (canvas.width - 1)).astype(int).tolist(), picture.outcomes, strict=True):
        marks[at] = _OUTCOMES.get(outcome, marks[at])
    without = any(each in _OUTCOMES for each in picture.outcomes)
    found = picture.best[np.isfinite(picture.best)]
    return [
        f"{' ' * _MARGIN}{_short(picture.y.label, width - _MARGIN)}",
        *(f"{label:>{_MARGIN - 2}} ┤{row}" for label, row in zip(ends, rows, strict=True)),
        *([" " * _MARGIN + "".join(marks).rstrip()] if without else []),
        *_x_labels(picture.x, 0, last, canvas.width),
        *([f"best so far: {number_text(float(found[-1]))}"] if len(found) else []),
        *(["| ended early  x without a value"] if without else []),
    ]


_OUTCOMES = {Outcome.PRUNED: "|", Outcome.FAILED: "x"}


def _parallel(picture: Parallel, width: int, height: int) -> list[str]:
    canvas = Canvas(width - 2, max(5, height - 5))
    at = np.linspace(0.02, 0.98, len(picture.axes))
    if picture.lines is not None:
        for row in picture.lines:
            canvas.polyline(at, row, 0)
    for left, ribbon in enumerate(picture.brushed or picture.ribbons if picture.lines is None else ()):
        # The heaviest ways only: every way that is taken at all would be a grey block.
        heaviest = np.argsort(-ribbon, axis=None, kind="stable")[:BINS]
        for way in heaviest[ribbon.reshape(-1)[heaviest] > 0].tolist():
            ends = np.array([way // BINS, way % BINS]) / (BINS - 1)
            canvas.polyline(at[left : left + 2], ends, 0)
    room = max(3, (width - 2) // max(1, len(picture.axes)))
    names = "".join(f"{_short(axis.name, room - 1):<{room}}" for axis in picture.axes)
    highs = "".join(f"{short_tick(_end(axis, -1), room - 1):<{room}}" for axis in picture.axes)
    lows = "".join(f"{short_tick(_end(axis, 0), room - 1):<{room}}" for axis in picture.axes)
    return [names.rstrip(), highs.rstrip(), *canvas.rows(()), lows.rstrip()]


def _end(axis: PictureAxis, at: int) -> str:
    if axis.ticks:
        return axis.ticks[at]
    return "" if axis.values is None else number_text(float(axis.values[at]))
