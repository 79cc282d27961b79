"""The rpc Export: results of runs in chunks of bounded size, built in the reader's thread."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from accio.domain.access import Viewer
from accio.domain.names import suggest
from accio.domain.operators import OutputPort
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, NotFound
from accio.late import dataclass
from accio.v1 import accio_pb2, runs_pb2
from accio.wire.metrics import metrics_message
from accio.wire.operators import output_message
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.core.terms import RunNo
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.wanted_columns import Outputs
from accio_daemon.services.messages.encoded import EncodedChunk
from accio_daemon.services.messages.runs import run_message
from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage import runs_query
from accio_daemon.storage.codes import RUN_STATE_OF
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.export import Asked, Chunk, Column, TooMuch, read_chunk
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.plans import Plans
from accio_daemon.storage.readers import Readers
from accio_daemon.storage.runs_query import Found

_ROWS = 2_000
_NODE_ROWS = 8_000  # rows times nodes of one chunk
_FIRST_ROWS = 32  # of the first chunk, before anything is known of their size
_WHOLE = -1  # the place of a single run or a parent among what was named of it
_SEEDS = 64  # that are worked out before short reads may pass
_CHUNK_BYTES = 2_500_000  # clients take messages of 4 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is wanted of one node."""

    name: str
    ports: tuple[OutputPort, ...]


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
        wanted: Mapping[int, _Wanted],
        request: accio_pb2.ExportRequest,
        send: SendEncoded[accio_pb2.ExportChunk],
    ) -> None:
        low: int | None = 0
        run = run_message(Found(run=found.run))
        asked = Asked(
            outputs=any(each.ports for each in wanted.values()),
            metrics=request.metrics,
            measured=request.measured,
            outcomes=request.outcomes,
        )
        most = max(1, min(_ROWS, _NODE_ROWS // max(1, len(wanted))))
        limit = min(most, _FIRST_ROWS)
        while low is not None:
            start, rows = low, limit

            def read(snapshot: Snapshot) -> EncodedChunk:
                chunk = read_chunk(snapshot, found, tuple(wanted), asked, start, rows)  # noqa: B023  # it is awaited in this turn
                message = chunk_message(found, run, wanted, chunk, asked, by_port=request.by_port)
                return EncodedChunk(data=message.SerializeToString(), rows=len(chunk.indices), low=chunk.low)

            try:
                chunk = await self._readers.read_long(read)
                size = len(chunk.data)
            except TooMuch:
                if limit == 1:
                    raise
                limit = max(1, limit // 4)
                continue
            if size > _CHUNK_BYTES and chunk.rows > 1:
                limit = max(1, limit // 4)
                continue
            await send(chunk.data)
            low = chunk.low
            limit = max(1, min(most, 2 * limit, limit * _CHUNK_BYTES // max(1, size)))
            for param in run.params:  # what a parameter's values are was told with the first chunk
                param.ClearField("form_json")

    def _select(
        self, snapshot: Snapshot, request: accio_pb2.ExportRequest, viewer: Viewer
    ) -> list[tuple[Found, dict[int, _Wanted]]]:
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


def _wanted(nodes: Outputs, request: accio_pb2.ExportRequest) -> dict[int, _Wanted]:
    """Return what is wanted of a run's nodes, by their places; metrics are wanted of all of them."""
    names = set(request.artifacts)
    wanted: dict[int, _Wanted] = {}
    for no, (node, outputs) in enumerate(nodes.items()):
        ports = tuple(port for port in outputs if not names or not names.isdisjoint(_names_of(node, port.name)))
        if request.metrics or request.measured or (request.outputs and (ports or not names)):
            wanted[no] = _Wanted(name=node, ports=ports if request.outputs else ())
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


def chunk_message(
    found: Found,
    run_told: runs_pb2.Run,
    wanted: Mapping[int, _Wanted],
    chunk: Chunk,
    asked: Asked,
    *,
    by_port: bool,
) -> accio_pb2.ExportChunk:
    """Write a chunk column by column."""
    run, sweep, indices = found.run, found.run.sweep, chunk.indices
    message = accio_pb2.ExportChunk(
        run=run_told,
        index=indices,
        seed=_seeds(sweep, indices, run.seed) if run.parent else [run.seed] * len(indices),
        repetition=[sweep.repetition(index) for index in indices],
    )
    for axis, places in sweep.places(indices):
        distinct = {place: at for at, place in enumerate(dict.fromkeys(places))}
        message.params.add(
            name=axis.name,
            type=str(axis.type),
            values=[axis.value_at(place) for place in distinct],
            value_of_row=[distinct[place] for place in places],
        )
    if asked.outcomes:
        message.label.extend(map(sweep.label, indices) if run.parent else [run.name] * len(indices))
        message.state.extend(RUN_STATE_MESSAGES[RUN_STATE_OF[number]] for number in chunk.states)
        message.cause.extend(chunk.causes.get(row, "") for row in range(len(indices)))
    for no, column in letting_pass(chunk.columns.items()):
        _add_node(message, wanted[no], column, asked, by_port=by_port)
    return message


def _seeds(sweep: Sweep, indices: Sequence[int], seed: int) -> list[int]:
    """Return the seeds of children, which take longer than all else of a chunk."""
    parts = (indices[low : low + _SEEDS] for low in range(0, len(indices), _SEEDS))
    return [each for part in letting_pass(parts) for each in sweep.child_seeds(part, seed)]


def _add_node(message: accio_pb2.ExportChunk, wanted: _Wanted, column: Column, asked: Asked, *, by_port: bool) -> None:
    node = message.nodes.add(node=wanted.name, outputs=map(output_message, wanted.ports), row=column.rows)
    ports = [port.name for port in wanted.ports]
    if by_port:
        for port in ports:
            node.ports.add(port=port, values_json=f"[{','.join(column.values(port))}]")
    else:
        node.outputs_json.extend(_objects(column, ports))
    if asked.metrics or any(column.metrics):
        node.metrics.extend(_metrics(column.metrics, measured=asked.measured and not asked.metrics))
    for row, kept in column.blobs:
        for port, (digest, _) in kept.items():
            if port in ports:
                node.blobs.add(row=row, port=port, digest=digest)


def _objects(column: Column, ports: Sequence[str]) -> Iterator[str]:
    """Yield a JSON object per row, for clients that don't ask for ports."""
    heads = [(port, f'"{port}":') for port in sorted(ports)]
    for outputs in column.outputs or [{}] * len(column.rows):
        yield "{" + ",".join([head + outputs[port] for port, head in heads if port in outputs]) + "}"


def _metrics(stored: Iterable[Sequence[Any] | None], *, measured: bool) -> Iterator[runs_pb2.Metrics]:
    """Write metrics, those that operators measured alone with *measured*."""
    for found in stored:
        if found is None:
            yield runs_pb2.Metrics()
            continue
        wall, user, system, peak, bytes_in, bytes_out, custom = found
        if measured:
            yield runs_pb2.Metrics(custom_json=custom)
        else:
            yield metrics_message((wall, user, system, peak, bytes_in, bytes_out, custom))
