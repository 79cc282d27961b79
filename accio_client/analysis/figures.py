"""Pictures as files: PNG, SVG and PDF, drawn by matplotlib (the extra `plot`), which is imported here only.

Colours are those of the web interface: Cividis for numbers, a colour and a sign per state, and per series a colour, a
dash and its name at the end of the line, so that no picture depends on colours alone.
"""

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accio.errors import BadRequest, FailedPrecondition
from accio_client.analysis.columns import STATES, Floats, Mask
from accio_client.analysis.node_figures import draw_graph, draw_timeline
from accio_client.analysis.pictures.specification import (
    BINS,
    Bars,
    Cloud,
    Graph,
    Head,
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
    better,
    short_tick,
    visible,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
STATE_COLOURS = {
    "scheduled": "#5b6470",
    "running": "#0a5fd0",
    "success": "#0b7a4b",
    "failed": "#c02600",
    "killed": "#7a3fb5",
}
_SERIES = ("#00204d", "#c02600", "#0b7a4b", "#7a3fb5", "#0a5fd0", "#8a5a00", "#5b6470", "#b0006d")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
_BAR_COLOURS = {"parameter": "#00204d", "pair": "#575d6d", "rest": "#a59c74", "noise": "#fdea45"}
_MISSING = "#e8e8e8"
_MOST_TICKS = 12
_NAME_HEIGHT = 0.045
_FEW_CELLS = 900


def save(picture: Picture, path: Path) -> None:
    """Write a picture to a file in the format of its name; BadRequest and FailedPrecondition say what is amiss."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise BadRequest(f"expected a file called *.{', *.'.join(FORMATS)}, found {path.name}")
    _write(picture, path, kind)


def svg(picture: Picture) -> str:
    """Return a picture as the text of an SVG file; FailedPrecondition without matplotlib."""
    text = StringIO()
    _write(picture, text, "svg")
    return text.getvalue()


def _write(picture: Picture, target: Path | StringIO, kind: str) -> None:
    drawn = figure(picture)
    # The same picture is the same file: no date, and ids of SVG elements from a fixed salt.
    metadata: dict[str, Any] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "accio"}):
        drawn.savefig(target, format=kind, dpi=150, metadata=metadata)


def figure(picture: Picture) -> "Figure":
    """Return a picture as a matplotlib figure; FailedPrecondition without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        message = (
            "pictures as .png, .svg and .pdf need matplotlib: pip install 'accio-experiments[plot]'; "
            "as .csv, and drawn in characters, they don't"
        )
        raise FailedPrecondition(message) from None
    drawn = Figure(figsize=(8, 5), layout="constrained")
    axes = drawn.add_subplot()
    match picture:
        case Map():
            _map(drawn, axes, picture)
        case Lines():
            _lines(axes, picture)
        case Bars():
            _bars(axes, picture)
        case Cloud():
            _cloud(drawn, axes, picture)
        case Parallel():
            _parallel(axes, picture)
        case Graph():
            draw_graph(axes, picture)
        case Timeline():
            draw_timeline(axes, picture)
        case Trials():
            _trials(axes, picture)
    _say(drawn, axes, picture.head)
    return drawn


def _say(drawn: "Figure", axes: "Axes", head: Head) -> None:
    axes.set_title(_plain(head.title), fontsize=11, loc="left")
    text = "; ".join([str(head.counted), *head.remarks])
    drawn.supxlabel(_plain(text), fontsize=7.5, x=0.01, ha="left", color="#444444")


# --------------------------------------------------------------------------------------------------------------- maps


def _map(drawn: "Figure", axes: "Axes", picture: Map) -> None:
    from matplotlib.colors import ListedColormap

    values = np.ma.masked_invalid(picture.values)
    axes.set_facecolor(_MISSING)
    if picture.head.kind is Kind.STATES:
        colours = ListedColormap([STATE_COLOURS[state.value] for state in STATES])
        axes.imshow(values, cmap=colours, vmin=-0.5, vmax=len(STATES) - 0.5, aspect="auto", origin="lower")
        _signs(axes, picture)
        _state_legend(drawn, picture)
    else:
        low, high = (0.0, 1.0) if picture.head.kind is Kind.FAILURES else (None, None)
        image = axes.imshow(values, cmap="cividis", vmin=low, vmax=high, aspect="auto", origin="lower")
        drawn.colorbar(image, ax=axes, label=_plain(picture.value.label))
        missing = np.isnan(picture.values)
        _hatched(axes, missing, "////")
        if picture.head.kind is Kind.HEAT:
            _marks(axes, picture.failed > 0)
    _ticks(axes, picture.x, vertical=False)
    _ticks(axes, picture.y, vertical=True)


def _ticks(axes: "Axes", axis: PictureAxis, *, vertical: bool) -> None:
    size = len(axis.ticks)
    shown = np.unique(np.linspace(0, size - 1, min(size, _MOST_TICKS)).round().astype(int))
    texts = [_short(axis.ticks[at]) for at in shown]
    if vertical:
        axes.set_yticks(shown, texts, fontsize=8)
        axes.set_ylabel(_plain(axis.label))
    else:
        slanted = sum(map(len, texts)) > 60
        axes.set_xticks(shown, texts, fontsize=8, rotation=35 if slanted else 0, ha="right" if slanted else "center")
        axes.set_xlabel(_plain(axis.label))


def _short(text: str) -> str:
    return _plain(short_tick(text, 18))


def _plain(text: str) -> str:
    """Return a text that matplotlib doesn't take for a formula."""
    return visible(text).replace("$", r"\$")


def _hatched(axes: "Axes", which: Mask, hatch: str) -> None:
    if which.any() and which.size <= _FEW_CELLS:
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        rows, columns = np.nonzero(which)
        cells = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in zip(rows, columns, strict=True)]
        axes.add_collection(PatchCollection(cells, facecolor="none", edgecolor="#888888", linewidth=0, hatch=hatch))


def _marks(axes: "Axes", which: Mask) -> None:
    if which.size <= _FEW_CELLS and which.any():
        rows, columns = np.nonzero(which)
        axes.scatter(columns, rows, marker="x", color="#c02600", s=18, linewidths=1.2, label="failures")
        axes.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)


_SIGNS = {"scheduled": "o", "running": ">", "success": "", "failed": "x", "killed": "s"}


def _signs(axes: "Axes", picture: Map) -> None:
    """Mark what isn't success with a sign, and mixed cells with a line, where cells are large enough."""
    if picture.values.size > _FEW_CELLS:
        return
    for code, state in enumerate(STATES):
        rows, columns = np.nonzero(picture.values == code)
        if _SIGNS[state.value] and len(rows):
            axes.scatter(columns, rows, marker=_SIGNS[state.value], color="white", s=14, linewidths=1)
    if picture.mixed is not None:
        rows, columns = np.nonzero(picture.mixed)
        axes.scatter(columns, rows + 0.32, marker="_", color="white", s=40, linewidths=1.5)


def _state_legend(drawn: "Figure", picture: Map) -> None:
    from matplotlib.patches import Patch

    there = [state for code, state in enumerate(STATES) if (picture.values == code).any()]
    patches = [Patch(color=STATE_COLOURS[state.value], label=state.value) for state in there]
    drawn.legend(handles=patches, loc="outside right upper", fontsize=8)


# -------------------------------------------------------------------------------------------------------------- lines


def _lines(axes: "Axes", picture: Lines) -> None:
    step = picture.head.kind is Kind.CDF
    for number, series in enumerate(picture.series):
        colour, dash = _SERIES[number % len(_SERIES)], _DASHES[number % len(_DASHES)]
        style: dict[str, Any] = {"drawstyle": "steps-post"} if step else {}
        few = len(series.x) <= 60 and picture.head.kind is Kind.LINE
        axes.plot(series.x, series.y, color=colour, linestyle=dash, marker="o" if few else None, markersize=3, **style)
        if series.low is not None and series.high is not None:
            axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.15, linewidth=0)
    _name_series(axes, picture)
    if picture.x.scale is Scale.LOG:
        axes.set_xscale("log")
    if picture.x.scale is Scale.CATEGORIES:
        _ticks(axes, picture.x, vertical=False)
    axes.set_xlabel(_plain(picture.x.label))
    axes.set_ylabel(_plain(picture.y.label))
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _name_series(axes: "Axes", picture: Lines) -> None:
    """Write the name of each line beside its end, in its colour; names that would lie on each other are moved apart."""
    low, high = axes.get_ylim()
    ends: list[tuple[float, int]] = []
    for number, series in enumerate(picture.series):
        known = series.y[np.isfinite(series.y)]
        if series.name and len(known):
            ends.append(((float(known[-1]) - low) / (high - low), number))
    ends.sort(reverse=True)
    beneath = 0.98 + _NAME_HEIGHT
    for place, (end, number) in enumerate(ends):
        beneath = max(min(end, beneath - _NAME_HEIGHT), (len(ends) - 1 - place) * _NAME_HEIGHT)
        axes.annotate(
            _short(picture.series[number].name), (1.01, beneath), xycoords="axes fraction", va="center",
            annotation_clip=False, color=_SERIES[number % len(_SERIES)], fontsize=8,
        )  # fmt: skip
    if picture.series_name:
        axes.annotate(_plain(picture.series_name), (1.01, 1.03), xycoords="axes fraction", fontsize=8, color="#444444")


def _bars(axes: "Axes", picture: Bars) -> None:
    bars = picture.bars[::-1]
    places = np.arange(len(bars))
    axes.barh(
        places,
        [bar.share for bar in bars],
        color=[_BAR_COLOURS[bar.group] for bar in bars],
        edgecolor="#333333",
        linewidth=0.5,
    )
    for place, bar in zip(places.tolist(), bars, strict=True):
        axes.annotate(
            f"{bar.share:.1%}", (bar.share, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
        if bar.mark is not None:
            axes.plot([bar.mark, bar.mark], [place - 0.4, place + 0.4], color="#c02600", linewidth=1.5)
    if any(bar.mark is not None for bar in bars):
        axes.plot([], [], color="#c02600", linewidth=1.5, label="what noise alone would give")
        axes.legend(fontsize=8, loc="lower right")
    axes.set_yticks(places, [_plain(bar.label) for bar in bars], fontsize=8)
    axes.set_xlim(0, 1.15 * max((bar.share for bar in bars), default=1.0) or 1.0)
    axes.set_xlabel(_plain(picture.x.label))
    axes.spines[["top", "right"]].set_visible(False)


# ------------------------------------------------------------------------------------------------------------- points


def _cloud(drawn: "Figure", axes: "Axes", picture: Cloud) -> None:
    if picture.density is not None:
        counts = np.ma.masked_equal(picture.density, 0)
        x, y = picture.x.values, picture.y.values
        assert x is not None
        assert y is not None
        extent = (float(x[0]), float(x[1]), float(y[0]), float(y[1]))
        image = axes.imshow(counts, cmap="cividis", aspect="auto", origin="lower", extent=extent)
        drawn.colorbar(image, ax=axes, label="children")
    else:
        axes.scatter(picture.xs, picture.ys, s=9, color="#00204d", alpha=0.5, linewidths=0)
    order = np.argsort(picture.xs[picture.best], kind="stable")
    best: tuple[Floats, Floats] = (picture.xs[picture.best][order], picture.ys[picture.best][order])
    label = f"not beaten in both ({_plain(better(picture))})"
    axes.plot(*best, color="#c02600", marker="D", markersize=4, linewidth=0.8, linestyle="--", label=label)
    axes.legend(fontsize=8)
    axes.set_xlabel(_plain(picture.x.label))
    axes.set_ylabel(_plain(picture.y.label))
    axes.spines[["top", "right"]].set_visible(False)


def _trials(axes: "Axes", picture: Trials) -> None:
    from matplotlib.transforms import blended_transform_factory

    axes.scatter(picture.trials, picture.values, s=12, color="#00204d", alpha=0.6, linewidths=0, label="a trial")
    axes.plot(picture.trials, picture.best, color="#c02600", drawstyle="steps-post", linewidth=1.4, label="best so far")
    new = picture.improved
    axes.scatter(picture.trials[new], picture.values[new], s=26, color="#c02600", marker="D", linewidths=0)
    foot = blended_transform_factory(axes.transData, axes.transAxes)
    for outcome, marker, label, colour in _WITHOUT_VALUE:
        at = picture.trials[[each is outcome for each in picture.outcomes]]
        if len(at):
            style: dict[str, Any] = {"marker": marker, "color": colour, "s": 22, "linewidths": 1.1, "clip_on": False}
            axes.scatter(at, np.full(len(at), 0.02), transform=foot, label=label, **style)
    if picture.y.scale is Scale.LOG:
        axes.set_yscale("log")
    axes.legend(fontsize=8)
    axes.set_xlabel(_plain(picture.x.label))
    axes.set_ylabel(_plain(picture.y.label))
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


_WITHOUT_VALUE = (
    (Outcome.PRUNED, "|", "ended early", STATE_COLOURS["killed"]),
    (Outcome.FAILED, "x", "without a value", STATE_COLOURS["failed"]),
)


def _parallel(axes: "Axes", picture: Parallel) -> None:
    import matplotlib as mpl
    from matplotlib.collections import LineCollection

    count = len(picture.axes)
    if picture.lines is not None:
        colours = mpl.colormaps["cividis"](picture.lines[:, -1])
        paths = [np.column_stack([np.arange(count), row]) for row in picture.lines]
        axes.add_collection(LineCollection(paths, colors=colours, linewidths=0.6, alpha=0.6))
    for ribbons, colour in ((picture.ribbons, "#7c7b78"), (picture.brushed, "#c02600")):
        for left, ribbon in enumerate(ribbons if picture.lines is None else ()):
            starts, ends = np.nonzero(ribbon)
            weight = ribbon[starts, ends] / ribbon.max()
            paths = [
                np.array([[left, a / (BINS - 1)], [left + 1, b / (BINS - 1)]])
                for a, b in zip(starts, ends, strict=True)
            ]
            shades = [(*mpl.colors.to_rgb(colour), 0.05 + 0.75 * float(each)) for each in weight]
            axes.add_collection(LineCollection(paths, colors=shades, linewidths=1.2))
    for at, axis in enumerate(picture.axes):
        axes.axvline(at, color="#333333", linewidth=0.8)
        for end, height, place in ((0, 0.0, "top"), (-1, 1.0, "bottom")):
            text = axis.ticks[end] if axis.ticks else f"{axis.values[end]:.4g}" if axis.values is not None else ""
            shift = -4 if place == "top" else 4
            axes.annotate(
                _short(text),
                (at, height),
                xytext=(0, shift),
                textcoords="offset points",
                ha="center",
                va=place,
                fontsize=8,
            )
    axes.set_xlim(-0.3, count - 0.7)
    axes.set_ylim(-0.1, 1.1)
    axes.set_xticks(range(count), [_plain(axis.label) for axis in picture.axes], fontsize=9)
    axes.set_yticks([])
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
