"""The queue of ready executions: first come, first served, grouped by what they need and whom they must avoid.

Placing looks at one head per group, so that it costs O(distinct demands), not O(queue). A group's heap may hold
executions that left the queue since (killed, joined by somebody earlier): they are dropped when they come up.
Unopened children stand in line too, as one cursor per run (`Unopened`).
"""

import heapq
from collections.abc import Iterator

from accio.domain.states import Phase
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.records import Execution, Place, Run
from accio_daemon.core.terms import SessionNo

_QUEUED = Phase.QUEUED


class Group:
    """Queued executions of one class that the same agents may take."""

    __slots__ = ("avoid", "blocked", "count", "heap", "node_class")

    def __init__(self, node_class: NodeClass, avoid: frozenset[SessionNo]) -> None:
        self.node_class = node_class
        self.avoid = avoid  # agents that lack an input of each
        self.heap: list[tuple[Place, int, Execution]] = []
        self.count = 0  # executions that are queued, those that left not counted
        self.blocked = False  # whether its head was refused by every agent since capacity was last freed

    def head(self) -> Execution | None:
        """Return the first execution, or None."""
        heap = self.heap
        while heap:
            place, _, execution = heap[0]
            if execution.phase is _QUEUED and execution.place == place and execution.avoid == self.avoid:
                return execution
            heapq.heappop(heap)
        return None

    def push(self, execution: Execution) -> None:
        """Put an execution at its place; a new head hasn't been refused by anybody."""
        heapq.heappush(self.heap, (execution.place, execution.id, execution))
        if self.heap[0][2] is execution:
            self.blocked = False

    def __repr__(self) -> str:
        return f"Group(class {self.node_class.id}, {self.count} queued{', blocked' if self.blocked else ''})"


class NodeQueue:
    """All queued executions."""

    def __init__(self) -> None:
        self.groups: dict[tuple[int, frozenset[SessionNo]], Group] = {}
        self.count = 0

    def enter(self, execution: Execution) -> None:
        """Put an execution that has just been queued at its place."""
        kind = (execution.node_class.id, execution.avoid)
        group = self.groups.get(kind)
        if group is None:
            group = self.groups[kind] = Group(execution.node_class, execution.avoid)
        if not group.count:
            group.blocked = False  # nobody stood here to be refused: what was freed since may fit
        group.count += 1
        self.count += 1
        group.push(execution)

    def leave(self, execution: Execution) -> None:
        """Remove an execution that is queued no more, wherever it stands."""
        self.groups[execution.node_class.id, execution.avoid].count -= 1
        self.count -= 1

    def move_up(self, execution: Execution) -> None:
        """Put a queued execution where it stands since its place became an earlier one."""
        self.groups[execution.node_class.id, execution.avoid].push(execution)

    def regroup(self, execution: Execution, avoid: frozenset[SessionNo]) -> None:
        """Put a queued execution among those that must avoid the same agents."""
        self.leave(execution)
        execution.avoid = avoid
        self.enter(execution)

    def backlog(self, class_id: int) -> int:
        """Return how many executions of a class are queued."""
        return sum(group.count for (each, _), group in self.groups.items() if each == class_id)

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
            for entry in group.heap
            if entry[2].phase is Phase.QUEUED and entry[2].place == entry[0] and entry[2].avoid == group.avoid
        ]
        return iter(sorted(set(everyone), key=lambda execution: (execution.place, execution.id)))

    def __repr__(self) -> str:
        return f"NodeQueue({self.count} in {list(self.groups.values())})"


class Unopened:
    """Runs with children that haven't been opened, first come first served, grouped by the classes of their roots."""

    def __init__(self) -> None:
        self._buckets: dict[frozenset[int], list[tuple[int, int, Run]]] = {}
        self._classes: dict[int, frozenset[int]] = {}  # run -> its bucket

    def add(self, run: Run) -> None:
        """Add a run that waits for its turn."""
        self._classes[run.no] = run.plan.root_classes
        heapq.heappush(self._buckets.setdefault(run.plan.root_classes, []), (run.sequence, run.no, run))

    def refile(self, run: Run) -> None:
        """Move a run whose plan changed to where it belongs now."""
        if run in self:
            self.remove(run)
            self.add(run)

    def buckets(self) -> list[tuple[int, frozenset[int]]]:
        """Return the groups of root classes, the one with the earliest run first."""
        return sorted((heap[0][0], classes) for classes, heap in self._buckets.items())

    def first(self, classes: frozenset[int], *, skip: set[int]) -> Run | None:
        """Return the earliest run of a bucket whose number isn't in *skip* (those that have too many open children)."""
        heap = self._buckets.get(classes)
        if not heap:
            return None
        if not skip or heap[0][1] not in skip:
            return heap[0][2]
        return min((entry for entry in heap if entry[1] not in skip), default=(0, 0, None))[2]

    def remove(self, run: Run) -> None:
        """Forget a run."""
        classes = self._classes.pop(run.no, None)
        if classes is None:
            return
        heap = self._buckets[classes]
        if heap[0][2] is run:
            heapq.heappop(heap)
        else:
            kept = [entry for entry in heap if entry[2] is not run]
            heapq.heapify(kept)
            heap[:] = kept
        if not heap:
            del self._buckets[classes]

    def __iter__(self) -> Iterator[Run]:
        """Return every run, unordered."""
        return (run for heap in self._buckets.values() for _, _, run in heap)

    def __contains__(self, run: Run) -> bool:
        return run.no in self._classes

    def __len__(self) -> int:
        return len(self._classes)
