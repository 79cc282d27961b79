"""The rpc Feed: what has changed, for whoever shows everything and would else have to ask again and again.

Without a listener it costs nothing. All listeners share one look at the cluster per beat; beats are further apart where
a look takes long, so that however many agents there are, looking takes a small share of the daemon's time.
"""

import asyncio
from collections.abc import Callable, Hashable

from accio.domain.access import Viewer
from accio.domain.people import Person
from accio.v1 import accio_pb2
from accio_daemon.core.terms import RunNo
from accio_daemon.engine.ports import EnginePort
from accio_daemon.engine.snapshots import AgentView, ClusterView
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.transport.rpc import Send
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs.search import read_runs

_BEAT_S = 0.5
_SHARE = 0.02  # of the time, for looking at the cluster
_LOOK_S = 2.0  # whether an agent is silent shows by the clock, not by a commit


class FeedCalls:
    """Feed."""

    def __init__(
        self,
        *,
        engine: EnginePort,
        readers: Readers,
        rights: Rights,
        state_of: Callable[[ClusterView], accio_pb2.ClusterState],
    ) -> None:
        """Hear from the engine what changed; *state_of* sums up its cluster."""
        self._engine = engine
        self._readers = readers
        self._rights = rights
        self._state_of = state_of
        self._looked_at = 0.0
        self._beat = _BEAT_S
        self._latest: tuple[accio_pb2.ClusterState, Hashable] | None = None

    async def feed(self, _request: accio_pb2.FeedRequest, send: Send[accio_pb2.FeedUpdate]) -> None:
        """Send the cluster's numbers, and at each beat what has changed, until the caller goes away."""
        viewer = self._rights.viewer()
        last: tuple[bytes, Hashable] = b"", None
        with self._engine.feed() as changes:
            while True:
                numbers, more = changes.take()
                cluster, agents = self._look()
                update = accio_pb2.FeedUpdate(cluster=cluster, more=more, agents=agents != last[1])
                if numbers:
                    update.runs.extend(await self._ids(numbers, viewer))
                state = cluster.SerializeToString(deterministic=True)
                if update.runs or more or (state, agents) != last:
                    await send(update)
                    last = state, agents
                await changes.changed(_LOOK_S)
                await asyncio.sleep(self._until_next())

    def _until_next(self) -> float:
        """Return the time until the next beat: those who are fed look together."""
        return self._beat - asyncio.get_running_loop().time() % self._beat

    def _look(self) -> tuple[accio_pb2.ClusterState, Hashable]:
        """Look at the cluster, unless somebody else just has."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        if self._latest is None or begun - self._looked_at > self._beat / 2:
            view = self._engine.cluster()
            self._latest = self._state_of(view), tuple(map(_shown, view.agents))
            self._looked_at = clock()
            self._beat = max(_BEAT_S, (self._looked_at - begun) / _SHARE)
        return self._latest

    async def _ids(self, numbers: set[RunNo], viewer: Viewer) -> list[str]:
        """Return the ids of those runs that the viewer sees; what was deleted meanwhile has none."""

        def read(snapshot: Snapshot) -> list[str]:
            rows = read_runs(snapshot, sorted(numbers))
            return [row.id for row in rows if viewer.sees(Person(name=row.owner_name, email=row.owner_email))]

        return await self._readers.read(read)


def _shown(agent: AgentView) -> Hashable:
    """Return what of an agent people look at; when it was last heard changes all the time."""
    return (
        *(agent.name, agent.state, agent.resources, agent.reserved),
        *(agent.running, agent.reason, agent.version, agent.window),
    )
