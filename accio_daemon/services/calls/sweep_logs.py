"""Which children of a sweep may have printed something, for whoever reads the logs of all of them.

A look never walks the sweep: it reads the rows that weren't read before, and asks indices for the children that are
open and those that execute. Children begin nearly in order, so what is remembered of them is little.
"""

import sqlite3
from dataclasses import dataclass

from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import NotFound
from accio_daemon.storage import runs_query
from accio_daemon.storage.begun import begun_among, begun_from, begun_in_state, executing_children
from accio_daemon.storage.runs_query import Found, InstanceRow, RunRow

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
        self._low = 0  # every child below has been found
        self._above: set[int] = set()  # found, above a gap of children that hadn't begun
        self._at = 0  # where the next page begins
        self._open: set[int] = set()  # found, and not ended at the last look
        self._executing: set[int] = set()

    def look(self, connection: sqlite3.Connection) -> Look:
        """Look again; NotFound if the run was deleted."""
        run = runs_query.get_run(connection, self._run.no)
        if run is None:
            raise NotFound(f"run {self._run.id} was deleted")
        new, more = self._find_new(connection, run)
        running = {row.index for row in begun_in_state(connection, run.no, RunState.RUNNING)}
        executing = executing_children(connection, run.no)
        found_open = {index for index in running if self._found(index)}
        known = ((found_open ^ self._open) | executing | self._executing) - new.keys()  # ^: ended, or retried
        rows = new | {row.index: row for row in begun_among(connection, run.no, known) if self._found(row.index)}
        self._open, self._executing = found_open, executing
        return Look(
            children=[Found(run=run, index=index, instance=rows[index]) for index in sorted(rows)],
            more=more,
            ended=run.state in RUN_TERMINAL,
        )

    def _find_new(self, connection: sqlite3.Connection, run: RunRow) -> tuple[dict[int, InstanceRow], bool]:
        """The next page of rows, without those that were found before, and whether there is a page after it."""
        page = begun_from(connection, run.no, self._at, _PAGE)
        new = {row.index: row for row in page if not self._found(row.index)}
        self._above |= new.keys()
        for first, last in run.removed:
            self._close_up()
            if first <= self._low <= last:
                self._low = last + 1
        self._close_up()
        more = len(page) == _PAGE
        self._at = page[-1].index + 1 if more else self._low
        return new, more

    def _close_up(self) -> None:
        while self._low in self._above:
            self._above.remove(self._low)
            self._low += 1

    def _found(self, index: int) -> bool:
        return index < self._low or index in self._above
