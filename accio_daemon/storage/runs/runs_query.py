"""Runs, children and nodes as the database knows them, and what a run's row implies of children that have no row.

A child is computed from its parent's row and its index. Its own row, if there is one, adds state and times; without
one it has what the parent implies: scheduled, or, once the parent is closed, the final state of a child that was
never reached. Jobs here take an open connection and run in one transaction; they are plain functions, called by
`Readers`.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from accio.domain.access import Viewer
from accio.domain.children import OPEN, OWN, implied_node_state
from accio.domain.ids import LAST, RunId, child_id, parse_reference
from accio.domain.people import Person
from accio.domain.states import RUN_TERMINAL, NodeState, RunState
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, NotFound
from accio.late import dataclass
from accio_daemon.core.run_record import RunRecord
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import RUN_STATE_OF
from accio_daemon.storage.recorded import RECORDED, operator_numbers, record_fields
from accio_daemon.storage.sql import load

SQL = load("runs")
BY_ID = f"{SQL['columns']} {SQL['by_id']}"
BY_NO = f"{SQL['columns']} {SQL['by_no']}"
BY_PREFIX = f"{SQL['columns']} {SQL['by_prefix']}"
BY_NOS = f"{SQL['columns']} {SQL['by_nos']}"

NEWEST_OF_ADDRESS = f"{SQL['columns']} {SQL['newest_of_address']}"
NEWEST_OF_NAME = f"{SQL['columns']} {SQL['newest_of_name']}"

_SHOWN_CANDIDATES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow(RunRecord):
    """A run as views show it."""

    workflow_no: int
    workflow_id: str
    workflow_version: str
    owner_name: str
    owner_email: str
    name: str
    notes: str
    tags: tuple[str, ...]
    operators: tuple[int, ...]  # operator number of each node
    children: int
    nodes: int  # of one child
    own_nodes: int = 0  # of a parent itself
    quarantined: str = ""  # why it is set aside; empty if it isn't
    roots: int = 0  # nodes of one child that need no other; known if a kill left children unreached
    decided: tuple[int, int] = (0, 0)  # points that got past their first repetitions, and how many these may have

    @property
    def parent(self) -> bool:
        """Whether it has children of their own."""
        return not self.single

    def children_by_state(self) -> dict[RunState, int]:
        """Count the children in each state, those without a row included."""
        return self.counts.by_state()

    def nodes_by_state(self, running: int) -> dict[NodeState, int]:
        """Count the nodes of all children, given how many run: the ended ones exactly, and what hasn't begun as
        waiting (whether it is queued isn't stored).
        """
        found = Counter(self.nodes_ended)
        if self.closed != OPEN:
            for count, is_root in ((self.roots, True), (self.nodes - self.roots, False)):
                found[implied_node_state(self.implied, is_root=is_root)] += self.counts.unreached * count
        rest = max(0, self.all_nodes - found.total())
        found[NodeState.RUNNING] = min(running, rest)
        found[NodeState.WAITING] = rest - found[NodeState.RUNNING]
        return found

    @property
    def needed(self) -> int:
        """How many children are known to be needed: of a run that is repeated until precise, those that may begin so
        far, and all of them of any other.
        """
        until = self.sweep.until
        if until is None or self.closed != OPEN or self.state in RUN_TERMINAL:
            return self.present
        points, repetitions = self.decided
        return min(self.present, (self.sweep.points - points) * until.least + repetitions)

    @property
    def all_nodes(self) -> int:
        """How many nodes there are, of all children that are known to be needed, and of a parent itself."""
        return self.needed * self.nodes + self.own_nodes

    @property
    def ended_nodes(self) -> int:
        """How many nodes have ended, those of children that will never begin included."""
        stored = sum(self.nodes_ended.values())
        if self.state in RUN_TERMINAL:
            return self.all_nodes
        if self.implied is RunState.SCHEDULED:
            return stored
        return stored + self.counts.unreached * self.nodes

    @property
    def standstill(self) -> str:
        """Why nothing of it goes on, and what to do; empty if it isn't quarantined."""
        if not self.quarantined:
            return ""
        return (
            f"the run is quarantined, as it made the daemon's start fail twice ({self.quarantined}): "
            f"accio retry {self.id} tries again, accio delete {self.id} removes it"
        )

    @property
    def progress(self) -> float:
        """The share of nodes that have ended."""
        return min(1.0, self.ended_nodes / self.all_nodes) if self.all_nodes else 1.0


def run_row(row: Sequence[Any], known: Sweep | None = None) -> RunRow:
    """Read a row of the statement `columns`, with the sweep that is *known* of it."""
    recorded = row[:RECORDED]
    (workflow_no, workflow_id, version, owner_name, owner_email, name, notes, children, nodes, own_nodes,
     tags, quarantined, roots, decided) = row[RECORDED:]  # fmt: skip
    return RunRow(
        **record_fields(recorded, known),
        workflow_no=workflow_no,
        workflow_id=workflow_id,
        workflow_version=version,
        owner_name=owner_name,
        owner_email=owner_email,
        name=name,
        notes=notes,
        tags=tuple(sorted(orjson.loads(tags))),
        operators=operator_numbers(recorded),
        children=children,
        nodes=nodes,
        own_nodes=own_nodes,
        quarantined=quarantined or "",
        roots=roots or 0,
        decided=(0, 0) if decided is None else tuple(orjson.loads(decided)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """A child (or a single run, as child 0) that has begun or ended."""

    index: int
    state: RunState
    started_ms: int | None
    ended_ms: int | None


def instance_row(row: tuple[Any, ...]) -> InstanceRow:
    """Read a row of the `instance…` statements."""
    index, state, started, ended = row
    return InstanceRow(index=index, state=RUN_STATE_OF[state], started_ms=started, ended_ms=ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A single run or a parent, or (with an index) one of its children, with the child's row if it has one."""

    run: RunRow
    index: int | None = None
    instance: InstanceRow | None = None

    @property
    def id(self) -> RunId:
        """Its id."""
        return self.run.id if self.index is None else child_id(self.run.id, self.index)

    @property
    def state(self) -> RunState:
        """Its state."""
        if self.index is None:
            return self.run.state
        return self.run.implied if self.instance is None else self.instance.state

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.run.seed if self.index is None else self.run.sweep.seed_of(self.index, self.run.seed)

    @property
    def place(self) -> int:
        """The index under which its nodes are stored."""
        if self.index is None:
            return 0 if self.run.single else OWN
        return self.index


def get_run(connection: sqlite3.Connection, no: RunNo) -> RunRow | None:
    """Read a single run or a parent by its number."""
    return _read_run(connection, no, None)


def _read_run(connection: sqlite3.Connection, no: RunNo, known: Sweep | None) -> RunRow | None:
    row = connection.execute(BY_NO, {"no": no}).fetchone()
    return None if row is None else run_row(row, known)


def get_child(connection: sqlite3.Connection, run: RunRow, index: int) -> Found:
    """Read a child that is there."""
    row = connection.execute(SQL["instance"], {"run": run.no, "idx": index}).fetchone()
    return Found(run=run, index=index, instance=None if row is None else instance_row(row))


def read_again(connection: sqlite3.Connection, found: Found) -> Found:
    """Read what was found before anew; NotFound if it was deleted since."""
    sweep = found.run.sweep
    run = _read_run(connection, found.run.no, sweep if sweep.is_single else None)
    if run is None or (found.index is not None and not run.has(found.index)):
        raise NotFound(f"run {found.id} was deleted")
    return Found(run=run) if found.index is None else get_child(connection, run, found.index)


def read_on_failure(connection: sqlite3.Connection, no: RunNo) -> Any:
    """Return what a failed node does to the rest of a run, as its definition says it."""
    (options,) = connection.execute(SQL["options_of"], {"run": no}).fetchone()
    return orjson.loads(options)["on_failure"]


def find(connection: sqlite3.Connection, text: str, viewer: Viewer) -> Found:
    """Find a run that *viewer* sees by its id or an unambiguous prefix of it; an exact match wins.

    `last` is the newest run that is the viewer's own, `last~2` the third newest; `last.7` a child of it.
    """
    if newest := LAST.fullmatch(text):
        return _newest(connection, newest, viewer.me)
    reference = parse_reference(text)
    if reference is None:
        raise NotFound(
            f"there is no run {text[:100]!r}: an id has 16 letters and digits, a child's a dot and a number more; "
            "your newest run is last, the one before it last~1"
        )
    if reference.is_whole:
        rows = connection.execute(BY_ID, {"id": reference.top}).fetchall()
    else:
        low, high = reference.top_range()
        rows = connection.execute(BY_PREFIX, {"low": low, "high": high, "limit": _SHOWN_CANDIDATES + 1}).fetchall()
    runs = [run for run in map(run_row, rows) if viewer.sees(Person(name=run.owner_name, email=run.owner_email))]
    candidates: list[tuple[RunRow, int | None]] = [(run, None) for run in runs]
    if reference.index is not None:
        ranges = [(run, reference.child_ranges(run.children)) for run in runs if run.parent]
        candidates = [(run, index) for run, typed in ranges for index in _children(run, typed)]
    if not candidates:
        raise NotFound(f"there is no run {text!r}{_why_no_child(runs, reference.index)}")
    if len(candidates) > 1:
        shown = [run.id if index is None else child_id(run.id, index) for run, index in candidates]
        more = " …" if len(shown) > _SHOWN_CANDIDATES else ""
        raise BadRequest(f"{text!r} could be any of {', '.join(shown[:_SHOWN_CANDIDATES])}{more}: give more of the id")
    run, index = candidates[0]
    return Found(run=run) if index is None else get_child(connection, run, index)


def _newest(connection: sqlite3.Connection, wanted: re.Match[str], me: Person) -> Found:
    """Find one of the newest runs that are somebody's own, or a child of it."""
    back = int(wanted["back"] or 0)
    values = {"email": me.email, "name": me.name, "back": back}
    row = connection.execute(NEWEST_OF_ADDRESS if me.email else NEWEST_OF_NAME, values).fetchone()
    if row is None:
        raise NotFound(
            f"{me} has {'no run' if back == 0 else f'fewer than {back + 1} runs'}: `accio get runs` lists all"
        )
    run = run_row(row)
    if wanted["index"] is None:
        return Found(run=run)
    return find(connection, f"{run.id}.{wanted['index']}", Viewer(me=me))


def _why_no_child(runs: Sequence[RunRow], index: str | None) -> str:
    """Return which children there are, where the run is known of which one was asked for."""
    if index is None or len(runs) != 1:
        return ""
    (run,) = runs
    if not run.parent:
        return f": {run.id} is no sweep, and has no children"
    gone = " (it was deleted)" if index == str(number := int(index or 0)) and number < run.children else ""
    others = f"0 to {run.children - 1}" if run.children > 1 else "0"
    return f": the children of {run.id} are {others}{gone}"


def _children(run: RunRow, ranges: tuple[range, ...]) -> list[int]:
    """Return the children that a typed index can mean: the exact one alone if it is there, else some of those that
    begin with it.
    """
    if ranges and len(ranges[0]) == 1 and run.has(ranges[0][0]):
        return [ranges[0][0]]
    found: list[int] = []
    for indices in ranges:
        for index in indices:
            if len(found) > _SHOWN_CANDIDATES:
                return found
            if run.has(index):
                found.append(index)
    return found
