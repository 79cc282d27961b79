"""The rpc Columns: single values of children, packed, in chunks of bounded size that the reader's thread builds."""

from collections.abc import Awaitable, Callable, Iterator

from accio.domain.access import Viewer
from accio.domain.axes import Axis
from accio.domain.members import key_shown, member_type
from accio.domain.sweeps import Sweep
from accio.v1 import accio_pb2
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.services.calls.columns_job import ColumnsJob
from accio_daemon.services.calls.growing import CHUNK_BYTES, send_chunks
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.wanted_columns import Outputs, is_foldout, is_single, wanted_columns
from accio_daemon.services.messages.columns import decoded, ranges
from accio_daemon.services.messages.encoded import EncodedColumns
from accio_daemon.services.messages.runs import run_message
from accio_daemon.services.transport.rpc import SendEncoded
from accio_daemon.storage.exports.export import Asked, TooMuch, generation, read_chunk
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.studies import read_pruned
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found

_ROWS = 16_384
_VALUES = 131_072  # rows times columns of one chunk
_STATES = 524_288  # rows of one chunk of states alone
_FIRST_ROWS = 256  # of the first chunk, before anything is known of their size
_FEW = 32_768  # children that are asked for by ranges: they don't wait behind chunks of others who want everything
_READ_CHARACTERS = 4_000_000  # of all outputs of a chunk's nodes, also those that nobody asked for
_LOOKED_AT = 16  # children whose maps are looked at to tell which members there are
_LONGEST_SWEEP = 1_000_000  # characters of one that another process may be told


_Read = Callable[[int, int, int], Awaitable[EncodedColumns]]
"""Reads children between two indices, a number at most."""


class ColumnCalls:
    """Columns."""

    def __init__(self, *, readers: Readers, plans: Plans, rights: Rights) -> None:
        """Remember where to read."""
        self._readers = readers
        self._rights = rights
        self._plans = plans

    async def columns(self, request: accio_pb2.ColumnsRequest, send: SendEncoded[accio_pb2.ColumnsChunk]) -> None:
        """Send what there is, then the children that have begun in the order of the sweep, then what is open."""
        viewer = self._rights.viewer()
        job, head = await self._readers.read(lambda snapshot: self._select(snapshot, request, viewer))
        await send(accio_pb2.ColumnsChunk(head=head))
        end = accio_pb2.ColumnsEnd()
        asked = list(_ranges(request, job.found))
        width = sum(each.width for each in job.wanted.values())
        most = max(1, min(_ROWS, _VALUES // width)) if width else _ROWS if job.failures else _STATES
        are_few = sum(last - first + 1 for first, last in asked) <= _FEW
        read: _Read = self._short_read(job) if are_few else self._long_read(job, len(head.sweep_json))
        if are_few:
            most = min(most, _FIRST_ROWS)
        for first, last in asked:
            await _send_range(read, (first, last), most, send, end)
        await send(accio_pb2.ColumnsChunk(end=end))

    def _long_read(self, job: ColumnsJob, length: int) -> _Read:
        return self._readers.long_read(job, EncodedColumns._make, apart=length <= _LONGEST_SWEEP).step

    def _short_read(self, job: ColumnsJob) -> _Read:
        def read(low: int, high: int, limit: int) -> Awaitable[EncodedColumns]:
            return self._readers.read(lambda snapshot: job(snapshot, low, high, limit))

        return read

    def _select(
        self, snapshot: Snapshot, request: accio_pb2.ColumnsRequest, viewer: Viewer
    ) -> tuple[ColumnsJob, accio_pb2.ColumnsHead]:
        """Find the run, and what is wanted of its nodes."""
        found = runs_query.find(snapshot, request.run, viewer)
        outputs = self._plans.outputs(snapshot, found.run)
        wanted = wanted_columns(outputs, request)
        is_study = found.index is None and found.run.sweep.study is not None
        head = accio_pb2.ColumnsHead(
            run=run_message(found),
            sweep_json=_sweep(found).to_text(),
            implied=RUN_STATE_MESSAGES[found.state if found.index is not None else found.run.implied],
            deleted=() if found.index is not None else ranges(found.run.removed),
            nodes=outputs,
            generation=generation(snapshot, found),
            pruned=ranges((index, index) for index in sorted(read_pruned(snapshot, found.run.no))) if is_study else (),
        )
        for param in head.run.params:  # the sweep tells the same
            param.ClearField("form_json")
        for node, ports in outputs.items():
            for port in ports:
                declared = head.declared.add(node=node, port=port.name, type=str(port.type))
                if is_single(port.type):
                    head.outputs.append(declared)
        head.maps.extend(_maps(snapshot, found, outputs))
        asked = Asked(
            outputs=any(each.ports or each.maps for each in wanted.values()),
            metrics=any(each.metrics for each in wanted.values()),
            measured=False,
            outcomes=True,
            causes=False,
        )
        return ColumnsJob(
            found=found, wanted=wanted, asked=asked, failures=request.failures, implied=head.implied
        ), head


async def _send_range(
    read: _Read,
    between: tuple[int, int],
    most: int,
    send: SendEncoded[accio_pb2.ColumnsChunk],
    end: accio_pb2.ColumnsEnd,
) -> None:
    low, high = between

    def next_limit(chunk: EncodedColumns, limit: int) -> int:
        end.MergeFromString(chunk.open)
        by_size = min(CHUNK_BYTES / max(1, len(chunk.data)), _READ_CHARACTERS / max(1, chunk.characters))
        return min(4 * limit, int(chunk.rows * by_size))

    await send_chunks(
        lambda start, limit: read(start, high, limit), send, next_limit, low=low, first=_FIRST_ROWS, most=most
    )


def _maps(snapshot: Snapshot, found: Found, outputs: Outputs) -> Iterator[accio_pb2.ColumnMap]:
    """Yield the outputs whose members can be asked for, with those that the first children have."""
    ports = {no: [port for port in of if is_foldout(port.type)] for no, of in enumerate(outputs.values())}
    nodes = tuple(no for no, of in ports.items() if of)
    if not nodes:
        return
    asked = Asked(outputs=True, metrics=False, measured=False, outcomes=False)
    try:
        columns = read_chunk(snapshot, found, nodes, asked, 0, _LOOKED_AT).columns
    except TooMuch:
        columns = {}
    for no, node in enumerate(outputs):
        for port in ports[no]:
            maps = [each for each in decoded(columns[no], port.name) if each is not None] if no in columns else []
            keys = dict.fromkeys(key for each in maps for key in each)
            yield accio_pb2.ColumnMap(
                node=node,
                port=port.name,
                type=str(member_type(port.type)),
                members=[key_shown(port.type.args[0], key) for key in keys],
            )


def _sweep(found: Found) -> Sweep:
    """Return the sweep of what was asked for: a child's has its values alone."""
    sweep = found.run.sweep
    if found.index is None:
        return sweep
    values = sweep.child(found.index)
    return Sweep(tuple(Axis(axis.name, axis.type, (values[axis.name],)) for axis in sweep.axes))


def _ranges(request: accio_pb2.ColumnsRequest, found: Found) -> Iterator[tuple[int, int]]:
    """Yield the intervals that were asked for, as far as there are children."""
    size = found.run.children if found.index is None else 1
    if not request.ranges:
        yield 0, size - 1
    for each in request.ranges:
        last = min(each.first + each.count, size) - 1
        if last >= each.first:
            yield each.first, last
