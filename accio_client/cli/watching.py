"""Following several runs at once: `accio watch RUN RUN…`, or without a name all of mine that haven't ended."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from accio.domain.people import parse_person
from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import AccioError
from accio.one_error import one_error
from accio_client.analysis.forecast import Pace
from accio_client.cli.following import Hindrance, failure_lines
from accio_client.cli.notices import Notices
from accio_client.cli.output import coloured
from accio_client.cli.rates import Steps, ended, forecast, from_memo
from accio_client.cli.session import Session
from accio_client.cli.text import printable
from accio_client.client import AsyncClient
from accio_client.settings import Settings
from accio_client.views import RunFilter, RunView

_ACTIVE = tuple(state for state in RunState if state not in RUN_TERMINAL)


def mine(session: Session) -> RunFilter:
    """Return the list of the caller's runs that haven't ended."""
    person = parse_person(Settings.load(address=session.addr, cluster=session.cluster).user)
    return RunFilter(states=_ACTIVE, owner=person.email or person.name)


def follow_all(session: Session, runs: Sequence[str], notices: Notices | None) -> list[RunView]:
    """Follow runs until all have ended; without names, those of the caller that haven't ended now."""
    return asyncio.run(_follow_all(session, runs, notices))


async def _follow_all(session: Session, runs: Sequence[str], notices: Notices | None) -> list[RunView]:
    async with AsyncClient(session.addr, cluster=session.cluster) as client:
        ids: list[str] = list(runs) or [run.id async for run in client.iterate_runs(mine(session))]
        return await follow_each(session, client, ids, notices)


async def follow_each(
    session: Session, client: AsyncClient, ids: Sequence[str], notices: Notices | None = None
) -> list[RunView]:
    """Show how runs go on, what hinders them and what failed first, until all have ended; return how they ended."""
    last: dict[str, RunView] = {}
    screen: Screen = Lines(session)
    if coloured(sys.stderr) and not session.quiet:
        screen = Bars()

    async def follow(name: str) -> None:
        failed, hindrance = False, Hindrance()
        async with aclosing(client.watch(name)) as updates:
            async for update in updates:
                last[name] = update.run
                screen.show(name, update.run)
                if notices is not None:
                    notices.note(update)
                if update.first_failure is not None and not failed:
                    failed = True
                    screen.tell(failure_lines(update, session))
                if news := hindrance.news(update):
                    screen.tell(news)
        run = last.get(name)
        if notices is not None and run is not None:
            notices.ended(run)
        if run is not None and run.kind == "parent":
            with suppress(AccioError):  # the run was deleted meanwhile, or the daemon is older
                if words := from_memo(await client.count_nodes(name)):
                    screen.tell(f"{run.id}: {words}")

    try:
        with one_error(AccioError):
            async with asyncio.TaskGroup() as group:
                for each in ids:
                    group.create_task(follow(each), name=each)
    finally:
        screen.close()
    return [last[each] for each in ids if each in last]


class Screen(Protocol):
    """Where the states of several runs are shown."""

    def show(self, name: str, run: RunView) -> None: ...

    def tell(self, text: str) -> None: ...

    def close(self) -> None: ...


class Lines:
    """For files and pipes: a line when a run's state changes, and as `Steps` says."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._states: dict[str, str] = {}
        self._steps: dict[str, Steps] = {}

    def show(self, name: str, run: RunView) -> None:
        state = run.state.value
        line = self._steps.setdefault(name, Steps()).news(run, asyncio.get_running_loop().time())
        if self._states.get(name) != state:
            self._states[name] = state
            about = " ".join(filter(None, (run.workflow_id, run.name)))
            line = "  ".join(filter(None, [f"{run.id} {state} {int(run.progress * 100)}%", about]))
        if line:
            self._session.say(printable(line))

    def tell(self, text: str) -> None:
        self._session.say(text)

    def close(self) -> None:
        """Do nothing: nothing is held."""


class Bars:
    """For terminals: a bar per run, with its rate and forecast."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[forecast]}"),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}
        self._paces: dict[str, Pace] = {}
        self._progress.start()

    def show(self, name: str, run: RunView) -> None:
        pace = self._paces.setdefault(name, Pace())
        pace.note(asyncio.get_running_loop().time(), ended(run))
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task("", total=1.0, forecast="")
        about = printable(" ".join(filter(None, (run.id, run.state.value, run.name or run.workflow_id))))
        words = "" if run.ended else forecast(run, pace)
        self._progress.update(self._tasks[name], description=about, completed=run.progress, forecast=words)

    def tell(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._progress.stop()
