"""The queue of ready executions: first come, first served, but nice ones behind all others. They are grouped by demand,
owner, agents to avoid, and niceness.

Placing looks at one head per group, so that it costs O(distinct demands and owners), not O(queue). A group may hold
executions that left the queue since (killed, joined by somebody earlier): they are dropped when they come up. Nearly
all come in the order of their places, and stand in a line, which costs nothing to keep; a heap, in which each is
compared with ten others where a thousand wait, is for those alone that come later than their place.
Unopened children stand in line too, as one cursor per run (`Unopened`).
"""

import heapq
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from accio.domain.states import Phase
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.records import Agent, Execution, Run
from accio_daemon.core.terms import Place, SessionNo

_QUEUED = Phase.QUEUED

NO_AGENTS: frozenset[Agent] = frozenset()

Entry = tuple[Place, int, Execution]  # in this order: the number of the execution tells equal places apart


class Group:
    """Queued executions of one class and one owner that the same agents may take."""

    __slots__ = ("_late", "_line", "able", "avoid", "blocked", "count", "kept_from", "nice", "node_class", "owner")

    def __init__(self, node_class: NodeClass, avoid: frozenset[SessionNo], owner: Owner, *, nice: bool = False) -> None:
        self.node_class = node_class
        self.nice = nice
        self.kept_from = NO_AGENTS  # of a nice one: where others waited when it was last refused
        self.owner = owner  # whose cap they count against
        self.avoid = avoid  # agents that lack an input of each
        self.able: frozenset[Agent] | None = None  # who could take its nodes, where nice ones mustn't; None: not known
        self._line: deque[Entry] = deque()  # in order
        self._late: list[Entry] = []  # a heap: those whose place was before that of the last one in the line
        self.count = 0  # executions that are queued, those that left not counted
        self.blocked = False  # whether its head was refused by every agent since capacity was last freed

    def head(self) -> Execution | None:
        """Return the first execution, or None."""
        line, late = self._line, self._late
        while line or late:
            is_late = bool(late) and (not line or late[0] < line[0])
            place, _, execution = late[0] if is_late else line[0]
            if (  # as `holds`, written out: asked several times for each node, and for the same objects as a rule
                execution.phase is _QUEUED
                and (execution.place is place or execution.place == place)
                and execution.payer is self.owner
                and (execution.avoid is self.avoid or execution.avoid == self.avoid)
                and execution.nice is self.nice
            ):
                return execution
            if is_late:
                heapq.heappop(late)
            else:
                line.popleft()
        return None

    def holds(self, execution: Execution) -> bool:
        """Return whether an execution that was put here is still queued, and here."""
        return (
            execution.phase is _QUEUED
            and execution.payer is self.owner
            and execution.avoid == self.avoid
            and execution.nice is self.nice
        )

    def push(self, execution: Execution) -> None:
        """Put an execution at its place; a new head hasn't been refused by anybody."""
        entry = (execution.place, execution.id, execution)
        line, late = self._line, self._late
        if not line or line[-1] < entry:
            line.append(entry)
        else:
            heapq.heappush(late, entry)
        if not (line[0] < entry or (late and late[0] < entry)):
            self.blocked = False

    def entries(self) -> Iterator[Entry]:
        """Return what was put here and hasn't come up, unordered: some of it may be queued no more, or elsewhere."""
        return chain(self._line, self._late)

    def __repr__(self) -> str:
        blocked = (", nice" if self.nice else "") + (", blocked" if self.blocked else "")
        return f"Group(class {self.node_class.id} of {self.owner.key}, {self.count} queued{blocked})"


class NodeQueue:
    """All queued executions."""

    def __init__(self) -> None:
        self.groups: dict[tuple[int, frozenset[SessionNo], Owner, bool], Group] = {}
        self.count = 0

    def enter(self, execution: Execution) -> None:
        """Put an execution that has just been queued at its place."""
        kind = _kind(execution)
        group = self.groups.get(kind)
        if group is None:
            group = self.groups[kind] = Group(
                execution.node_class, execution.avoid, execution.payer, nice=execution.nice
            )
        if not group.count:
            group.blocked = False  # nobody stood here to be refused: what was freed since may fit
        group.count += 1
        self.count += 1
        group.push(execution)

    def leave(self, execution: Execution) -> None:
        """Remove an execution that is queued no more, wherever it stands."""
        self.groups[_kind(execution)].count -= 1
        self.count -= 1

    def move_up(self, execution: Execution) -> None:
        """Put a queued execution where it stands since its place became an earlier one."""
        self.groups[_kind(execution)].push(execution)

    def regroup(self, execution: Execution, avoid: frozenset[SessionNo]) -> None:
        """Put a queued execution among those that must avoid the same agents."""
        self.leave(execution)
        execution.avoid = avoid
        self.enter(execution)

    def hand_on(self, execution: Execution, owner: Owner, *, nice: bool) -> None:
        """Put a queued execution among those of another owner, or among the nice ones, or back from there."""
        self.leave(execution)
        execution.payer, execution.nice = owner, nice
        self.enter(execution)

    def backlog(self, class_id: int, owner: Owner, *, nice: bool = False) -> int:
        """Return how many executions of a class an owner has queued, of nice runs or of the others."""
        return sum(
            group.count
            for (each, _, whose, is_nice), group in self.groups.items()
            if each == class_id and whose is owner and is_nice is nice
        )

    def heads(self) -> list[tuple[Place, Group]]:
        """Return each group that has somebody queued with its head's place, unordered; empty groups are forgotten."""
        found: list[tuple[Place, Group]] = []
        for kind in [kind for kind, group in self.groups.items() if group.count == 0]:
            del self.groups[kind]
        for group in self.groups.values():
            head = group.head()
            if head is not None:
                found.append((head.place, group))
        return found

    def __iter__(self) -> Iterator[Execution]:
        """Return every queued execution in order: for tests and explanations, not for placing."""
        everyone = [
            entry[2]
            for group in self.groups.values()
            for entry in group.entries()
            if group.holds(entry[2]) and entry[2].place == entry[0]
        ]
        return iter(sorted(set(everyone), key=lambda execution: (execution.place, execution.id)))

    def __repr__(self) -> str:
        return f"NodeQueue({self.count} in {list(self.groups.values())})"


def _kind(execution: Execution) -> tuple[int, frozenset[SessionNo], Owner, bool]:
    return execution.node_class.id, execution.avoid, execution.payer, execution.nice


class Bucket(NamedTuple):
    """Which runs open their children in the place of each other: those of one owner whose roots need the same."""

    classes: frozenset[int]  # of the roots
    owner: Owner
    nice: bool = False


class Unopened:
    """Runs with children that haven't been opened, first come first served, by owner and the classes of their roots."""

    def __init__(self) -> None:
        self._buckets: dict[Bucket, list[tuple[int, int, Run]]] = {}
        self._bucket_of: dict[int, Bucket] = {}  # by the run's number

    def add(self, run: Run) -> None:
        """Add a run that waits for its turn."""
        bucket = self._bucket_of[run.no] = Bucket(run.plan.root_classes, run.owner, run.nice)
        heapq.heappush(self._buckets.setdefault(bucket, []), (run.sequence, run.no, run))

    def refile(self, run: Run) -> None:
        """Move a run whose plan changed to where it belongs now."""
        if run in self:
            self.remove(run)
            self.add(run)

    def buckets(self) -> list[Bucket]:
        """Return the buckets, the one with the earliest run first, those of nice runs behind all others."""
        return sorted(self._buckets, key=lambda bucket: (bucket.nice, self._buckets[bucket][0][:2]))

    def first(self, bucket: Bucket, *, skip: set[int]) -> Run | None:
        """Return the earliest run of a bucket whose number isn't in *skip* (those that have too many open children)."""
        heap = self._buckets.get(bucket)
        if not heap:
            return None
        if not skip or heap[0][1] not in skip:
            return heap[0][2]
        return min((entry for entry in heap if entry[1] not in skip), default=(0, 0, None))[2]

    def remove(self, run: Run) -> None:
        """Forget a run."""
        bucket = self._bucket_of.pop(run.no, None)
        if bucket is None:
            return
        heap = self._buckets[bucket]
        if heap[0][2] is run:
            heapq.heappop(heap)
        else:
            kept = [entry for entry in heap if entry[2] is not run]
            heapq.heapify(kept)
            heap[:] = kept
        if not heap:
            del self._buckets[bucket]

    def __iter__(self) -> Iterator[Run]:
        """Return every run, unordered."""
        return (run for heap in self._buckets.values() for _, _, run in heap)

    def __contains__(self, run: Run) -> bool:
        return run.no in self._bucket_of

    def __len__(self) -> int:
        return len(self._bucket_of)
