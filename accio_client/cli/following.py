"""Following a run until it has ended: progress on a terminal, a line per change of state elsewhere, Ctrl-C detaches."""

from __future__ import annotations

import math
import re
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from accio.errors import Internal
from accio_client.analysis.forecast import Pace
from accio_client.cli.live_series import looking
from accio_client.cli.output import STATE_COLOURS, coloured
from accio_client.cli.rates import Steps, ended, forecast
from accio_client.cli.runs_shown import counted
from accio_client.cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from accio.domain.issues import Issue
    from accio_client.cli.live_series import ReadSeries
    from accio_client.cli.notices import Notices
    from accio_client.cli.session import Session
    from accio_client.cli.studies_shown import ReadStudy
    from accio_client.views import RunUpdate, RunView

_MEASURED_EACH_S = 10.0
_LAST_LINES = 5
"""Of what a failed node printed."""
_IN_LIBRARY = re.compile(r'  File "([^/]|/.*/(site-packages|dist-packages|python3\.\d+)/)')
"""A place in a package that is installed, in the standard library, or in compiled code, which has no path."""


def follow(
    session: Session,
    updates: Generator[RunUpdate],
    source: str = "",
    *,
    lasting: bool = True,
    series: ReadSeries | None = None,
    study: ReadStudy | None = None,
    notices: Notices | None = None,
) -> tuple[RunView, tuple[Issue, ...]]:
    """Show *updates* until the run has ended; the run and the findings of its submission.

    *lasting*: whether the daemon can be asked for more afterwards. *series* reads what the nodes of a run measure,
    *study* how far a study is; *notices* are given of it.
    """
    screen: Screen = Lines(session, lasting=lasting)
    on_terminal = coloured(sys.stderr) and not session.quiet
    if on_terminal:
        screen = Bar(session, lasting=lasting)
    last: RunView | None = None
    warnings: tuple[Issue, ...] = ()
    try:
        with (
            closing(screen),
            closing(updates),
            looking(series, screen.measured, shape=on_terminal, study=study) as note,
        ):
            for update in updates:
                if update.warnings and not warnings:
                    warnings = update.warnings
                    session.warn(warnings, source)
                last = update.run
                note(update.run)
                screen.show(update)
                if notices is not None:
                    notices.note(update)
    except KeyboardInterrupt:
        if last is not None:
            session.say(f"\ndetached; {last.id} goes on. Follow it again: {session.hint(f'watch {last.id}')}")
        else:
            look = session.hint("get runs")
            session.say(f"\ninterrupted before the daemon had answered: `{look}` tells whether it has the run")
        raise
    if last is None:
        raise Internal("the daemon ended the call without a word about the run: look for the run with `accio get runs`")
    if notices is not None:
        notices.ended(last)
    return last, warnings


class Screen(Protocol):
    """Where updates are shown."""

    def show(self, update: RunUpdate) -> None: ...

    def measured(self, lines: list[str]) -> None: ...

    def close(self) -> None: ...


class Lines:
    """For files and pipes: a line whenever the state changes or the run has gone on by 5 % or for 10 s, and one for the
    first failure; what nodes measure each 10 s.
    """

    def __init__(self, session: Session, *, lasting: bool = True) -> None:
        self._session = session
        self._lasting = lasting
        self._state = ""
        self._steps = Steps()
        self._failed = False
        self._hindrance = Hindrance()
        self._measured: list[str] = []
        self._measured_at = -math.inf

    def show(self, update: RunUpdate) -> None:
        step = self._steps.news(update.run, time.monotonic())
        if step and update.run.state == self._state:
            self._session.say(printable(step))
        if update.run.state != self._state:
            self._state = update.run.state
            nodes = counted(update.run.nodes_by_state)  # the first answer doesn't count them
            self._session.say(f"{update.run.id} {self._state}" + (f" ({nodes})" if nodes else ""))
        if update.first_failure is not None and not self._failed:
            self._failed = True
            self._session.say(failure_lines(update, self._session, lasting=self._lasting))
        if news := self._hindrance.news(update):
            self._session.say(news)

    def measured(self, lines: list[str]) -> None:
        now = time.monotonic()
        if lines != self._measured and now - self._measured_at >= _MEASURED_EACH_S:
            self._measured, self._measured_at = lines, now
            for line in lines:
                self._session.say(line)

    def close(self) -> None:
        """Do nothing: nothing is held."""


class Bar:
    """For terminals: a bar over the nodes, the children by state, the first failure above it, and below it when the run
    will end and what its nodes measure.
    """

    def __init__(self, session: Session, *, lasting: bool = True) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        from accio_client.cli.progress import Progress

        self._session = session
        self._lasting = lasting
        self._bar = BarColumn(complete_style=STATE_COLOURS["running"], pulse_style=STATE_COLOURS["running"])
        self._progress = Progress(
            TextColumn("{task.description}"),
            self._bar,
            TextColumn("{task.fields[nodes]}"),
            TextColumn("{task.fields[states]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._progress.start()
        self._task = self._progress.add_task("waiting for the daemon", total=None, nodes="", states="")
        self._failed = False
        self._hindrance = Hindrance()
        self._pace = Pace()
        self._forecast = ""
        self._measured: list[str] = []

    def show(self, update: RunUpdate) -> None:
        nodes, over = update.run.nodes_by_state, ended(update.run)
        self._pace.note(time.monotonic(), over)
        self._forecast = "" if update.run.ended else forecast(update.run, self._pace)
        self._progress.below = self._below()
        states = update.run.children_by_state if update.run.kind == "parent" else nodes
        self._bar.finished_style = STATE_COLOURS.get(update.run.state.value, "default")
        self._progress.update(
            self._task,
            description=f"{update.run.id} {update.run.state.value}",
            completed=over,
            total=sum(nodes.values()) or None,
            nodes=f"{over}/{sum(nodes.values())} nodes",
            states=counted(states),
        )
        if update.first_failure is not None and not self._failed:
            self._failed = True
            told = failure_lines(update, self._session, lasting=self._lasting)
            self._progress.console.print(told, markup=False, highlight=False)
        if news := self._hindrance.news(update):
            self._progress.console.print(news, markup=False, highlight=False)

    def measured(self, lines: list[str]) -> None:
        self._measured = lines
        self._progress.below = self._below()

    def _below(self) -> list[str]:
        return [*filter(None, [self._forecast]), *self._measured]

    def close(self) -> None:
        self._progress.below = []
        self._progress.stop()


class Hindrance:
    """What keeps a run from going on, as far as it was told already."""

    def __init__(self) -> None:
        self._told = ""

    def news(self, update: RunUpdate) -> str:
        """Return what has changed about it; empty if nothing has."""
        before, self._told = self._told, _hindrance(update)
        if self._told == before or (update.run.ended and not self._told):
            return ""
        return self._told or f"{update.run.id}: it goes on"


def _hindrance(update: RunUpdate) -> str:
    """Say which running nodes stay with lost agents, where nobody sees whether they go on, or else why a queued one has
    no place; empty if there is no such.
    """
    if not update.away:
        return printable(f"{update.run.id}: {update.stuck}") if update.stuck else ""
    parts = (
        f"{each.nodes} running {'node' if each.nodes == 1 else 'nodes'} with {each.agent} ({each.reason})"
        for each in update.away
    )
    return printable(f"{update.run.id}: may go on at a lost agent, or wait for it: {', '.join(parts)}")


def failure_lines(update: RunUpdate, session: Session, *, lasting: bool = True) -> str:
    """Return the first failure in one sentence, where its details are, where it was raised, and what was printed last.

    Its details are with the daemon, if that is *lasting*.
    """
    found = update.first_failure
    assert found is not None
    cause = printable(f"{found.failure.cause}: {found.failure.message}"[:2000])
    details = f" (details: {session.hint(f'describe node {found.run}/{found.node}')})" if lasting else ""
    told = (found.failure.stderr_tail or found.failure.stdout_tail).splitlines()[-_LAST_LINES:]
    lines = [
        f"{found.run}/{found.node} failed: {cause}{details}",
        *(f"    {printable(line)}" for line in (*_raised_at(found.failure.traceback), *told)),
    ]
    return "\n".join(lines)


def _raised_at(traceback: str) -> list[str]:
    """Return the innermost place of a traceback that is in nobody's library, if there is one, and its line of code;
    none if there is no traceback.
    """
    lines = traceback.splitlines()
    places = [at for at, line in enumerate(lines) if line.startswith('  File "')]
    if not places:
        return []
    at = next((at for at in reversed(places) if not _IN_LIBRARY.match(lines[at])), places[-1])
    place, *code = lines[at : at + 2]
    return [place.strip(), *(f"  {line.strip()}" for line in code if line.startswith("    "))]
