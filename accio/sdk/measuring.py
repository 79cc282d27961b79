"""What an execution measures itself: metrics (a number each) and series (numbers at steps)."""

import math
import re
import time
from collections.abc import Mapping
from types import MappingProxyType

from accio.domain.names import MAX_LENGTH, MEASURED_METRICS
from accio.domain.series import LARGEST_STEP, MOST_SERIES, PROGRESS, Point, Series
from accio.sdk.sinks import Sinks

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class Measurements:
    """The metrics and series of one execution."""

    def __init__(self, sinks: Sinks) -> None:
        """Begin now; what is new is told to *sinks*."""
        self._sinks = sinks
        self._began = time.monotonic()
        self._metrics: dict[str, float] = {}
        self._series: dict[str, Series] = {}
        self._full = False

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of each name."""
        return MappingProxyType(self._metrics)

    @property
    def series(self) -> Mapping[str, Series]:
        """Each name that was measured at steps, and the progress."""
        return MappingProxyType(self._series)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number, at a *step* if given; ValueError for a name or a step that can't be."""
        if len(name) > MAX_LENGTH or not _NAME.match(name):
            raise ValueError(f"a metric's name must match [A-Za-z][A-Za-z0-9_]*, found {name[:MAX_LENGTH]!r}")
        if name in MEASURED_METRICS:
            raise ValueError(f"the metric {name} is measured of every execution: give yours another name")
        number = float(value)
        if step is not None:
            at = int(step)
            if at != step or abs(at) > LARGEST_STEP:
                raise ValueError(f"expected a whole number of at most 2**53 as the step of {name}, found {step!r}")
            if name == PROGRESS:
                raise ValueError(f"the series {PROGRESS} is that of ctx.progress(): give yours another name")
            self._add(name, at, number)
        self._metrics[name] = number

    def progress(self, fraction: float) -> None:
        """Record how much is done, clipped to 0 to 1; ValueError for NaN."""
        if math.isnan(fraction):
            raise ValueError("progress must be a fraction from 0 to 1, found NaN")
        clipped = min(1.0, max(0.0, float(fraction)))
        known = self._series.get(PROGRESS)
        self._add(PROGRESS, 0 if known is None else known.total, clipped)
        self._sinks.progress(clipped)

    def _add(self, name: str, step: int, value: float) -> None:
        series = self._series.get(name)
        if series is None:
            if len(self._series) >= MOST_SERIES:
                if not self._full:
                    self._full = True
                    self._sinks.log(f"accio: series beyond the first {MOST_SERIES} are not kept: {name}")
                return
            series = self._series[name] = Series()
        series.add(Point(step, value, time.monotonic() - self._began))
        self._sinks.measured(name, self._series)
