"""What is told beside a run that is followed, asked for at a pace: the last value of each series that running nodes
measure; of a study, its best trial so far.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from accio.domain.series import PROGRESS
from accio.errors import AccioError
from accio_client.cli.sparkline import sparkline
from accio_client.cli.studies_shown import so_far_lines
from accio_client.cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from accio_client.cli.studies_shown import ReadStudy
    from accio_client.views import RunView, SeriesView

    ReadSeries = Callable[[str], Iterable[SeriesView]]
    Told = Callable[[list[str]], None]

EVERY_S = 2.0
_MOST_NODES = 5
_MOST_SERIES = 3
"""Of one node, besides its progress."""
_WIDTH = 12


def lines_of(found: Iterable[SeriesView], *, shape: bool = False) -> list[str]:
    """Return a line per running node that measures something; with *shape* each series is drawn, too."""
    nodes: dict[str, list[SeriesView]] = {}
    for each in found:
        if each.running and each.points:
            nodes.setdefault(each.node, []).append(each)
    lines = [printable(f"{node}: {_told(series, shape=shape)}") for node, series in nodes.items()]
    more = len(lines) - _MOST_NODES
    return [*lines[:_MOST_NODES], f"… and {more} more running {'node' if more == 1 else 'nodes'}"][: len(lines)]


def _told(series: list[SeriesView], *, shape: bool) -> str:
    values = [each for each in series if each.name != PROGRESS]
    parts = [f"{each.points[-1].value:.0%}" for each in series if each.name == PROGRESS]
    parts += [_latest(each, shape=shape) for each in values[:_MOST_SERIES]]
    if len(values) > _MOST_SERIES:
        parts.append(f"{len(values) - _MOST_SERIES} more series")
    return ", ".join(parts)


def _latest(series: SeriesView, *, shape: bool) -> str:
    last = series.points[-1]
    drawn = f" {sparkline(series.points, _WIDTH)}" if shape and len(series.points) > 1 else ""
    return f"{series.name} {last.value:.6g} at step {last.step}{drawn}"


class Looking:
    """Asks in a thread of its own what a run measures, or how far a study is, from its first state to its end."""

    def __init__(
        self, read: ReadSeries, tell: Told, *, shape: bool, study: ReadStudy | None = None, every_s: float = EVERY_S
    ) -> None:
        """Ask *read* (of a study, *study*) every few seconds, and *tell* what it said; what fails is asked again."""
        self._read = read
        self._study = study
        self._tell = tell
        self._shape = shape
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, run: RunView) -> None:
        """Begin with a single run, a child or a study that goes on; a sweep's children are too many to look at."""
        is_study = self._study is not None and "optimize" in run.sweep
        if run.ended:
            self._ended.set()
        elif self._thread is None and (run.kind != "parent" or is_study):
            self._thread = threading.Thread(target=self._look, args=(run,), name="series", daemon=True)
            self._thread.start()

    def _lines(self, run: RunView) -> list[str]:
        if run.kind != "parent":
            return lines_of(self._read(run.id), shape=self._shape)
        found = None if self._study is None else self._study(run.id)
        return [] if found is None else so_far_lines(run, found)

    def _look(self, run: RunView) -> None:
        while not self._ended.wait(self._every_s):
            try:
                lines = self._lines(run)
            except AccioError:
                continue  # the daemon restarts, say: the states of the run tell
            except RuntimeError:  # the client was closed in the middle of a question that nobody waits for any more
                if self._ended.is_set():
                    return
                raise
            if not self._ended.is_set():
                self._tell(lines)

    def end(self) -> None:
        """Ask no more; a question that is open is waited for a moment, then the client's end ends it."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)


@contextmanager
def looking(
    read: ReadSeries | None, tell: Told, *, shape: bool, study: ReadStudy | None = None
) -> Iterator[Callable[[RunView], None]]:
    """Return what notes each state of a run that is followed, and looks at its series or its trials meanwhile (*read*
    None: not).
    """
    if read is None:
        yield lambda run: None
        return
    found = Looking(read, tell, shape=shape, study=study)
    try:
        yield found.note
    finally:
        found.end()
