"""Which children of a sweep may have printed something, for whoever reads the logs of all of them.

A look never walks the sweep: it reads the rows that weren't read before, and asks indices for the children that are
open and those that execute. Children begin nearly in order, so what is remembered of them is little.
"""

from collections.abc import Collection

from accio.domain.children import Taken
from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import NotFound
from accio.late import dataclass
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.begun import begun_among, begun_from, begun_in_state, executing_children
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.runs_query import Found, InstanceRow, RunRow

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The children to ask now, in order; whether there are more at once; whether the sweep had ended."""

    children: list[Found]
    more: bool
    ended: bool


class SweepLook:
    """Finds, look after look, the children that began, that execute, and that have just ended."""

    def __init__(self, run: RunRow) -> None:
        """Begin with a parent of whose children nothing has been told."""
        self._run = run
        self._found = Taken(run.children)
        self._at = 0  # where the next page begins
        self._open: set[int] = set()  # found, and not ended at the last look
        self._executing: set[int] = set()

    def look(self, badly: Collection[int], snapshot: Snapshot) -> Look:
        """Look again; NotFound if the run was deleted. Children that have ended *badly* by what was told of them may
        have been retried, and have ended again, between two looks: they are looked at once more when all has ended.
        """
        run = runs_query.get_run(snapshot, self._run.no)
        if run is None:
            raise NotFound(f"run {self._run.id} was deleted")
        new, more = self._find_new(snapshot, run)
        running = {row.index for row in begun_in_state(snapshot, run.no, RunState.RUNNING)}
        executing = executing_children(snapshot, run.no)
        found_open = {index for index in running if self._found.has_row(index)}
        ended = run.state in RUN_TERMINAL
        known = (found_open ^ self._open) | executing | self._executing  # ^: ended, or retried
        known = (known | set(badly if ended and not more else ())) - new.keys()
        rows = new | {row.index: row for row in begun_among(snapshot, run.no, known) if self._found.has_row(row.index)}
        self._open, self._executing = found_open, executing
        return Look(
            children=[Found(run=run, index=index, instance=rows[index]) for index in sorted(rows)],
            more=more,
            ended=ended,
        )

    def _find_new(self, snapshot: Snapshot, run: RunRow) -> tuple[dict[int, InstanceRow], bool]:
        """Return the next page of rows, without those that were found before, and whether there is a page after it."""
        page = begun_from(snapshot, run.no, self._at, _PAGE)
        new = {row.index: row for row in page if not self._found.has_row(row.index)}
        for index in new:
            self._found.reach(index)
        self._found.lose(run.removed)
        more = len(page) == _PAGE
        self._at = page[-1].index + 1 if more else self._found.low
        return new, more
