"""The job that reads a chunk of an export: rows of the database in, an encoded message out.

It is pickled where a large read has a process of its own, which loads this module: it knows nothing of gRPC.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from accio.domain.operators import OutputPort
from accio.domain.sweeps import Sweep
from accio.late import dataclass
from accio.v1 import accio_pb2, runs_pb2
from accio.wire.metrics import metrics_message
from accio.wire.operators import output_message
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.services.messages.encoded import EncodedChunk
from accio_daemon.storage.codes import RUN_STATE_OF
from accio_daemon.storage.courtesy import letting_pass
from accio_daemon.storage.exports.export import Asked, Chunk, Column, read_chunk
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.runs.runs_query import Found

_SEEDS = 64  # that are worked out before short reads may pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedNode:
    """What is wanted of one node."""

    name: str
    ports: tuple[OutputPort, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """Reads some rows of a run, and writes them: both in the reader's thread, or process."""

    found: Found
    run: runs_pb2.Run  # as it is told with a chunk
    wanted: Mapping[int, ExportedNode]
    asked: Asked
    by_port: bool

    def __call__(self, snapshot: Snapshot, low: int, limit: int) -> EncodedChunk:
        """Return at most *limit* children from an index on."""
        chunk = read_chunk(snapshot, self.found, tuple(self.wanted), self.asked, low, limit)
        message = chunk_message(self.found, self.run, self.wanted, chunk, self.asked, by_port=self.by_port)
        return EncodedChunk(data=message.SerializeToString(), rows=len(chunk.indices), low=chunk.low)


def chunk_message(
    found: Found,
    run_told: runs_pb2.Run,
    wanted: Mapping[int, ExportedNode],
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


def _add_node(
    message: accio_pb2.ExportChunk, wanted: ExportedNode, column: Column, asked: Asked, *, by_port: bool
) -> None:
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
