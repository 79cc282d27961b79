"""The rpc Logs: what nodes printed. The whole log is at the agent that ran the attempt; without it, only the end that
failures keep is left.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import partial

from accio.domain.access import Viewer
from accio.domain.children import OWN
from accio.domain.people import Person
from accio.domain.states import NODE_TERMINAL, RUN_TERMINAL, NodeState, RunState
from accio.late import dataclass
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.core.terms import RunNo
from accio_daemon.engine.ports import EnginePort, RunWatch
from accio_daemon.services.calls.node_views import node_place
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.sweep_logs import SweepLook
from accio_daemon.services.sessions.registry import LogPart, Sessions
from accio_daemon.services.transport.rpc import Send
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.nodes_query import AttemptRow, NodeFacts, read_nodes, read_nodes_of
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found

_POLL_S = 0.5
# Seconds between two looks of one who follows: more where many do, or where a look is at many nodes, so that together
# they take but a share of the processors. A node takes about a fifth of its share.
_PACE_S, _SLOWEST_S = 0.05, 2.0
_FOLLOWER_S, _NODE_S = 0.005, 0.0001
_CHILDREN = 256  # whose attempts are read at once
_ASKED = 256  # attempts whose logs are asked for at once
_PER_REQUEST = 64  # of them in one request to an agent
_TOGETHER = 256 * 1024  # bytes in one message to a caller who takes several chunks
_REMEMBERED = 10_000  # children that ended badly; the log of one that is retried later is told anew


@dataclass(slots=True, kw_only=True)
class _Progress:
    """How far each attempt has been told."""

    offsets: dict[int, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def offset(self, log: "_Log") -> int:
        """Return where reading an attempt's log goes on."""
        return self.offsets.get(log.attempt.id, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    """An attempt whose log may be read; `note` says what to know of it beforehand."""

    run: str
    node: str
    attempt: AttemptRow
    note: str = ""


class _SweepProgress:
    """The progress of children that are open, and of the last ones that ended badly: a retry goes on with them."""

    def __init__(self) -> None:
        self._open: dict[int, _Progress] = {}
        self._ended: dict[int, _Progress] = {}

    def of(self, index: int) -> _Progress:
        """Return a child's progress, to be changed."""
        if index not in self._open:
            self._open[index] = self._ended.pop(index) if index in self._ended else _Progress()
        return self._open[index]

    @property
    def badly(self) -> frozenset[int]:
        """The children that have ended badly when they were looked at last."""
        return frozenset(self._ended)

    def ended(self, child: Found) -> None:
        """Forget a child of which everything was sent."""
        told = self._open.pop(child.place, None)
        if told is not None and child.state is not RunState.SUCCESS:
            self._ended[child.place] = told
            if len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]


class LogCalls:
    """Logs."""

    def __init__(
        self, *, engine: EnginePort, readers: Readers, plans: Plans, sessions: Sessions, rights: Rights
    ) -> None:
        """Wait for changes that the engine announces, read rows from *readers*, and ask agents through *sessions*."""
        self._engine = engine
        self._readers = readers
        self._rights = rights
        self._plans = plans
        self._sessions = sessions
        self._following = 0

    async def logs(self, request: accio_pb2.LogsRequest, send: Send[accio_pb2.LogChunk]) -> None:
        """Send what a run's nodes printed, and with `follow` go on until it has ended."""
        viewer = self._rights.viewer()
        found, of_children = await self._readers.read_at_hand(lambda snapshot: self._find(snapshot, request, viewer))
        self._following += request.follow
        try:
            tell = self._of_children if of_children else self._of_nodes
            await tell(found, request, send, viewer)
        finally:
            self._following -= request.follow

    async def _of_nodes(
        self, found: Found, request: accio_pb2.LogsRequest, send: Send[accio_pb2.LogChunk], viewer: Viewer
    ) -> None:
        """Send the logs of a single run's nodes, of a child's or of those of a sweep itself."""
        progress, chunks, count = _Progress(), _Chunks(request, send), found.run.nodes
        async with self._engine.watch(found.run.no) as changes:
            while True:
                now, nodes, logs = await self._readers.read_of(count, partial(self._look, found, request.node, viewer))
                await self._tell([(each, progress) for each in logs], chunks)
                if not request.follow or now.state in RUN_TERMINAL or _over(nodes, request.node):
                    return
                await self._until_next(changes, count)

    async def _until_next(self, changes: RunWatch, nodes: int) -> None:
        """Wait until something about the run was committed, but no longer than what is printed meanwhile may wait; and
        for as long at least as all who follow are to wait for each other's looks, this one's being at so many nodes.
        """
        await changes.pause(min(_SLOWEST_S, max(_PACE_S, self._following * max(_FOLLOWER_S, nodes * _NODE_S))))
        try:
            async with asyncio.timeout(_POLL_S):
                await changes.changed()
        except TimeoutError:
            return

    def _find(self, snapshot: Snapshot, request: accio_pb2.LogsRequest, viewer: Viewer) -> tuple[Found, bool]:
        """Find a run, and say whether the logs of its children are wanted: not if a node of a sweep itself is named."""
        found = runs_query.find(snapshot, request.run, viewer)
        workflow = self._plans.workflow(snapshot, found.run)
        of_child = any(node.name == request.node for node in workflow.graph[: found.run.nodes])
        if found.place == OWN and (of_child or not request.node):
            return found, True
        if request.node:
            node_place(workflow, found, request.node)
        return found, False

    def _look(
        self, found: Found, node: str, viewer: Viewer, snapshot: Snapshot
    ) -> tuple[Found, list[NodeFacts], list[_Log]]:
        """Read a run anew, with its nodes, those of a sweep being its own, and the attempts of those whose logs are
        wanted; NotFound if it was deleted.
        """
        now = runs_query.read_again(snapshot, found)
        nodes = read_nodes(snapshot, now, self._plans.workflow(snapshot, now.run))
        wanted = [log for each in _chosen(nodes, node) for log in self._attempts(snapshot, now, each, viewer)]
        return now, nodes, wanted

    async def _of_children(
        self, found: Found, request: accio_pb2.LogsRequest, send: Send[accio_pb2.LogChunk], viewer: Viewer
    ) -> None:
        """Send the logs of all children that have begun, and with `follow` what they and later ones go on to print.

        The next children are read while agents are asked for what those before them printed.
        """
        run = found.run
        sweep, progress, chunks = SweepLook(run), _SweepProgress(), _Chunks(request, send)
        try:
            async with self._engine.watch(run.no) as changes, asyncio.TaskGroup() as beside:
                telling: asyncio.Task[None] | None = None
                while True:
                    look = await self._readers.read(partial(sweep.look, progress.badly))
                    for start in range(0, len(look.children), _CHILDREN):
                        some = look.children[start : start + _CHILDREN]
                        nodes = len(some) * run.nodes
                        logs = await self._readers.read_of(nodes, partial(self._logs_of, some, request.node, viewer))
                        if telling is not None:
                            await telling
                        telling = beside.create_task(self._tell_of(some, logs, progress, chunks))
                    if look.more:
                        continue
                    if telling is not None:
                        await telling
                    if not request.follow or look.ended:
                        return
                    await self._until_next(changes, nodes=0)
        except ExceptionGroup as errors:  # callers are told the error itself
            raise errors.exceptions[0] from None

    async def _tell_of(
        self, children: list[Found], logs: list[tuple[Found, _Log]], progress: _SweepProgress, chunks: "_Chunks"
    ) -> None:
        """Send what some children have printed, and forget those that have ended."""
        await self._tell([(each, progress.of(child.place)) for child, each in logs], chunks)
        for child in children:
            if child.state in RUN_TERMINAL:
                progress.ended(child)

    def _logs_of(
        self, children: list[Found], node: str, viewer: Viewer, snapshot: Snapshot
    ) -> list[tuple[Found, _Log]]:
        """Return the attempts of some children of one run."""
        workflow = self._plans.workflow(snapshot, children[0].run)
        return [
            (child, each)
            for child, nodes in zip(children, read_nodes_of(snapshot, children, workflow), strict=True)
            for facts in _chosen(nodes, node)
            for each in self._attempts(snapshot, child, facts, viewer)
        ]

    def _attempts(self, snapshot: Snapshot, found: Found, node: NodeFacts, viewer: Viewer) -> Iterator[_Log]:
        """Return the attempts of a node, oldest first; of a cached one, the attempt that computed its result."""
        for attempt in node.attempts:
            yield _Log(run=found.id, node=node.name, attempt=attempt)
        source = node.source
        own = (found.run.no, found.place, node.no)
        if node.state is NodeState.SUCCESS and source is not None and (node.cached or source.owner != own):
            origin = name_of_owner(snapshot, source.owner, self._plans, viewer) or "a run that was deleted"
            computed = AttemptRow(
                id=source.attempt,
                agent=source.agent,
                state="success",
                started_ms=source.computed_ms,
                ended_ms=node.ended_ms,
                failure=None,
            )
            yield _Log(run=found.id, node=node.name, attempt=computed, note=f"cached: printed by {origin}")

    async def _tell(self, logs: Sequence[tuple[_Log, _Progress]], chunks: "_Chunks") -> None:
        """Send what attempts have printed since they were asked last, one after the other."""
        at, begun = 0, False
        while at < len(logs):
            # Of one whose answer was no end more is to come, and that before anything of the others.
            some = logs[at : at + (1 if begun else _ASKED)]
            answers = await self._ask(some)
            begun = False
            for place, (each, progress) in enumerate(some):
                if place not in answers:
                    break
                begun = await self._tell_part(each, progress, answers[place], chunks, alone=len(some) == 1)
                if begun:
                    break
                at += 1
        await chunks.flush()

    async def _ask(self, logs: Sequence[tuple[_Log, _Progress]]) -> dict[int, LogPart | None]:
        """Ask each agent for its logs; None of those that aren't connected. What agents left out isn't in it."""
        by_agent: dict[str, list[int]] = {}
        for place, (each, progress) in enumerate(logs):
            if each.attempt.id not in progress.done:
                by_agent.setdefault(each.attempt.agent, []).append(place)
        answers: dict[int, LogPart | None] = {
            place: None for place, (each, progress) in enumerate(logs) if each.attempt.id in progress.done
        }

        async def ask(agent: str, places: Sequence[int]) -> None:
            wanted = [(logs[place][0].attempt.id, logs[place][1].offset(logs[place][0])) for place in places]
            parts = await self._sessions.read_logs(agent, wanted)
            answers.update(zip(places, parts, strict=False) if parts else dict.fromkeys(places))

        async with asyncio.TaskGroup() as asking:
            for agent, places in by_agent.items():
                for start in range(0, len(places), _PER_REQUEST):
                    asking.create_task(ask(agent, places[start : start + _PER_REQUEST]))
        return answers

    async def _tell_part(
        self, each: _Log, progress: _Progress, answer: LogPart | None, chunks: "_Chunks", *, alone: bool
    ) -> bool:
        """Send an answer, unless it was sent; True if more is to be asked for at once."""
        attempt = each.attempt
        if attempt.id in progress.done:
            return False
        note = each.note if attempt.id not in progress.offsets else ""
        if answer is None:
            if attempt.state != "running":
                progress.done.add(attempt.id)
                await chunks.put(_what_is_left(each, note))
            return False
        if answer.lines or answer.note or note:
            joined = "; ".join(text for text in (note, answer.note) if text)
            await chunks.put(
                accio_pb2.LogChunk(run=each.run, node=each.node, attempt=attempt.id, lines=answer.lines, note=joined)
            )
        offset = progress.offset(each)
        progress.offsets[attempt.id] = answer.next_offset
        if answer.end:
            progress.done.add(attempt.id)
            return False
        # While several run, each is asked once in a look: what one prints mustn't keep the others waiting.
        waits = chunks.follows and not alone and attempt.state == "running"
        told = bool(answer.lines or answer.note)  # who tells nothing has nothing more: else he could do so for ever
        return told and answer.next_offset > offset and not waits


class _Chunks:
    """Chunks on their way to a caller, together in one message if he takes them so."""

    def __init__(self, request: accio_pb2.LogsRequest, send: Send[accio_pb2.LogChunk]) -> None:
        self.follows = request.follow
        self._together = request.together
        self._send = send
        self._held: list[accio_pb2.LogChunk] = []
        self._bytes = 0

    async def put(self, chunk: accio_pb2.LogChunk) -> None:
        """Send a chunk, now or with the next ones."""
        self._held.append(chunk)
        self._bytes += chunk.ByteSize()
        if not self._together or self._bytes > _TOGETHER:
            await self.flush()

    async def flush(self) -> None:
        """Send what is held back."""
        if self._held:
            first, *further = self._held
            first.further.extend(further)
            self._held, self._bytes = [], 0
            await self._send(first)


def _what_is_left(each: _Log, note: str) -> accio_pb2.LogChunk:
    """Return the end of the log that a failure keeps, with the remark that the rest isn't here."""
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


def name_of_owner(snapshot: Snapshot, owner: tuple[int, int, int], plans: Plans, viewer: Viewer) -> str:
    """Return "RUN/NODE" of the node that an execution was begun for; empty if its run was deleted or isn't shown."""
    run_no, index, node = owner
    run = runs_query.get_run(snapshot, RunNo(run_no))
    if (
        run is None
        or not (run.has(index) or index == OWN)
        or not viewer.sees(Person(name=run.owner_name, email=run.owner_email))
    ):
        return ""
    name = plans.workflow(snapshot, run).graph[node].name
    return f"{run.name_of(index)}/{name}"
