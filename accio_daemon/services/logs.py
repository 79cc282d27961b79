"""The rpc Logs: what nodes printed. The whole log is at the agent that ran the attempt; without it, only the end that
failures keep is left.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from accio.domain.states import NODE_TERMINAL, RUN_TERMINAL, NodeState
from accio.errors import BadRequest
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.core.commands import RunNo
from accio_daemon.engine.ports import EnginePort, RunWatch
from accio_daemon.services.node_views import node_place
from accio_daemon.services.rpc import Send
from accio_daemon.services.sessions import Sessions
from accio_daemon.services.watching import read_state
from accio_daemon.storage import runs_query
from accio_daemon.storage.nodes_query import AttemptRow, NodeFacts, read_nodes
from accio_daemon.storage.plans import Plans
from accio_daemon.storage.readers import Readers
from accio_daemon.storage.runs_query import SQL, Found, RunRow

_POLL_S = 0.5
_CHILDREN = 50


@dataclass(slots=True, kw_only=True)
class _Progress:
    """How far each attempt has been told."""

    offsets: dict[int, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    """An attempt whose log may be read; `note` says what to know of it beforehand."""

    run: str
    node: str
    attempt: AttemptRow
    note: str = ""


class LogCalls:
    """Logs."""

    def __init__(self, *, engine: EnginePort, readers: Readers, plans: Plans, sessions: Sessions) -> None:
        """Take who tells of changes, where rows are read, and who can ask agents."""
        self._engine = engine
        self._readers = readers
        self._plans = plans
        self._sessions = sessions

    async def logs(self, request: accio_pb2.LogsRequest, send: Send[accio_pb2.LogChunk]) -> None:
        """Send what a run's nodes printed, and with `follow` go on until it has ended."""
        found = await self._readers.read(lambda connection: self._find(connection, request))
        if found.index is None and found.run.parent:
            if request.follow:
                raise BadRequest(f"{found.id} is a sweep: follow one of its children, as in {found.id}.0")
            await self._of_children(found.run, request.node, send)
            return
        progress = _Progress()
        async with self._engine.watch(found.run.no) as changes:
            while True:
                now, nodes = await self._readers.read(lambda connection: read_state(connection, self._plans, found))
                for node in _chosen(nodes or (), request.node):
                    for each in await self._readers.read(lambda c: list(self._attempts(c, now, node))):  # noqa: B023  # it is awaited in this turn
                        await self._tell(each, progress, send)
                if not request.follow or now.state in RUN_TERMINAL or _over(nodes or (), request.node):
                    return
                await _change_or_pause(changes)

    def _find(self, connection: sqlite3.Connection, request: accio_pb2.LogsRequest) -> Found:
        found = runs_query.find(connection, request.run)
        if request.node:
            node_place(self._plans.workflow(connection, found.run), found, request.node)
        return found

    async def _of_children(self, run: RunRow, node: str, send: Send[accio_pb2.LogChunk]) -> None:
        """Send the logs of all children that have begun, in order, some at a time."""
        low = 0
        while True:
            values = {"run": run.no, "low": low, "limit": _CHILDREN}

            def read(connection: sqlite3.Connection) -> list[_Log]:
                workflow = self._plans.workflow(connection, run)
                found: list[_Log] = []
                for row in map(runs_query.instance_row, connection.execute(SQL["instances_from"], values)):  # noqa: B023  # it is awaited in this turn
                    child = Found(run=run, index=row.index, instance=row)
                    for each in _chosen(read_nodes(connection, child, workflow), node):
                        found.extend(self._attempts(connection, child, each))
                    values["next"] = row.index + 1  # noqa: B023  # as above
                return found

            logs = await self._readers.read(read)
            for each in logs:
                await self._tell(each, _Progress(), send)
            if "next" not in values:
                return
            low = values["next"]

    def _attempts(self, connection: sqlite3.Connection, found: Found, node: NodeFacts) -> Iterator[_Log]:
        """Give the attempts of a node, oldest first; of a cached one, the attempt that computed its result."""
        for attempt in node.attempts:
            yield _Log(run=found.id, node=node.name, attempt=attempt)
        source = node.source
        own = (found.run.no, found.place, node.no)
        if node.state is NodeState.SUCCESS and source is not None and (node.cached or source.owner != own):
            origin = name_of_owner(connection, source.owner, self._plans) or "a run that was deleted"
            computed = AttemptRow(
                id=source.attempt,
                agent=source.agent,
                state="success",
                started_ms=source.computed_ms,
                ended_ms=node.ended_ms,
                failure=None,
            )
            yield _Log(run=found.id, node=node.name, attempt=computed, note=f"cached: printed by {origin}")

    async def _tell(self, each: _Log, progress: _Progress, send: Send[accio_pb2.LogChunk]) -> None:
        attempt = each.attempt
        if attempt.id in progress.done:
            return
        note = each.note if attempt.id not in progress.offsets else ""
        while True:
            offset = progress.offsets.get(attempt.id, 0)
            answer = await self._sessions.read_log(attempt.agent, attempt.id, offset)
            if answer is None:
                if attempt.state != "running":
                    progress.done.add(attempt.id)
                    await send(_what_is_left(each, note))
                return
            if answer.lines or answer.note or note:
                joined = "; ".join(text for text in (note, answer.note) if text)
                await send(
                    accio_pb2.LogChunk(
                        run=each.run, node=each.node, attempt=attempt.id, lines=answer.lines, note=joined
                    )
                )
                note = ""
            progress.offsets[attempt.id] = answer.next_offset
            if answer.end:
                progress.done.add(attempt.id)
                return
            if answer.next_offset <= offset:
                return


def _what_is_left(each: _Log, note: str) -> accio_pb2.LogChunk:
    """The end of the log that a failure keeps, with the remark that the rest isn't here."""
    attempt = each.attempt
    agent = attempt.agent or "an agent that was removed"
    remark = f"the log is at {agent}, which isn't connected"
    lines: list[runs_pb2.LogLine] = []
    if attempt.failure is not None:
        at = attempt.ended_ms or attempt.started_ms
        for tail, stderr in ((attempt.failure.stdout_tail, False), (attempt.failure.stderr_tail, True)):
            lines += [
                runs_pb2.LogLine(stderr=stderr, at_ms=at, data=line.encode()) for line in tail.splitlines(keepends=True)
            ]
        if lines:
            remark += "; these are its last lines"
    joined = "; ".join(text for text in (note, remark) if text)
    return accio_pb2.LogChunk(run=each.run, node=each.node, attempt=attempt.id, lines=lines, note=joined)


def _chosen(nodes: Sequence[NodeFacts], name: str) -> list[NodeFacts]:
    return [node for node in nodes if not name or node.name == name]


def _over(nodes: Sequence[NodeFacts], name: str) -> bool:
    return all(node.state in NODE_TERMINAL for node in _chosen(nodes, name))


async def _change_or_pause(changes: RunWatch) -> None:
    """Wait until something about the run was committed, but no longer than what is printed meanwhile may wait."""
    try:
        async with asyncio.timeout(_POLL_S):
            await changes.changed()
    except TimeoutError:
        return


def name_of_owner(connection: sqlite3.Connection, owner: tuple[int, int, int], plans: Plans) -> str:
    """Give "RUN/NODE" of the node that an execution was begun for; empty if its run was deleted."""
    run_no, index, node = owner
    run = runs_query.get_run(connection, RunNo(run_no))
    if run is None or not run.has(index):
        return ""
    name = plans.workflow(connection, run).graph[node].name
    return f"{run.id}.{index}/{name}" if run.parent else f"{run.id}/{name}"
