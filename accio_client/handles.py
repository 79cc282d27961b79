"""What `AsyncClient.submit` returns: a run or a sweep that can be asked about itself.

`Run` in accio_client/sync_handles.py is made of `AsyncRun` by scripts/sync_client.py: change this one, and run that.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol, Unpack
from urllib.parse import quote

from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import FailedPrecondition
from accio_client import views
from accio_client.calls.selecting import listed
from accio_client.settings import web_address

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from accio.domain.issues import Issue
    from accio_client.calls.analysis import AnalysisCalls
    from accio_client.drawing import Drawing
    from accio_client.failures import Failures

PATIENCE_S = 600.0
"""How long a daemon may be away while somebody waits for a run."""
KINDS_TOLD = 3
"""How many kinds of failures an exception names."""


class Submission(Protocol):
    """What a submission answered."""

    @property
    def run(self) -> views.RunView: ...
    @property
    def warnings(self) -> tuple[Issue, ...]: ...
    @property
    def created(self) -> bool: ...


class AsyncRun:
    """A run or a sweep. It keeps nothing but what was last heard of it: everything is asked of the daemon."""

    def __init__(self, client: AnalysisCalls, submitted: Submission) -> None:
        self._client = client
        self.run = submitted.run
        """As it was last heard of: after the submission, `wait` or `refresh`."""
        self.warnings = submitted.warnings
        self.created = submitted.created
        """False where the same idempotency key had created the run before."""

    @property
    def id(self) -> str:
        """What the command line calls it."""
        return self.run.id

    @property
    def url(self) -> str:
        """The address of its page: of the web interface that ACCIO_WEB names, else of one on this machine."""
        return f"{web_address()}/runs/{quote(self.id)}"

    @property
    def state(self) -> RunState:
        """The state that was last heard of."""
        return self.run.state

    async def refresh(self) -> views.RunView:
        """Ask how it is now."""
        self.run = (await self._client.get_run(self.id, nodes=False)).run
        return self.run

    async def wait(self, *, raise_on_failure: bool = False, patience: float = PATIENCE_S) -> views.RunView:
        """Wait until it has ended, and return how; a notebook shows its progress meanwhile.

        With *raise_on_failure*, FailedPrecondition tells what went wrong if it didn't succeed. An interrupt detaches:
        the run goes on.
        """
        from accio_client import notebook

        with notebook.screen() as screen:
            async with aclosing(self._client.watch(self.id, patience=patience)) as updates:
                async for update in updates:
                    self.run = update.run
                    screen.show(update)
            if not self.run.ended:
                await self.refresh()
        if raise_on_failure and self.run.state is not RunState.SUCCESS:
            raise FailedPrecondition(f"run {self.id} ended as {self.run.state}{await self._reasons()}")
        return self.run

    async def _reasons(self) -> str:
        groups = await self.failures()
        told = "; ".join(f"{group.count} × {group.fingerprint}" for group in groups[:KINDS_TOLD])
        more = f"; and {len(groups) - KINDS_TOLD} more kinds" if len(groups) > KINDS_TOLD else ""
        return f": {told}{more}" if told else ""

    async def frame(
        self,
        *,
        by: Sequence[str] | None = None,
        where: str = "",
        ports: Sequence[str] = (),
        metrics: Sequence[str] = (),
        seeds: bool = False,
        backend: str = "pandas",
    ) -> Any:
        """Return its numbers as a data frame, as `client.frame` does."""
        return await self._client.frame(
            self.id, by=by, where=where, ports=ports, metrics=metrics, seeds=seeds, backend=backend
        )

    async def series(self, name: str = "", *, node: str = "", backend: str = "pandas") -> Any:
        """Return what its operators measured at steps, as `client.series_frame` does: `run.series("loss")`."""
        return await self._client.series_frame(self.id, name, node=node, backend=backend)

    async def plot(
        self,
        y: str | None = None,
        *,
        x: str | None = None,
        by: str | None = None,
        kind: str | None = None,
        median: bool = False,
        where: str = "",
    ) -> Drawing:
        """Return a picture of its results, as `accio plot` draws it: `run.plot("Noise/error", x="epsilon")`.

        A notebook shows it, `print` draws it in characters, `.save("error.pdf")` writes it. Without *y* it shows the
        states of the children, of a study its trials; docs/pictures.md describes each *kind*.
        """
        from accio_client.asked_pictures import Asked, draw
        from accio_client.drawing import Drawing

        asked = Asked(kind=kind, x=x, y=y, by=by, median=median)
        return Drawing(draw(*await self._client.picture_of(self.id, asked, where=where)))

    async def failures(self, *, where: str = "") -> Failures:
        """Return the kinds of failures, the most frequent first, with examples; `explained_by` says which parameters
        explain them, and `print` tells all of it.
        """
        from accio_client.failures import Failures

        found = await self._client.selected(self.id, where=where, outputs=False, failures=True)
        return Failures(found)

    def children(self, *, where: str = "") -> AsyncGenerator[views.RunView]:
        """Return the children of a sweep in its order, or those that a query matches (docs/queries.md)."""
        return self._client.iterate_runs(views.RunFilter(parent=self.id, where=where))

    async def as_completed(self, *, patience: float = PATIENCE_S) -> AsyncGenerator[views.RunView]:
        """Yield each child of a sweep once it has ended, those that have ended already first; a single run itself.

        For sweeps of thousands: each time something has changed, the children that have ended are listed.
        """
        if self.run.kind != "parent":
            yield await self.wait(patience=patience)
            return
        told: set[str] = set()
        matching = views.RunFilter(parent=self.id, states=tuple(RUN_TERMINAL))
        async with aclosing(self._client.watch(self.id, patience=patience)) as updates:
            async for update in updates:
                self.run = update.run
                if sum(update.run.children_by_state.get(state, 0) for state in RUN_TERMINAL) <= len(told):
                    continue
                async with aclosing(self._client.iterate_runs(matching)) as children:
                    async for child in children:
                        if child.id not in told:
                            told.add(child.id)
                            yield child

    async def retry(
        self, *, where: str = "", latest_operators: bool = False, **demand: Unpack[views.RetryDemand]
    ) -> views.RunOutcome:
        """Run again what failed, was killed or lost (of a sweep, with a query, among the children that match), with
        other demands if given, as in `memory="2x"`. FailedPrecondition if nothing could be done.
        """
        done = await self._client.retry([self.id], where=where, latest_operators=latest_operators, **demand)
        return self._outcome(done, "retried")

    async def why(self, node: str | None = None) -> tuple[views.WhyView, ...]:
        """Return why a node (or each node) was executed, taken from the memo, or waits; of a sweep, ask a child's."""
        return await self._client.why(self.id, node)

    async def tag(self, *, add: str | Iterable[str] = (), remove: str | Iterable[str] = ()) -> tuple[str, ...]:
        """Add and remove tags; return those that it has then, in the order in which they came."""
        tags = dict.fromkeys((*(await self.refresh()).tags, *listed(add)))
        for each in listed(remove):
            tags.pop(each, None)
        self.run = (await self._client.update(self.id, tags=tags)).run
        return self.run.tags

    async def kill(self, *, where: str = "") -> views.RunOutcome:
        """Stop it, or the children that match a query; FailedPrecondition if nothing could be done."""
        return self._outcome(await self._client.kill([self.id], where=where), "killed")

    async def delete(self) -> views.RunOutcome:
        """Stop and delete it; FailedPrecondition if that couldn't be done."""
        return self._outcome(await self._client.delete([self.id]), "deleted")

    def _outcome(self, outcomes: Sequence[views.RunOutcome], done: str) -> views.RunOutcome:
        for outcome in outcomes:
            if outcome.error is None:
                return outcome
        why = outcomes[0].error if outcomes else "no child matches"
        raise FailedPrecondition(f"run {self.id} can't be {done}: {why}")

    def __repr__(self) -> str:
        from accio_client import notebook

        return notebook.summary(self.run)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from accio_client import notebook

        return notebook.bundle(self.run)
