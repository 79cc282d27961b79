"""The job that reads a chunk of Columns: rows of the database in, an encoded message out.

It is pickled where a large read has a process of its own, which loads this module: it knows nothing of gRPC.
"""

from collections.abc import Iterable, Mapping

from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import NotFound
from accio.late import dataclass
from accio.v1 import accio_pb2
from accio.wire.states import RUN_STATE_MESSAGES
from accio_daemon.services.messages.columns import WantedNode, columns_chunk, gaps, ranges
from accio_daemon.services.messages.encoded import EncodedColumns
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.exports.child_states import has_any
from accio_daemon.storage.exports.export import Asked, Chunk, read_chunk, read_failures
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.runs_query import Found


def _numbers(*states: RunState) -> bytes:
    return bytes(RUN_STATES[state] for state in states)


_WITH_FAILURES = _numbers(RunState.RUNNING, RunState.FAILED, RunState.KILLED)
_ENDED = _numbers(*RUN_TERMINAL)
_ENDED_MESSAGES = frozenset(RUN_STATE_MESSAGES[state] for state in RUN_TERMINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsJob:
    """Reads some rows of what was selected, and writes them: both in the reader's thread, or process."""

    found: Found
    wanted: Mapping[int, WantedNode]
    asked: Asked
    failures: bool
    implied: int

    def __call__(self, snapshot: Snapshot, low: int, high: int, limit: int) -> EncodedColumns:
        """Return at most *limit* children between two indices."""
        message, chunk = _read(snapshot, self, low, high, limit)
        until = high if chunk.low is None else chunk.low - 1
        return EncodedColumns(
            data=b"" if message is None else message.SerializeToString(),
            rows=len(chunk.indices),
            low=chunk.low,
            characters=chunk.size,
            open=accio_pb2.ColumnsEnd(open=ranges(_open(chunk, low, until, self.implied))).SerializeToString(),
        )


def _read(
    snapshot: Snapshot, selected: ColumnsJob, low: int, high: int, limit: int
) -> tuple[accio_pb2.ColumnsChunk | None, Chunk]:
    found = selected.found
    chunk = read_chunk(snapshot, found, tuple(selected.wanted), selected.asked, low, limit, high)
    if found.index is not None or not found.run.parent:
        fresh = _again(snapshot, found)
        states, indices = _numbers(fresh.state), [0]
        failures = read_failures(snapshot, found, found.place, found.place) if selected.failures else ()
        failures = [(0, *rest) for _, *rest in failures]  # type: ignore[misc]  # mypy doesn't follow the star
        chunk = Chunk(indices=indices, columns=chunk.columns, states=states, causes={}, low=None, size=chunk.size)
    elif not chunk.indices:
        return None, chunk
    else:
        wants = selected.failures and has_any(chunk.states, _WITH_FAILURES)
        failures = read_failures(snapshot, found, chunk.indices[0], chunk.indices[-1]) if wants else ()
    return columns_chunk(selected.wanted, chunk, failures), chunk


def _again(snapshot: Snapshot, found: Found) -> Found:
    run = runs_query.get_run(snapshot, found.run.no)
    if run is None:
        raise NotFound(f"run {found.id} was deleted in between")
    return Found(run=run) if found.index is None else runs_query.get_child(snapshot, run, found.index)


def _open(chunk: Chunk, low: int, high: int, implied: int) -> Iterable[tuple[int, int]]:
    """Yield the intervals of children between two indices that hadn't ended."""
    has_open = bool(chunk.states.translate(None, _ENDED))
    numbered = zip(chunk.indices, chunk.states, strict=True)
    if implied in _ENDED_MESSAGES:
        yield from ((index, index) for index, state in numbered if state not in _ENDED) if has_open else ()
        return
    ended = [index for index, state in numbered if state in _ENDED] if has_open else chunk.indices
    yield from gaps(ended, low, high)
