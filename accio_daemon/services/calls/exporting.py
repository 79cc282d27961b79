"""The rpc Export: results of runs in chunks of bounded size, built in the reader's thread."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from accio.domain.access import Viewer
from accio.domain.names import suggest
from accio.domain.operators import OutputPort
from accio.errors import BadRequest, NotFound
from accio.v1 import accio_pb2
from accio_daemon.core.terms import RunNo
from accio_daemon.services.calls.export_job import ExportedNode, ExportJob
from accio_daemon.services.calls.growing import CHUNK_BYTES, send_chunks
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.wanted_columns import Outputs
from accio_daemon.services.messages.encoded import EncodedChunk
from accio_daemon.services.messages.runs import run_message
from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage.exports.export import Asked
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found

_ROWS = 2_000
_NODE_ROWS = 8_000  # rows times nodes of one chunk
_FIRST_ROWS = 32  # of the first chunk, before anything is known of their size
_WHOLE = -1  # the place of a single run or a parent among what was named of it
_LONGEST_RUN = 1_000_000  # bytes of one that another process may be told


class ExportCalls:
    """Export."""

    def __init__(self, *, readers: Readers, plans: Plans, rights: Rights) -> None:
        """Export what *readers* read."""
        self._readers = readers
        self._rights = rights
        self._plans = plans

    async def export(self, request: accio_pb2.ExportRequest, send: SendEncoded[accio_pb2.ExportChunk]) -> None:
        """Send the results of each run once, in the order of the request and of the sweep. A run without any gets an
        empty chunk.
        """
        if not request.ids:
            raise BadRequest("expected at least one run to export, found none")
        viewer = self._rights.viewer()
        selected = await self._readers.read(lambda snapshot: self._select(snapshot, request, viewer))
        for found, wanted in selected:
            await self._send_run(found, wanted, request, send)

    async def _send_run(
        self,
        found: Found,
        wanted: Mapping[int, ExportedNode],
        request: accio_pb2.ExportRequest,
        send: SendEncoded[accio_pb2.ExportChunk],
    ) -> None:
        run = run_message(Found(run=found.run))
        asked = Asked(
            outputs=any(each.ports for each in wanted.values()),
            metrics=request.metrics,
            measured=request.measured,
            outcomes=request.outcomes,
        )
        most = max(1, min(_ROWS, _NODE_ROWS // max(1, len(wanted))))
        job = ExportJob(found=found, run=run, wanted=wanted, asked=asked, by_port=request.by_port)
        read = self._readers.long_read(job, EncodedChunk._make, apart=run.ByteSize() <= _LONGEST_RUN)

        def next_limit(chunk: EncodedChunk, limit: int) -> int:
            for param in run.params:  # what a parameter's values are was told with the first chunk
                param.ClearField("form_json")
            return min(2 * limit, limit * CHUNK_BYTES // max(1, len(chunk.data)))

        await send_chunks(read.step, send, next_limit, low=0, first=_FIRST_ROWS, most=most)

    def _select(
        self, snapshot: Snapshot, request: accio_pb2.ExportRequest, viewer: Viewer
    ) -> list[tuple[Found, dict[int, ExportedNode]]]:
        """Find the runs, and what is wanted of the nodes of each."""
        runs = _once([runs_query.find(snapshot, text, viewer) for text in request.ids])
        graphs = [self._plans.outputs(snapshot, found.run) for found in runs]
        _require_known(request.artifacts, graphs)
        return [(found, _wanted(nodes, request)) for found, nodes in zip(runs, graphs, strict=True)]


def _once(named: Iterable[Found]) -> list[Found]:
    """Return each run once: a parent covers its children, and children that are named stand in the order of their
    sweep.
    """
    runs: dict[RunNo, dict[int, Found]] = {}
    for each in named:
        runs.setdefault(each.run.no, {})[_WHOLE if each.index is None else each.index] = each
    return [
        members[place] for members in runs.values() for place in ([_WHOLE] if _WHOLE in members else sorted(members))
    ]


def _wanted(nodes: Outputs, request: accio_pb2.ExportRequest) -> dict[int, ExportedNode]:
    """Return what is wanted of a run's nodes, by their places; metrics are wanted of all of them."""
    names = set(request.artifacts)
    wanted: dict[int, ExportedNode] = {}
    for no, (node, outputs) in enumerate(nodes.items()):
        ports = tuple(port for port in outputs if not names or not names.isdisjoint(_names_of(node, port.name)))
        if request.metrics or request.measured or (request.outputs and (ports or not names)):
            wanted[no] = ExportedNode(name=node, ports=ports if request.outputs else ())
    return wanted


def _names_of(node: str, port: str) -> tuple[str, str, str]:
    """Return how an output may be named."""
    return node, port, f"{node}/{port}"


def _require_known(names: Iterable[str], graphs: Sequence[Outputs]) -> None:
    """Refuse a name that no run has; one that some of them lack is no mistake."""
    known = {name for nodes in graphs for node, outputs in nodes.items() for name in (node, *_all_names(node, outputs))}
    for name in names:
        if name in known:
            continue
        node, slash, port = name.partition("/")
        ports = {each.name for nodes in graphs for each in nodes.get(node, ())}
        if slash and node in known:
            raise NotFound(f"node {node} has no output {port[:100]!r}; it has {', '.join(sorted(ports)) or 'none'}")
        meant = suggest(name, known)
        raise NotFound(
            f"no run that is exported has a node or an output {name[:100]!r}"
            + (f"; did you mean {meant}?" if meant else "; see accio describe run")
        )


def _all_names(node: str, outputs: Iterable[OutputPort]) -> Iterator[str]:
    for port in outputs:
        yield from _names_of(node, port.name)
