"""The rpc Export: results of runs in chunks of bounded size, built in the reader's thread."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from accio.domain.names import suggest
from accio.domain.operators import OutputPort
from accio.errors import BadRequest, NotFound
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.services.rpc import Send
from accio_daemon.services.run_views import run_message
from accio_daemon.services.wire_operators import output_message
from accio_daemon.storage import runs_query
from accio_daemon.storage.export import Chunk, Column, read_chunk
from accio_daemon.storage.plans import Plans
from accio_daemon.storage.readers import Readers
from accio_daemon.storage.runs_query import Found

_ROWS = 2_000
_NODE_ROWS = 8_000  # rows times nodes of one chunk
_CHUNK_BYTES = 2_500_000  # clients take messages of 4 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is wanted of one node."""

    name: str
    ports: tuple[OutputPort, ...]


class ExportCalls:
    """Export."""

    def __init__(self, *, readers: Readers, plans: Plans) -> None:
        """Take where to read."""
        self._readers = readers
        self._plans = plans

    async def export(self, request: accio_pb2.ExportRequest, send: Send[accio_pb2.ExportChunk]) -> None:
        """Send the results of each run, in the order of the request and of the sweep; a run without any gets an empty
        chunk.
        """
        if not request.ids:
            raise BadRequest("expected at least one run to export, found none")
        for text in request.ids:
            found, wanted = await self._readers.read(
                lambda connection: self._resolve(connection, text, request)  # noqa: B023  # it is awaited in this turn
            )
            await self._send_run(found, wanted, request.metrics, send)

    async def _send_run(
        self, found: Found, wanted: Mapping[int, _Wanted], metrics: bool, send: Send[accio_pb2.ExportChunk]
    ) -> None:
        low: int | None = 0
        run = run_message(Found(run=found.run))
        limit = max(1, min(_ROWS, _NODE_ROWS // max(1, len(wanted))))
        while low is not None:
            start, size = low, limit

            def read(connection: sqlite3.Connection) -> tuple[accio_pb2.ExportChunk, Chunk]:
                chunk = read_chunk(connection, found, tuple(wanted), start, size)  # noqa: B023  # it is awaited in this turn
                return chunk_message(found, run, wanted, chunk, metrics=metrics), chunk

            message, chunk = await self._readers.read(read)
            if message.ByteSize() > _CHUNK_BYTES and len(chunk.indices) > 1:
                limit = max(1, limit // 4)
                continue
            await send(message)
            low = chunk.low
            for param in run.params:  # what a parameter's values are was told with the first chunk
                param.ClearField("form_json")

    def _resolve(
        self, connection: sqlite3.Connection, text: str, request: accio_pb2.ExportRequest
    ) -> tuple[Found, dict[int, _Wanted]]:
        found = runs_query.find(connection, text)
        operators = self._plans.operators(connection, found.run)
        graph = self._plans.workflow(connection, found.run).graph
        nodes = {node.name: (no, operators[no].spec.outputs) for no, node in enumerate(graph)}
        wanted: dict[int, _Wanted] = {}
        if request.artifacts:
            for name in request.artifacts:
                no, node, ports = _chosen(nodes, found, name)
                before = wanted[no].ports if no in wanted else ()
                wanted[no] = _Wanted(name=node, ports=before + tuple(port for port in ports if port not in before))
        elif request.outputs or request.metrics:
            wanted = {no: _Wanted(name=name, ports=outputs) for name, (no, outputs) in nodes.items()}
        if not request.outputs:
            wanted = {no: _Wanted(name=each.name, ports=()) for no, each in wanted.items()}
        return found, dict(sorted(wanted.items()))


def _chosen(
    nodes: Mapping[str, tuple[int, tuple[OutputPort, ...]]], found: Found, name: str
) -> tuple[int, str, tuple[OutputPort, ...]]:
    """Find what "Node" or "Node/port" names."""
    node, _, port = name.partition("/")
    if node not in nodes:
        meant = suggest(node, nodes)
        raise NotFound(f"run {found.id} has no node {node[:100]!r}" + (f"; did you mean {meant}?" if meant else ""))
    no, outputs = nodes[node]
    if not port:
        return no, node, outputs
    chosen = tuple(output for output in outputs if output.name == port)
    if not chosen:
        names = [output.name for output in outputs]
        raise NotFound(f"node {node} has no output {port[:100]!r}; it has {', '.join(names) or 'none'}")
    return no, node, chosen


def chunk_message(
    found: Found, run_told: runs_pb2.Run, wanted: Mapping[int, _Wanted], chunk: Chunk, *, metrics: bool
) -> accio_pb2.ExportChunk:
    """Write a chunk column by column."""
    run, sweep = found.run, found.run.sweep
    child = run.parent
    message = accio_pb2.ExportChunk(
        run=run_told,
        index=chunk.indices,
        seed=[sweep.child_seed(index, run.seed) for index in chunk.indices]
        if child
        else [run.seed] * len(chunk.indices),
        repetition=[sweep.repetition(index) for index in chunk.indices],
    )
    coordinates = [sweep.coordinates(index)[0] for index in chunk.indices]
    for number, axis in enumerate(sweep.axes):
        if axis.size > 1:
            places = [coordinate[number] for coordinate in coordinates]
            distinct = {place: at for at, place in enumerate(dict.fromkeys(places))}
            message.params.add(
                name=axis.name,
                type=str(axis.type),
                values=[axis.value_at(place) for place in distinct],
                value_of_row=[distinct[place] for place in places],
            )
    for no, column in chunk.columns.items():
        _add_node(message, wanted[no], column, metrics=metrics)
    return message


def _add_node(message: accio_pb2.ExportChunk, wanted: _Wanted, column: Column, *, metrics: bool) -> None:
    ports = [port.name for port in wanted.ports]
    node = message.nodes.add(node=wanted.name, outputs=map(output_message, wanted.ports), row=column.rows)
    node.outputs_json.extend(_outputs(column.outputs, ports))
    if metrics:
        node.metrics.extend(_metrics(column.metrics))
    for row, stored in column.blobs:
        for port, (digest, _) in orjson.loads(stored).items():
            if port in ports:
                node.blobs.add(row=row, port=port, digest=digest)


def _outputs(stored: Iterable[str], ports: Sequence[str]) -> Iterator[str]:
    """Turn stored outputs (each value as a text in JSON) into objects of the values themselves."""
    heads = [(port, f'"{port}":') for port in sorted(ports)]
    for text in stored:
        values = orjson.loads(text)
        yield "{" + ",".join([head + values[port] for port, head in heads if port in values]) + "}"


def _metrics(stored: Iterable[str]) -> Iterator[runs_pb2.Metrics]:
    for text in stored:
        wall, user, system, peak, bytes_in, bytes_out, custom = orjson.loads(text)
        yield runs_pb2.Metrics(
            wall_us=wall,
            user_cpu_us=user,
            system_cpu_us=system,
            peak_memory=peak,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            custom_json=custom,
        )
