"""The blocking client: the methods of `AsyncClient`, for scripts, notebooks and the command line.

    with Client() as client:
        run = client.submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)
        print(run.wait().state)

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/calls or handles.py, and
run that.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Unpack

from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import FailedPrecondition
from accio_client import views
from accio_client.blocking import BlockingCaller
from accio_client.calls.runs import WATCH_PATIENCE_S
from accio_client.handles import KINDS_TOLD, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, MutableMapping, Sequence
    from pathlib import Path

    from accio.domain.access import TokenKind
    from accio.v1 import accio_pb2
    from accio_client.analysis.fingerprints import Group
    from accio_client.calls.results import Exported
    from accio_client.collected import Collected, Head, Reading
    from accio_client.definition_text import Definition
    from accio_client.export import exporting
    from accio_client.export.frames import Table
    from accio_client.handles import Submission
    from accio_client.selected import Selected


class Run:
    """A run or a sweep. It keeps nothing but what was last heard of it: everything is asked of the daemon."""

    def __init__(self, client: Client, submitted: Submission) -> None:
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
    def state(self) -> RunState:
        """The state that was last heard of."""
        return self.run.state

    def refresh(self) -> views.RunView:
        """Ask how it is now."""
        self.run = (self._client.get_run(self.id, nodes=False)).run
        return self.run

    def wait(self, *, raise_on_failure: bool = False, patience: float = PATIENCE_S) -> views.RunView:
        """Wait until it has ended, and return how; a notebook shows its progress meanwhile.

        With *raise_on_failure*, FailedPrecondition tells what went wrong if it didn't succeed. An interrupt detaches:
        the run goes on.
        """
        from accio_client import notebook

        with notebook.screen() as screen:
            with closing(self._client.watch(self.id, patience=patience)) as updates:
                for update in updates:
                    self.run = update.run
                    screen.show(update)
            if not self.run.ended:
                self.refresh()
        if raise_on_failure and self.run.state is not RunState.SUCCESS:
            raise FailedPrecondition(f"run {self.id} ended as {self.run.state}{self._reasons()}")
        return self.run

    def _reasons(self) -> str:
        groups = self.failures()
        told = "; ".join(f"{group.count} × {group.fingerprint}" for group in groups[:KINDS_TOLD])
        more = f"; and {len(groups) - KINDS_TOLD} more kinds" if len(groups) > KINDS_TOLD else ""
        return f": {told}{more}" if told else ""

    def frame(
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
        return self._client.frame(
            self.id, by=by, where=where, ports=ports, metrics=metrics, seeds=seeds, backend=backend
        )

    def failures(self, *, where: str = "") -> tuple[Group, ...]:
        """Return the kinds of failures, the most frequent first, with examples."""
        from accio_client.analysis.fingerprints import group_failures

        found = self._client.selected(self.id, where=where, outputs=False, failures=True)
        return group_failures(found.table, found.collected.failures.among(found.mask))

    def children(self, *, where: str = "") -> Generator[views.RunView]:
        """Return the children of a sweep in its order, or those that a query matches (docs/queries.md)."""
        return self._client.iterate_runs(views.RunFilter(parent=self.id, where=where))

    def as_completed(self, *, patience: float = PATIENCE_S) -> Generator[views.RunView]:
        """Yield each child of a sweep once it has ended, those that have ended already first; a single run itself.

        For sweeps of thousands: each time something has changed, the children that have ended are listed.
        """
        if self.run.kind != "parent":
            yield self.wait(patience=patience)
            return
        told: set[str] = set()
        matching = views.RunFilter(parent=self.id, states=tuple(RUN_TERMINAL))
        with closing(self._client.watch(self.id, patience=patience)) as updates:
            for update in updates:
                self.run = update.run
                if sum(update.run.children_by_state.get(state, 0) for state in RUN_TERMINAL) <= len(told):
                    continue
                with closing(self._client.iterate_runs(matching)) as children:
                    for child in children:
                        if child.id not in told:
                            told.add(child.id)
                            yield child

    def retry(
        self, *, where: str = "", latest_operators: bool = False, **demand: Unpack[views.RetryDemand]
    ) -> views.RunOutcome:
        """Run again what failed, was killed or lost (of a sweep, with a query, among the children that match), with
        other demands if given, as in `memory="2x"`. FailedPrecondition if nothing could be done.
        """
        done = self._client.retry([self.id], where=where, latest_operators=latest_operators, **demand)
        return self._outcome(done, "retried")

    def kill(self, *, where: str = "") -> views.RunOutcome:
        """Stop it, or the children that match a query; FailedPrecondition if nothing could be done."""
        return self._outcome(self._client.kill([self.id], where=where), "killed")

    def delete(self) -> views.RunOutcome:
        """Stop and delete it; FailedPrecondition if that couldn't be done."""
        return self._outcome(self._client.delete([self.id]), "deleted")

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


class Client(BlockingCaller):
    """A connection to a daemon, without an event loop of the caller's."""

    def push(
        self, definition: Definition, *, default_id: str | None = None, base_path: str | None = None
    ) -> views.Pushed:
        """Store a workflow version; content that is there already becomes the latest version."""
        return self._run(self._client.push(definition, default_id=default_id, base_path=base_path))

    def validate_workflow(
        self, definition: Definition, *, default_id: str | None = None, base_path: str | None = None
    ) -> views.Validation:
        """Say what `push` would say, and store nothing."""
        return self._run(self._client.validate_workflow(definition, default_id=default_id, base_path=base_path))

    def get_workflow(self, workflow: str) -> views.WorkflowView:
        """Return one version: "id" (the latest) or "id:version"."""
        return self._run(self._client.get_workflow(workflow))

    def list_workflows(self, *, limit: int = 50, cursor: str | None = None) -> views.WorkflowPage:
        """Return a page of workflows, most recently pushed first."""
        return self._run(self._client.list_workflows(limit=limit, cursor=cursor))

    def push_operator(self, operator: str) -> views.Pushed:
        """Store the workflow whose only node is *operator*, with a parameter for each input, under the operator's name.

        NotFound if there is no such operator, FailedPrecondition if another workflow has that name.
        """
        return self._run(self._client.push_operator(operator))

    def delete_workflow(self, workflow: str) -> None:
        """Delete a workflow that has no runs, with all its versions."""
        return self._run(self._client.delete_workflow(workflow))

    def submit(
        self,
        definition: Definition | str,
        *,
        base_path: str | None = None,
        cache: views.CacheMode = "use",
        idempotency_key: str | None = None,
        name: str | None = None,
        notes: str | None = None,
        tags: Iterable[str] | None = None,
        repeat: int | None = None,
        seed: int | None = None,
        zip: Sequence[Any] | None = None,
        points: Any = None,
        sample: Mapping[str, Any] | None = None,
        union: Sequence[Mapping[str, Any]] | None = None,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> Run:
        """Create a run or a sweep; return once it is durable. Repeated attempts of one call create one run.

        *definition* is a run definition, or the name of a workflow (or operator), whose parameters are then given as
        *values*: `submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)`. Parameters whose names are options of this
        call (or no names in Python) go into *params*. *zip* names those whose values go together, *points* are explicit
        rows (a list of dictionaries, a dictionary of lists, a data frame, a CSV or Parquet file), *sample* draws points
        (`{"method": "lhs", "n": 100}`), *union* has several sweeps, and *where* is a condition that points must meet.
        """
        return Run(
            self,
            self._run(
                self._client.submit(
                    definition,
                    base_path=base_path,
                    cache=cache,
                    idempotency_key=idempotency_key,
                    name=name,
                    notes=notes,
                    tags=tags,
                    repeat=repeat,
                    seed=seed,
                    zip=zip,
                    points=points,
                    sample=sample,
                    union=union,
                    where=where,
                    params=params,
                    **values,
                )
            ),
        )

    def submit_and_watch(
        self,
        definition: Definition,
        *,
        base_path: str | None = None,
        cache: views.CacheMode = "use",
        idempotency_key: str | None = None,
        patience: float = WATCH_PATIENCE_S,
    ) -> Generator[views.RunUpdate]:
        """Create a run and yield its states until it has ended, in one call; survive a restart of the daemon."""
        return self._iterate(
            self._client.submit_and_watch(
                definition, base_path=base_path, cache=cache, idempotency_key=idempotency_key, patience=patience
            )
        )

    def validate(self, definition: Definition, *, base_path: str | None = None) -> views.Validation:
        """Say what `submit` would say, and create nothing."""
        return self._run(self._client.validate(definition, base_path=base_path))

    def dry_run(
        self, definition: Definition, *, base_path: str | None = None, cache: views.CacheMode = "use"
    ) -> views.DryRunView:
        """Say what a submission would execute, and create nothing."""
        return self._run(self._client.dry_run(definition, base_path=base_path, cache=cache))

    def get_run(self, run: str, *, nodes: bool = True) -> views.RunDetails:
        """Return a single run, a parent or a child, by its id or an unambiguous beginning of it."""
        return self._run(self._client.get_run(run, nodes=nodes))

    def get_node(self, run: str, node: str) -> views.NodeDetailsView:
        """Return everything about one node: attempts, inputs, artifacts, metrics."""
        return self._run(self._client.get_node(run, node))

    def list_runs(
        self, matching: views.RunFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> views.RunPage:
        """Return a page of runs, newest first (children in the order of the sweep)."""
        return self._run(self._client.list_runs(matching, limit=limit, cursor=cursor))

    def iterate_runs(self, matching: views.RunFilter | None = None) -> Generator[views.RunView]:
        """Yield every run that matches, page after page."""
        return self._iterate(self._client.iterate_runs(matching))

    def update(
        self, run: str, *, name: str | None = None, notes: str | None = None, tags: Iterable[str] | None = None
    ) -> views.Updated:
        """Set or, with an empty value, clear metadata; None leaves a field as it is."""
        return self._run(self._client.update(run, name=name, notes=notes, tags=tags))

    def kill(self, runs: Iterable[str] = (), *, where: str = "") -> tuple[views.RunOutcome, ...]:
        """Stop runs. What couldn't be stopped says why in its outcome.

        With a query: those of the runs' children that match and haven't ended; without *runs*, such runs.
        """
        return self._run(self._client.kill(runs, where=where))

    def delete(self, runs: Iterable[str] = (), *, where: str = "") -> tuple[views.RunOutcome, ...]:
        """Delete runs, stopping first what still runs. With a query: children of *runs*, or all runs that match."""
        return self._run(self._client.delete(runs, where=where))

    def retry(
        self,
        runs: Iterable[str] = (),
        *,
        where: str = "",
        latest_operators: bool = False,
        **demand: Unpack[views.RetryDemand],
    ) -> tuple[views.RunOutcome, ...]:
        """Run again what failed, was killed or lost. With a query: children of *runs*, or all runs that match.

        From then on these nodes demand `memory="8GiB"`, `cpus="2x"` (twice as many), `timeout="30.minutes"`; what no
        known agent could execute is refused without `force=True`.
        """
        return self._run(self._client.retry(runs, where=where, latest_operators=latest_operators, **demand))

    def watch(self, run: str, *, patience: float = WATCH_PATIENCE_S) -> Generator[views.RunUpdate]:
        """Yield the run's state now and at each change (the latest wins) until it ended, also over restarts."""
        return self._iterate(self._client.watch(run, patience=patience))

    def wait(self, run: str, *, patience: float = WATCH_PATIENCE_S) -> views.RunView:
        """Wait until the run has ended, and return how."""
        return self._run(self._client.wait(run, patience=patience))

    def logs(
        self, run: str, node: str | None = None, *, follow: bool = False, patience: float = WATCH_PATIENCE_S
    ) -> Generator[views.LogLine]:
        """Yield what the run's nodes (or one of them) printed; with *follow*, until the run has ended."""
        return self._iterate(self._client.logs(run, node, follow=follow, patience=patience))

    def log_groups(
        self, run: str, node: str | None = None, *, follow: bool = False, patience: float = WATCH_PATIENCE_S
    ) -> Generator[tuple[views.LogLine, ...]]:
        """Yield the lines of `logs` as they arrive, those of one message together: for logs of many nodes."""
        return self._iterate(self._client.log_groups(run, node, follow=follow, patience=patience))

    def why(self, run: str, node: str | None = None) -> tuple[views.WhyView, ...]:
        """Return why a node (or each node) was executed, taken from the memo, or waits."""
        return self._run(self._client.why(run, node))

    def compare_operators(self, first: str, second: str) -> tuple[views.OperatorDifferenceView, ...]:
        """Return the nodes whose operators differ between two runs, and in which parts of their code."""
        return self._run(self._client.compare_operators(first, second))

    def events(self, run: str, *, limit: int = 1000) -> tuple[views.EventView, ...]:
        """Return the run's history, oldest first."""
        return self._run(self._client.events(run, limit=limit))

    def export_chunks(
        self,
        runs: Iterable[str],
        *,
        artifacts: Iterable[str] = (),
        outputs: bool = True,
        metrics: bool = False,
        wide: bool = False,
    ) -> Generator[accio_pb2.ExportChunk]:
        """Yield the results as they travel, for `accio_client.export`; *wide* adds what only a row per run has."""
        return self._iterate(
            self._client.export_chunks(runs, artifacts=artifacts, outputs=outputs, metrics=metrics, wide=wide)
        )

    def export(self, runs: str | Iterable[str], options: exporting.Options | None = None) -> Exported:
        """Write results as tables; all files appear at the end, or none. docs/cli.md describes the options."""
        return self._run(self._client.export(runs, options))

    def table(self, runs: str | Iterable[str], *, artifacts: str = "NUMERIC", metrics: str = "NONE") -> Table:
        """Return the tidy table of `accio export -wide`: a row per run, a column per parameter, result and metric."""
        return self._run(self._client.table(runs, artifacts=artifacts, metrics=metrics))

    def read_blob(self, digest: str) -> Generator[bytes]:
        """Yield the bytes of a stored blob in pieces; nothing is verified here."""
        return self._iterate(self._client.read_blob(digest))

    def fetch_artifact(self, run: str, node: str, port: str, folder: Path) -> tuple[Path, int]:
        """Write an output into *folder*; returns its place and bytes.

        A file is called as its operator called it, a folder NODE-PORT, and any other value goes to NODE-PORT.json.
        """
        return self._run(self._client.fetch_artifact(run, node, port, folder))

    def columns(
        self,
        run: str,
        *,
        ports: Iterable[str] = (),
        metrics: Iterable[str] = (),
        outputs: bool = True,
        failures: bool = False,
        before: Collected | None = None,
    ) -> Collected:
        """Return single values of a run's children as columns; with *before* only what may have changed is read anew.

        Without *ports*, all outputs that are numbers. *before* must have been read with the same arguments.
        """
        return self._run(
            self._client.columns(run, ports=ports, metrics=metrics, outputs=outputs, failures=failures, before=before)
        )

    def selected(
        self,
        run: str,
        *,
        where: str = "",
        ports: Sequence[str] = (),
        metrics: Sequence[str] = (),
        outputs: bool = True,
        failures: bool = False,
        kept: MutableMapping[Reading, Collected] | None = None,
    ) -> Selected:
        """Return columns as `columns` does, and which children a query (docs/queries.md) selects.

        What *kept* holds of an earlier reading is brought up to date, and what was read is put there.
        """
        return self._run(
            self._client.selected(
                run, where=where, ports=ports, metrics=metrics, outputs=outputs, failures=failures, kept=kept
            )
        )

    def column_head(self, run: str) -> Head:
        """Return what is known of a run's columns before any child is looked at: parameters, outputs, nodes."""
        return self._run(self._client.column_head(run))

    def frame(
        self,
        run: str,
        *,
        by: Sequence[str] | None = None,
        where: str = "",
        ports: Sequence[str] = (),
        metrics: Sequence[str] = (),
        seeds: bool = False,
        backend: str = "pandas",
    ) -> Any:
        """Return a data frame with a row per child, or with *by* one per combination of these parameters, with n, mean,
        deviation and interval of each number. *backend*: pandas, polars or arrow.
        """
        return self._run(
            self._client.frame(run, by=by, where=where, ports=ports, metrics=metrics, seeds=seeds, backend=backend)
        )

    def list_operators(self) -> tuple[views.OperatorView, ...]:
        return self._run(self._client.list_operators())

    def get_operator(self, name: str) -> views.OperatorView:
        return self._run(self._client.get_operator(name))

    def list_agents(self) -> tuple[views.AgentView, ...]:
        return self._run(self._client.list_agents())

    def drain_agent(self, name: str, *, undo: bool = False) -> views.AgentView:
        """Drain an agent: send it no further nodes while its own end; *undo* takes that back."""
        return self._run(self._client.drain_agent(name, undo=undo))

    def remove_agent(self, name: str) -> None:
        """Forget an agent that isn't connected."""
        return self._run(self._client.remove_agent(name))

    def cluster_state(self) -> views.ClusterView:
        return self._run(self._client.cluster_state())

    def workload(self, run: str = "") -> views.WorkloadView:
        """Return what is queued and running, and when it will have ended; of the runs, *run* alone if it is given."""
        return self._run(self._client.workload(run))

    def collect_garbage(self, *, dry_run: bool = False, quota: int = 0) -> views.GarbageView:
        """Free what nothing refers to (down to *quota* bytes), or say what would be freed."""
        return self._run(self._client.collect_garbage(dry_run=dry_run, quota=quota))

    def cache(self, *, operator: str | None = None, entries: bool = False) -> views.CacheView:
        """Return the memo's numbers by operator, and with *entries* its newest results."""
        return self._run(self._client.cache(operator=operator, entries=entries))

    def remove_from_cache(self, *, key: str | None = None, operator: str | None = None) -> int:
        """Invalidate one result or all results of an operator; returns how many."""
        return self._run(self._client.remove_from_cache(key=key, operator=operator))

    def backup(self, path: str) -> views.BackupView:
        """Back up the daemon's database, consistently, to *path* on its own machine."""
        return self._run(self._client.backup(path))

    def list_pools(self) -> views.PoolsView:
        return self._run(self._client.list_pools())

    def list_allocations(
        self, *, pool: str | None = None, live: bool = False, limit: int = 50, cursor: str | None = None
    ) -> views.AllocationPage:
        return self._run(self._client.list_allocations(pool=pool, live=live, limit=limit, cursor=cursor))

    def change_pool(self, name: str, *, paused: bool | None = None, kept: int | str | None = None) -> views.PoolView:
        """Pause a pool or let it go on; keep so many hosts of it whatever is queued, or as its file says ("auto")."""
        return self._run(self._client.change_pool(name, paused=paused, kept=kept))

    def create_token(
        self,
        kind: TokenKind | str,
        *,
        owner: str | None = None,
        name: str = "",
        groups: Iterable[str] = (),
        expires_in_ms: int = 0,
    ) -> views.NewToken:
        """Make a token of a kind (user, agent, pool, admin) for "Name <email>"; 0 ms: it never expires."""
        return self._run(
            self._client.create_token(kind, owner=owner, name=name, groups=groups, expires_in_ms=expires_in_ms)
        )

    def list_tokens(self, *, ended: bool = False) -> tuple[views.TokenView, ...]:
        """Return the tokens that one may see, newest first; with *ended*, those that don't hold any more, too."""
        return self._run(self._client.list_tokens(ended=ended))

    def revoke_token(self, token: int) -> views.TokenView:
        """End a token at once, with what goes on under it and the tokens that were made with it."""
        return self._run(self._client.revoke_token(token))

    def list_changes(self, *, limit: int = 50, cursor: str | None = None) -> views.ChangePage:
        """Return a page of what was changed by whom, newest first."""
        return self._run(self._client.list_changes(limit=limit, cursor=cursor))
