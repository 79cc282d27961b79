"""The rpc Measure: what operators measured at steps, from the database, and from agents of attempts that go on."""

from collections.abc import Sequence

from accio.domain.access import Viewer
from accio.domain.series import Packed
from accio.errors import BadRequest
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.services.calls.node_views import node_place
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.messages.nodes import attempts_of, series_messages_of
from accio_daemon.services.sessions.live import Live
from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage.exports.series import read_series
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.begun import begun_from
from accio_daemon.storage.nodes.nodes_query import NodeFacts, read_nodes_of
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found

_CHILDREN = 64  # of one look
_SERIES = 100  # of one message, some 12 kB each


class MeasureCalls:
    """Measure."""

    def __init__(self, *, readers: Readers, plans: Plans, live: Live, rights: Rights) -> None:
        """Read rows from *readers*; ask *live* for what runs."""
        self._readers = readers
        self._plans = plans
        self._live = live
        self._rights = rights

    async def measure(self, request: accio_pb2.MeasureRequest, send: SendEncoded[accio_pb2.MeasureChunk]) -> None:
        """Send the series of each run, in the order of the request and of the sweep."""
        if not request.ids:
            raise BadRequest("expected at least one run, found none")
        viewer = self._rights.viewer()
        for text in request.ids:
            found = await self._readers.read(lambda snapshot: self._find(snapshot, text, request.node, viewer))  # noqa: B023  # it is awaited in this turn
            low: int | None = 0
            while low is not None:
                start = low
                children, low = await self._readers.read(lambda snapshot: _children(snapshot, found, start))  # noqa: B023  # as above
                if children:
                    chunks = await self._readers.read_long(
                        lambda snapshot: _encoded(self._series(snapshot, children, request.node, request.name))  # noqa: B023  # as above
                    )
                    for chunk in chunks:
                        await send(chunk)

    def _find(self, snapshot: Snapshot, text: str, node: str, viewer: Viewer) -> Found:
        found = runs_query.find(snapshot, text, viewer)
        if node:
            node_place(self._plans.workflow(snapshot, found.run), found, node)
        return found

    def _series(self, snapshot: Snapshot, children: Sequence[Found], node: str, name: str) -> list[runs_pb2.NodeSeries]:
        workflow = self._plans.workflow(snapshot, children[0].run)
        several = read_nodes_of(snapshot, children, workflow)
        pairs = [
            (child.id, each)
            for child, nodes in zip(children, several, strict=True)
            for each in nodes
            if node in ("", each.name)
        ]
        known = read_series(snapshot, (attempt for _, each in pairs for attempt in attempts_of(each)), name)
        for _, each in pairs:
            self._add_live(each, name, known)
        return [message for run, each in pairs for message in series_messages_of(run, each, known)]

    def _add_live(self, node: NodeFacts, name: str, known: dict[int, list[Packed]]) -> None:
        if node.current is not None:
            live = [each for each in self._live.series(node.current.id) if name in ("", each.name)]
            known.setdefault(node.current.id, live)


def _children(snapshot: Snapshot, found: Found, low: int) -> tuple[list[Found], int | None]:
    """Return some that have begun, and where the next ones begin; a single run or a child is alone."""
    if found.index is not None or not found.run.parent:
        return [found], None
    rows = begun_from(snapshot, found.run.no, low, _CHILDREN)
    following = rows[-1].index + 1 if len(rows) == _CHILDREN else None
    return [Found(run=found.run, index=row.index, instance=row) for row in rows], following


def _encoded(messages: Sequence[runs_pb2.NodeSeries]) -> list[bytes]:
    """Return chunks as they are sent: encoding them takes as long as reading them, so the reader's thread does."""
    groups = (messages[start : start + _SERIES] for start in range(0, len(messages), _SERIES))
    return [accio_pb2.MeasureChunk(series=some).SerializeToString() for some in groups]
