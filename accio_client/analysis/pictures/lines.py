"""Lines: the mean of an output over a parameter with its interval, and distributions; bars of importance."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from accio.errors import BadRequest, FailedPrecondition
from accio_client.analysis.aggregate import MEDIAN, Aggregate, aggregate
from accio_client.analysis.columns import AxisColumn, Floats, Ints, Mask, Numbers, SweepTable
from accio_client.analysis.importance import importance
from accio_client.analysis.pictures.specification import (
    MOST_LINES,
    MOST_SERIES,
    Bar,
    Bars,
    Counted,
    Head,
    Kind,
    Lines,
    PictureAxis,
    Scale,
    Series,
    command_of,
    evenly,
    growing,
    over_remark,
    parameter_axis,
)
from accio_client.analysis.ranks import values_at

MOST_STEPS = 1000
MOST_BINS = 200
_WHOLE = 2.0**53
_QUARTILES = (0.25, MEDIAN, 0.75)


def line(
    table: SweepTable,
    value: str,
    *,
    x: str | None = None,
    by: str | None = None,
    median: bool = False,
    where: Mask | None = None,
    query: str = "",
) -> Lines:
    """Return the mean of an output over *x* with its 95 % interval, a line for each value of *by*.

    With *median*, the median and the quartiles instead. Values that aren't finite count as missing. A parameter of more
    than 2,000 values shows as many of them, evenly spread; which is said.
    """
    axis = _axis(table, x)
    if axis.name == by:
        raise BadRequest(f"'{by}' is the axis, so it can't be the series, too")
    column = table.column(value)
    shown = growing(axis)[evenly(axis.size, MOST_LINES)]
    series_axis = None if by is None else table.axis(by)
    series = None if series_axis is None else (series_axis, growing(series_axis)[evenly(series_axis.size, MOST_SERIES)])
    only = {each.name: np.sort(some) for each, some in ((axis, shown), *(() if series is None else (series,)))}
    finite = column.finite_among(where)
    found = aggregate(table, column, by=list(only), where=finite, quantiles=_QUARTILES if median else (), only=only)
    remarks = over_remark(found.over, done="taken" if median else "averaged")
    if len(shown) < axis.size:
        remarks.append(f"{len(shown):,} of {axis.size:,} values of {axis.name}, evenly spread")
    looked_at = table.size if where is None else int(where.sum())
    usable = column.usable_among(where)
    n = table.size if usable is None else int(usable.sum())
    of = "Median and quartiles" if median else "Mean and 95 % interval"
    return Lines(
        head=Head(
            kind=Kind.LINE,
            title=f"{of} of {_with_unit(column)} over {axis.name}",
            counted=Counted(n, table.total, looked_at - n),
            remarks=(*remarks, *_series_remark(series_axis)),
            command=command_of(table.run, Kind.LINE, query, median=median, y=value, x=axis.name, by=by or ""),
        ),
        x=parameter_axis(axis, shown),
        y=PictureAxis(value, column.unit, Scale.LINEAR),
        series=_series(found, (axis, shown), series, median=median),
        series_name=by or "",
    )


def _axis(table: SweepTable, name: str | None) -> AxisColumn:
    if name is not None:
        return table.axis(name)
    if not table.axes:
        raise FailedPrecondition("no parameter varies in this sweep, so there is nothing to draw a line over")
    return max(table.axes, key=lambda axis: (axis.is_ordered, axis.size))


def _series(
    found: Aggregate, along: tuple[AxisColumn, Ints], by: tuple[AxisColumn, Ints] | None, *, median: bool
) -> tuple[Series, ...]:
    """Return a line over some places of an axis for each of some of another; groups have these places only, growing."""
    if median:
        low, middle, high = (found.quantiles[share] for share in _QUARTILES)
    else:
        low, middle, high = found.low, found.mean, found.high
    (axis, shown), series = along, []
    ranks = np.argsort(np.argsort(shown))
    x = axis.numbers[shown] if axis.is_ordered else np.arange(len(shown), dtype=np.float64)
    if by is None:
        return (Series(name="", x=x, y=middle[ranks], low=low[ranks], high=high[ranks], n=found.n[ranks]),)
    for place, rank in zip(by[1].tolist(), np.argsort(np.argsort(by[1])).tolist(), strict=True):
        at = ranks, rank
        name = by[0].text(place)
        series.append(Series(name=name, x=x, y=middle[at], low=low[at], high=high[at], n=found.n[at]))
    return tuple(series)


def _series_remark(by: AxisColumn | None) -> list[str]:
    if by is None or by.size <= MOST_SERIES:
        return []
    return [f"{MOST_SERIES} of {by.size:,} values of {by.name}"]


def _with_unit(column: Numbers) -> str:
    return f"{column.name} ({column.unit})" if column.unit else column.name


def distribution(
    table: SweepTable,
    value: str,
    *,
    density: bool = False,
    by: str | None = None,
    where: Mask | None = None,
    query: str = "",
) -> Lines:
    """Return the distribution of an output over the children: cumulated, or with *density* as a histogram."""
    column = table.column(value)
    valid = column.usable_among(where)
    axis = None if by is None else table.axis(by)
    samples: dict[str, Floats] = {}
    if axis is None:
        samples[""] = column.values if valid is None else column.values[valid]
    else:
        place = table.coordinate(axis.name)
        for at in growing(axis)[evenly(axis.size, MOST_SERIES)].tolist():
            mine = place == at if valid is None else valid & (place == at)
            samples[axis.text(at)] = column.values[mine]
    shown = int(sum(map(len, samples.values())))
    looked_at = table.size if where is None else int(where.sum())
    usable = table.size if valid is None else int(valid.sum())
    kind = Kind.PDF if density else Kind.CDF
    head = Head(
        kind=kind,
        title=f"{'Density' if density else 'Distribution'} of {_with_unit(column)}",
        counted=Counted(shown, table.total, looked_at - usable),
        remarks=tuple(_series_remark(axis)),
        command=command_of(table.run, kind, query, y=value, by=by or ""),
    )
    return distribution_of(samples, head, PictureAxis(value, column.unit, Scale.LINEAR), by or "")


def distribution_of(samples: Mapping[str, Floats], head: Head, x: PictureAxis, series_name: str = "") -> Lines:
    """Return the distribution of samples, by the head's kind: of the values inside collections, say."""
    density = head.kind is Kind.PDF
    edges = _edges_of(samples) if density else np.empty(0)
    return Lines(
        head=head,
        x=x,
        y=PictureAxis("density" if density else "share of values at most x", "", Scale.LINEAR),
        series=tuple(
            _density(name, values, edges) if density else _cumulated(name, values) for name, values in samples.items()
        ),
        series_name=series_name,
    )


def _edges_of(samples: Mapping[str, Floats]) -> Floats:
    """Return the ends of the bins of a histogram, growing: between two numbers there are no more bins than doubles."""
    known = [values for values in samples.values() if len(values)]
    if not known:
        return np.array([0.0, 1.0])
    values = known[0] if len(known) == 1 else np.concatenate(known)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low - 0.5, high + 0.5]) if abs(low) < _WHOLE else np.sort([low, np.nextafter(low, 0)])
    unit = 1.0 if np.isfinite(high - low) else 4.0  # nothing leaves the range of doubles
    return np.unique(np.linspace(low / unit, high / unit, _bins_of(values, low, high, unit) + 1) * unit)


def _bins_of(values: Floats, low: float, high: float, unit: float) -> int:
    """Return how many bins a histogram has: as wide as those of Freedman and Diaconis (1981), or as those of Sturges
    (1926) where these are narrower, but no more than twice the root of the number of values, and at most MOST_BINS.
    """
    size, span = len(values), high / unit - low / unit
    at = np.array([1, 3]) * (size - 1) / 4
    around = np.stack([np.floor(at), np.ceil(at)], axis=1).astype(np.int64)
    below, above = values_at(values, around.reshape(-1)).reshape(around.shape).T / unit
    quartiles = below + (above - below) * (at % 1)
    width = max(2 * float(quartiles[1] - quartiles[0]) / size ** (1 / 3), span / math.sqrt(size) / 2)
    width = min(width, span / (math.log2(size) + 1))
    return min(MOST_BINS, max(1, math.ceil(span / width))) if width else MOST_BINS


def _cumulated(name: str, values: Floats) -> Series:
    """Return the empirical distribution, at no more than MOST_STEPS of its steps."""
    at = np.array(evenly(len(values), MOST_STEPS), dtype=np.int64)
    return Series(name=name, x=values_at(values, at), y=(at + 1) / max(1, len(values)))


def _density(name: str, values: Floats, edges: Floats) -> Series:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        even = np.array_equal(np.linspace(edges[0], edges[-1], len(edges)), edges)
        # The same counts, but of bins of one width none is sought.
        counts, _ = np.histogram(values, len(edges) - 1, (edges[0], edges[-1])) if even else np.histogram(values, edges)
        halves = edges[1:] / 2 - edges[:-1] / 2
        heights = counts / max(1, len(values)) / halves / 2
    return Series(name=name, x=edges[:-1] + halves, y=heights, n=counts)


def importance_bars(
    table: SweepTable, value: str, *, where: Mask | None = None, query: str = "", most: int = 20
) -> Bars:
    """Return the shares of the variance of an output: parameters, pairs, higher orders, noise."""
    found = importance(table, value, where=where)
    shares: Sequence[tuple[str, float, float | None, str]] = [
        *((each.names[0], each.share, each.by_chance, "parameter") for each in found.main),
        *((" × ".join(each.names), each.share, each.by_chance, "pair") for each in found.pairs),
        *([("higher orders", found.higher, None, "rest")] if found.higher is not None and len(table.axes) > 2 else []),
        *([("noise", found.noise, None, "noise")] if found.noise is not None else []),
    ]
    ordered = sorted(shares, key=lambda each: -each[1])
    remarks = [found.note, *([f"{most} of {len(ordered)} shares"] if len(ordered) > most else [])]
    return Bars(
        head=Head(
            kind=Kind.IMPORTANCE,
            title=f"Importance for {value}: shares of its variance",
            counted=Counted(found.n, table.total, found.missing),
            remarks=tuple(remarks),
            command=command_of(table.run, Kind.IMPORTANCE, query, y=value),
        ),
        x=PictureAxis("share of variance", "", Scale.LINEAR),
        bars=tuple(
            Bar(label=label, share=share, mark=mark, group=group) for label, share, mark, group in ordered[:most]
        ),
    )
