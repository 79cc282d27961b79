"""Puts the services of a daemon together from its parts: which call stands on what."""

import asyncio
from collections.abc import Callable
from dataclasses import field

from accio.content.blobs import BlobStore
from accio.domain.ids import RunId
from accio.domain.limits import Limits
from accio.late import dataclass
from accio_daemon.config import Config
from accio_daemon.core.history import History
from accio_daemon.core.starts import Starts
from accio_daemon.engine.engine import Engine
from accio_daemon.engine.ports import Clock
from accio_daemon.services.calls.access import AccessCalls
from accio_daemon.services.calls.artifacts import ArtifactCalls
from accio_daemon.services.calls.asking import Asker
from accio_daemon.services.calls.catalogue import Catalogue
from accio_daemon.services.calls.cluster import ClusterCalls
from accio_daemon.services.calls.collecting import Collector
from accio_daemon.services.calls.columns import ColumnCalls
from accio_daemon.services.calls.explanations import ExplanationCalls
from accio_daemon.services.calls.exporting import ExportCalls
from accio_daemon.services.calls.feeding import FeedCalls
from accio_daemon.services.calls.gathering import Gatherer
from accio_daemon.services.calls.lists import ListCalls
from accio_daemon.services.calls.logs import LogCalls
from accio_daemon.services.calls.measurements import MeasureCalls
from accio_daemon.services.calls.measuring import Measurer
from accio_daemon.services.calls.node_counts import NodeCountCalls
from accio_daemon.services.calls.owners import OwnerCalls
from accio_daemon.services.calls.pools import PoolCalls
from accio_daemon.services.calls.pruning import Pruner
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.runs import RunCalls
from accio_daemon.services.calls.storage import StorageCalls
from accio_daemon.services.calls.submissions import SubmissionCalls
from accio_daemon.services.calls.timelines import TimelineCalls
from accio_daemon.services.calls.usage import UsageCalls
from accio_daemon.services.calls.waiting import WaitingCalls
from accio_daemon.services.calls.watching import Watching
from accio_daemon.services.calls.windows import WindowCalls
from accio_daemon.services.calls.workflows import WorkflowCalls
from accio_daemon.services.calls.workload import WorkloadCalls
from accio_daemon.services.sessions.agents import AgentCalls, SessionSettings
from accio_daemon.services.sessions.code_looks import CodeLooks
from accio_daemon.services.sessions.live import Live
from accio_daemon.services.sessions.look_lines import LookLines
from accio_daemon.services.sessions.pools import PoolSessions
from accio_daemon.services.sessions.registry import Sessions
from accio_daemon.services.sessions.result_checks import ResultChecks
from accio_daemon.services.transport.auth import Tokens
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.services.transport.server import Server
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storing import share


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiries:
    """What finds out, beside the cycle, what the core asks of results."""

    gatherer: Gatherer
    measurer: Measurer
    asker: Asker

    @classmethod
    def reading(
        cls, readers: Readers, store: BlobStore, plans: Plans, crash_point: Callable[[str], None]
    ) -> "Inquiries":
        """Inquire through *readers*; what is gathered goes into the *store*."""
        return cls(
            gatherer=Gatherer(readers=readers, store=store, plans=plans, crash_point=crash_point),
            measurer=Measurer(readers),
            asker=Asker(readers, plans),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a daemon consists of, but for its services."""

    config: Config
    clock: Clock
    tokens: Tokens
    keeper: TokenKeeper
    store: BlobStore
    database: Database
    readers: Readers
    engine: Engine
    sessions: Sessions
    lines: LookLines
    live: Live
    last_id: RunId | None
    collector: Collector
    inquiries: Inquiries
    pruner: Pruner
    plans: Plans
    history: History
    starts: Starts
    set_back: asyncio.Event = field(default_factory=asyncio.Event)


class Services:
    """Makes the services, in groups by what they are about."""

    def __init__(self, parts: Parts) -> None:
        """Make what several services share."""
        self._parts = parts
        self._limits = Limits(max_children=parts.config.sweep_limit)
        self._catalogue = Catalogue(parts.readers, parts.engine.left_out)
        self._watching = Watching(engine=parts.engine, readers=parts.readers, plans=parts.plans)
        self._rights = Rights(parts.tokens, hides=parts.config.hide_runs)
        self._waiting_calls = WaitingCalls()

    def server(self) -> Server:
        """Return what serves all of them."""
        parts = self._parts
        return Server(
            tokens=parts.tokens,
            observe=parts.engine.observer.called,
            short_calls=parts.readers.short_calls,
            accio=(*self._of_runs(), *self._of_results(), *self._of_the_cluster()),
            agents=self._of_agents(),
            artifacts=ArtifactCalls(parts.store, parts.engine),
            pools=(
                PoolCalls(engine=parts.engine, readers=parts.readers, keeper=parts.keeper),
                PoolSessions(parts.engine, parts.history, parts.keeper.serving),
            ),
        )

    def end_waiting(self) -> None:
        """End calls that only wait for what may never come, as the daemon is about to end."""
        self._waiting_calls.end()

    def _of_runs(self) -> tuple[WorkflowCalls, SubmissionCalls, ListCalls, RunCalls]:
        parts = self._parts
        looks = CodeLooks(parts.engine, parts.sessions)
        return (
            WorkflowCalls(
                engine=parts.engine,
                readers=parts.readers,
                catalogue=self._catalogue,
                clock=parts.clock,
                limits=self._limits,
                rights=self._rights,
                keeper=parts.keeper,
                looks=looks,
            ),
            SubmissionCalls(
                engine=parts.engine,
                readers=parts.readers,
                catalogue=self._catalogue,
                plans=parts.plans,
                clock=parts.clock,
                limits=self._limits,
                watching=self._watching,
                last_id=parts.last_id,
                rights=self._rights,
                waiting_calls=self._waiting_calls,
                looks=looks,
            ),
            ListCalls(readers=parts.readers, plans=parts.plans, clock=parts.clock, rights=self._rights),
            RunCalls(
                engine=parts.engine,
                readers=parts.readers,
                catalogue=self._catalogue,
                plans=parts.plans,
                live=parts.live,
                watching=self._watching,
                limits=self._limits,
                rights=self._rights,
                keeper=parts.keeper,
                looks=looks,
            ),
        )

    def _of_results(
        self,
    ) -> tuple[ExportCalls, ColumnCalls, MeasureCalls, NodeCountCalls, LogCalls, ExplanationCalls, StorageCalls]:
        parts = self._parts
        return (
            ExportCalls(readers=parts.readers, plans=parts.plans, rights=self._rights),
            ColumnCalls(readers=parts.readers, plans=parts.plans, rights=self._rights),
            MeasureCalls(readers=parts.readers, plans=parts.plans, live=parts.live, rights=self._rights),
            NodeCountCalls(readers=parts.readers, plans=parts.plans, rights=self._rights),
            LogCalls(
                engine=parts.engine,
                readers=parts.readers,
                plans=parts.plans,
                sessions=parts.sessions,
                rights=self._rights,
            ),
            ExplanationCalls(engine=parts.engine, readers=parts.readers, plans=parts.plans, rights=self._rights),
            StorageCalls(
                readers=parts.readers,
                collector=parts.collector,
                catalogue=self._catalogue,
                plans=parts.plans,
                database=parts.config.database,
                backups=parts.config.backups,
                rights=self._rights,
                keeper=parts.keeper,
            ),
        )

    def _of_the_cluster(
        self,
    ) -> tuple[ClusterCalls, FeedCalls, WorkloadCalls, OwnerCalls, WindowCalls, UsageCalls, TimelineCalls, AccessCalls]:
        parts = self._parts
        cluster = ClusterCalls(
            engine=parts.engine,
            catalogue=self._catalogue,
            keeper=parts.keeper,
            synchronous=parts.database.synchronous,
            started_ms=parts.clock.now().wall_ms,
        )
        return (
            cluster,
            FeedCalls(engine=parts.engine, readers=parts.readers, rights=self._rights, state_of=cluster.state_of),
            WorkloadCalls(engine=parts.engine, readers=parts.readers, rights=self._rights, clock=parts.clock),
            OwnerCalls(engine=parts.engine, rights=self._rights, keeper=parts.keeper),
            WindowCalls(engine=parts.engine, keeper=parts.keeper),
            UsageCalls(readers=parts.readers, clock=parts.clock, rights=self._rights),
            TimelineCalls(
                engine=parts.engine,
                readers=parts.readers,
                plans=parts.plans,
                clock=parts.clock,
                rights=self._rights,
            ),
            AccessCalls(keeper=parts.keeper, readers=parts.readers),
        )

    def _of_agents(self) -> AgentCalls:
        parts = self._parts
        config, shared = parts.config, share(parts.config)
        settings = SessionSettings(
            lease_ms=int(config.lease_s * 1000),
            heartbeat_ms=int(config.heartbeat_s * 1000),
            life_noted_s=config.life_noted_s,
            store_folder=shared.folder,
            store_nonce=shared.nonce,
            history=parts.history,
            starts=parts.starts,
            set_back=parts.set_back.set,
        )
        return AgentCalls(
            parts.engine,
            parts.sessions,
            parts.live,
            settings,
            self._catalogue.operators_changed,
            ResultChecks(parts.engine.pinned, parts.store),
            parts.keeper.claim,
            parts.lines,
        )
