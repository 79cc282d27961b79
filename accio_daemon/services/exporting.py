"""The rpc Export: results of runs in chunks of bounded size, built in the reader's thread."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from accio.domain.names import suggest
from accio.domain.operators import OutputPort
from accio.errors import BadRequest, NotFound
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.core.commands import RunNo
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
_WHOLE = -1  # the place of a single run or a parent among what was named of it
_CHUNK_BYTES = 2_500_000  # clients take messages of 4 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is wanted of one node."""

    name: str
    ports: tuple[OutputPort, ...]


_Outputs = Mapping[str, tuple[OutputPort, ...]]
"""The outputs of a run's nodes, in the order of its workflow."""


class ExportCalls:
    """Export."""

    def __init__(self, *, readers: Readers, plans: Plans) -> None:
        """Take where to read."""
        self._readers = readers
        self._plans = plans

    async def export(self, request: accio_pb2.ExportRequest, send: Send[accio_pb2.ExportChunk]) -> None:
        """Send the results of each run once, in the order of the request and of the sweep. A run without any gets an
        empty chunk.
        """
        if not request.ids:
            raise BadRequest("expected at least one run to export, found none")
        selected = await self._readers.read(lambda connection: self._select(connection, request))
        for found, wanted in selected:
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

    def _select(
        self, connection: sqlite3.Connection, request: accio_pb2.ExportRequest
    ) -> list[tuple[Found, dict[int, _Wanted]]]:
        """Find the runs, and what is wanted of the nodes of each."""
        runs = _once([runs_query.find(connection, text) for text in request.ids])
        graphs = [self._outputs(connection, found) for found in runs]
        _require_known(request.artifacts, graphs)
        return [(found, _wanted(nodes, request)) for found, nodes in zip(runs, graphs, strict=True)]

    def _outputs(self, connection: sqlite3.Connection, found: Found) -> _Outputs:
        operators = self._plans.operators(connection, found.run)
        graph = self._plans.workflow(connection, found.run).graph
        return {node.name: operators[no].spec.outputs for no, node in enumerate(graph)}


def _once(named: Iterable[Found]) -> list[Found]:
    """Each run once: a parent covers its children, and children that are named stand in the order of their sweep."""
    runs: dict[RunNo, dict[int, Found]] = {}
    for each in named:
        runs.setdefault(each.run.no, {})[_WHOLE if each.index is None else each.index] = each
    return [
        members[place] for members in runs.values() for place in ([_WHOLE] if _WHOLE in members else sorted(members))
    ]


def _wanted(nodes: _Outputs, request: accio_pb2.ExportRequest) -> dict[int, _Wanted]:
    """What is wanted of a run's nodes, by their places; metrics are wanted of all of them."""
    names = set(request.artifacts)
    wanted: dict[int, _Wanted] = {}
    for no, (node, outputs) in enumerate(nodes.items()):
        ports = tuple(port for port in outputs if not names or not names.isdisjoint(_names_of(node, port.name)))
        if request.metrics or (request.outputs and (ports or not names)):
            wanted[no] = _Wanted(name=node, ports=ports if request.outputs else ())
    return wanted


def _names_of(node: str, port: str) -> tuple[str, str, str]:
    """How an output may be named."""
    return node, port, f"{node}/{port}"


def _require_known(names: Iterable[str], graphs: Sequence[_Outputs]) -> None:
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
