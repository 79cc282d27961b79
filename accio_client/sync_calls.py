"""The calls of the blocking client: those of `AsyncClient`, each waited for.

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/calls, and run that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from accio_client import views
from accio_client.blocking import BlockingCaller
from accio_client.calls.runs import WATCH_PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, MutableMapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from accio.domain.access import TokenKind
    from accio.v1 import accio_pb2
    from accio_client.analysis.pictures import Lines, Timeline
    from accio_client.asked_pictures import Asked
    from accio_client.collected import Collected, Head, Ranges, Reading
    from accio_client.definition_text import Definition
    from accio_client.export import exporting
    from accio_client.export.files import Exported
    from accio_client.export.frames import Table
    from accio_client.selected import Selected
    from accio_client.version_differences import VersionDifferences


class BlockingCalls(BlockingCaller):
    """What can be asked of a daemon, without an event loop of the caller's."""

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

    def definition(self, run: str) -> dict[str, Any]:
        """Return a run definition that makes a run again, a child as a single run: the workflow's version, metadata,
        points and seed. Submitted as it is, all that can be is taken from the cache; a parameter with more values
        extends the sweep.

        FailedPrecondition if its points were listed, and are too many to be listed again.
        """
        return self._run(self._client.definition(run))

    def get_node(self, run: str, node: str) -> views.NodeDetailsView:
        """Return everything about one node: attempts, inputs, artifacts, metrics."""
        return self._run(self._client.get_node(run, node))

    def count_nodes(self, run: str) -> views.NodeCountsView:
        """Return for each node of a sweep's graph in how many children it is in which state."""
        return self._run(self._client.count_nodes(run))

    def list_runs(
        self, matching: views.RunFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> views.RunPage:
        """Return a page of runs, newest first (children in the order of the sweep)."""
        return self._run(self._client.list_runs(matching, limit=limit, cursor=cursor))

    def iterate_runs(self, matching: views.RunFilter | None = None) -> Generator[views.RunView]:
        """Yield every run that matches, page after page."""
        return self._iterate(self._client.iterate_runs(matching))

    def update(
        self, run: str, *, name: str | None = None, notes: str | None = None, tags: str | Iterable[str] | None = None
    ) -> views.Updated:
        """Set or, with an empty value, clear metadata; None leaves a field as it is."""
        return self._run(self._client.update(run, name=name, notes=notes, tags=tags))

    def kill(self, runs: str | Iterable[str] = (), *, where: str = "") -> tuple[views.RunOutcome, ...]:
        """Stop runs. What couldn't be stopped says why in its outcome.

        With a query: those of the runs' children that match and haven't ended; without *runs*, such runs.
        """
        return self._run(self._client.kill(runs, where=where))

    def delete(self, runs: str | Iterable[str] = (), *, where: str = "") -> tuple[views.RunOutcome, ...]:
        """Delete runs, stopping first what still runs. With a query: children of *runs*, or all runs that match."""
        return self._run(self._client.delete(runs, where=where))

    def retry(
        self,
        runs: str | Iterable[str] = (),
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
        runs: str | Iterable[str],
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

    def series(self, runs: str | Iterable[str], name: str = "", *, node: str = "") -> Generator[views.SeriesView]:
        """Yield what operators of runs (a sweep stands for its children) measured at steps, of nodes that run as they
        told it last: a series per attempt of a node and name, or those of one *name* or *node* alone.
        """
        return self._iterate(self._client.series(runs, name, node=node))

    def series_frame(
        self, runs: str | Iterable[str], name: str = "", *, node: str = "", backend: str = "pandas"
    ) -> Any:
        """Return what `series` yields as a data frame: a row per point. *backend*: pandas, polars or arrow."""
        return self._run(self._client.series_frame(runs, name, node=node, backend=backend))

    def export_series(
        self, runs: str | Iterable[str], names: Collection[str] = (), options: exporting.Options | None = None
    ) -> Exported:
        """Write series as one long table called `series`, a row per point: all of them, or those of some *names*. No
        file if there are none; of *options* the folder and the form of the file count.
        """
        return self._run(self._client.export_series(runs, names, options))

    def columns(
        self,
        run: str,
        *,
        ports: Iterable[str] = (),
        metrics: Iterable[str] = (),
        outputs: bool = True,
        failures: bool = False,
        before: Collected | None = None,
        sample: Ranges | None = None,
    ) -> Collected:
        """Return single values of a run's children as columns; with *before* only what may have changed is read anew.

        Without *ports*, all outputs that are numbers. *before* must have been read with the same arguments. Of a
        *sample*, only these children are read, and there.
        """
        return self._run(
            self._client.columns(
                run, ports=ports, metrics=metrics, outputs=outputs, failures=failures, before=before, sample=sample
            )
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
        sample: bool = False,
    ) -> Selected:
        """Return columns as `columns` does, and which children a query (docs/queries.md) selects.

        What *kept* holds of an earlier reading is brought up to date, and what was read is put there. With *sample*, a
        part of a large sweep that nothing is kept of may do: short blocks all over it, and nothing is kept.
        """
        return self._run(
            self._client.selected(
                run,
                where=where,
                ports=ports,
                metrics=metrics,
                outputs=outputs,
                failures=failures,
                kept=kept,
                sample=sample,
            )
        )

    def picture_of(
        self,
        run: str,
        asked: Asked,
        *,
        where: str = "",
        kept: MutableMapping[Reading, Collected] | None = None,
        sample: bool = False,
    ) -> tuple[Selected, Asked]:
        """Return what a picture is drawn from (`accio_client.asked_pictures.draw`), and which one is meant: a study of
        which nothing is asked shows its trials. *where*, *kept* and *sample* as `selected` has them.
        """
        return self._run(self._client.picture_of(run, asked, where=where, kept=kept, sample=sample))

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

    def curves(self, run: str, name: str, *, by: str | None = None, where: str = "") -> Lines:
        """Return the picture of a series over its steps: of some children that have begun (those that match *where*) a
        line each, or the means of those with one value of the parameter *by*.
        """
        return self._run(self._client.curves(run, name, by=by, where=where))

    def compare_workflows(self, first: str, second: str) -> VersionDifferences:
        """Return what differs between two versions of a workflow, each "id:version", or "id" for the latest, and whose
        operators differ between the newest runs of both.
        """
        return self._run(self._client.compare_workflows(first, second))

    def timeline(self, run: str = "", *, limit: int = 500) -> views.TimelineView:
        """Return what agents execute, and the *limit* executions that ended last (at most 5,000): all, or a run's."""
        return self._run(self._client.timeline(run, limit=limit))

    def timeline_picture(self, run: str | views.RunDetails = "", *, limit: int | None = None) -> Timeline:
        """Return the picture of what ran when, in lanes by agent: of a run or child all of its nodes; of a sweep, and
        of the whole cluster if no *run* is given, what goes on and the *limit* executions that ended last (500 unless
        it is given, at most 5,000). *run* is an id or what `get_run` found. BadRequest for a *limit* of a run or child.
        """
        return self._run(self._client.timeline_picture(run, limit=limit))

    def list_operators(self) -> tuple[views.OperatorView, ...]:
        """Return the operators that the daemon knows, each in the version that was announced last."""
        return self._run(self._client.list_operators())

    def get_operator(self, name: str) -> views.OperatorView:
        """Return an operator in the version that was announced last; NotFound if nobody ever offered it."""
        return self._run(self._client.get_operator(name))

    def list_agents(self) -> tuple[views.AgentView, ...]:
        """Return all agents that the daemon remembers, with their load and leases."""
        return self._run(self._client.list_agents())

    def drain_agent(self, name: str, *, undo: bool = False) -> views.AgentView:
        """Drain an agent: send it no further nodes while its own end; *undo* takes that back."""
        return self._run(self._client.drain_agent(name, undo=undo))

    def remove_agent(self, name: str) -> None:
        """Forget an agent that isn't connected."""
        return self._run(self._client.remove_agent(name))

    def cluster_state(self) -> views.ClusterView:
        """Return how much is queued and running, and whether the daemon takes new work."""
        return self._run(self._client.cluster_state())

    def feed(self, *, patience: float = WATCH_PATIENCE_S) -> Generator[views.FeedUpdate]:
        """Yield the cluster's numbers, and what has changed, at most twice a second, also over restarts."""
        return self._iterate(self._client.feed(patience=patience))

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

    def list_owners(self) -> views.OwnersView:
        """Return whose work there is, how much of it is at agents, and how much may be."""
        return self._run(self._client.list_owners())

    def change_cap(
        self, owner: str, *, nodes: int | None = None, cpus: float | None = None, during: str = ""
    ) -> views.CapView:
        """Set how many nodes of an owner, on how many CPUs, may be at agents at a time; without either, any number.

        *during* are the times of the week at which that counts, as in `Mon-Fri 08:00-18:00 Europe/Berlin`.
        """
        return self._run(self._client.change_cap(owner, nodes=nodes, cpus=cpus, during=during))

    def usage(
        self, *, by: Sequence[str] = ("owner",), since: datetime | None = None, until: datetime | None = None
    ) -> views.UsageReport:
        """Return what nodes used of agents, told apart *by* any of owner, pool, and one of day and month."""
        return self._run(self._client.usage(by=by, since=since, until=until))

    def list_windows(self) -> tuple[views.WindowView, ...]:
        """Return the windows, those that begin first before others, with those of the last seven days."""
        return self._run(self._client.list_windows())

    def add_window(
        self, name: str, *, begins_at: datetime, ends_at: datetime, agents: Sequence[str] = ()
    ) -> views.NewWindow:
        """Announce a window of the named *agents* (or patterns of names, as in lab*); without names, of all of them.

        Before it, nodes that are known to take longer don't begin there; what runs when it begins goes on.
        """
        return self._run(self._client.add_window(name, begins_at=begins_at, ends_at=ends_at, agents=agents))

    def remove_window(self, name: str) -> None:
        """Remove a window: its agents get nodes again."""
        return self._run(self._client.remove_window(name))

    def list_pools(self) -> views.PoolsView:
        """Return the pools in order of preference, each with why it has as many hosts as it has."""
        return self._run(self._client.list_pools())

    def list_allocations(
        self, *, pool: str | None = None, live: bool = False, limit: int = 50, cursor: str | None = None
    ) -> views.AllocationPage:
        """Return a page of the hosts that pools asked for, newest first; *live*: only those that haven't ended."""
        return self._run(self._client.list_allocations(pool=pool, live=live, limit=limit, cursor=cursor))

    def change_pool(self, name: str, *, paused: bool | None = None, kept: int | str | None = None) -> views.PoolView:
        """Pause a pool or let it go on; keep that many hosts whatever is queued, or what its file says ("auto")."""
        return self._run(self._client.change_pool(name, paused=paused, kept=kept))

    def create_token(
        self,
        kind: TokenKind | str,
        *,
        owner: str | None = None,
        name: str = "",
        groups: Iterable[str] = (),
        expires_in_ms: int = 0,
        pools: Iterable[str] = (),
    ) -> views.NewToken:
        """Make a token of a kind (user, agent, pool, admin) for "Name <email>"; 0 ms: it never expires.

        A pool's token may serve the named *pools* alone; without names, all.
        """
        return self._run(
            self._client.create_token(
                kind, owner=owner, name=name, groups=groups, expires_in_ms=expires_in_ms, pools=pools
            )
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
