"""What the trials of a study gave, read from the results of their children."""

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from accio.domain.datatypes import DataType
from accio.domain.states import RunState
from accio.domain.studies import Objective, TrialValues
from accio.late import dataclass
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.rows.measured import measured_number
from accio_daemon.storage.sql import load

SQL = load("studies")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Where an objective's values stand: a node's place in the graph, and the type of its output (of a whole map)."""

    objective: Objective
    node: int
    type: DataType


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What came of trials: those whose repetitions all gave all objectives, and those that ended otherwise."""

    complete: tuple[TrialValues, ...]
    failed: frozenset[int]
    pruned: frozenset[int]  # that were ended early; not among the failed ones


def read_told(connection: sqlite3.Connection, run: RunNo) -> tuple[int, ...]:
    """Read the trials that have ended, in that order."""
    return tuple(trial for (trial,) in connection.execute(SQL["told"], (run,)))


def read_pruned(connection: sqlite3.Connection, run: RunNo) -> frozenset[int]:
    """Read the children of trials that were ended early."""
    return frozenset(index for (index,) in connection.execute(SQL["pruned"], (run,)))


def read_measured(
    connection: sqlite3.Connection, run: RunNo, node: int, name: str, known: Iterable[int]
) -> Iterator[tuple[int, bytes]]:
    """Read the series of a name that ended nodes of children measured, but for those of *known* children."""
    wanted = {"run": run, "node": node, "name": name, "known": orjson.dumps(list(known)).decode()}
    yield from connection.execute(SQL["measured"], wanted)


def read_trials(connection: sqlite3.Connection, run: RunNo, repeat: int, measures: Sequence[Measure]) -> Trials:
    """Read the mean of each objective over the repetitions of each trial, in the order of trials.

    A value that isn't finite, or that a map lacks, has no mean that could be compared: its trial counts as failed.
    """
    columns = [_values(connection, run, each) for each in measures]
    states = (RUN_STATES[RunState.FAILED], RUN_STATES[RunState.KILLED])
    failed = {index // repeat for (index,) in connection.execute(SQL["unsuccessful"], (run, *states))}
    complete: list[TrialValues] = []
    for trial in sorted({index // repeat for index in columns[0]}):
        children = range(trial * repeat, (trial + 1) * repeat)
        if not all(child in column for column in columns for child in children):
            continue
        means = tuple(_mean([column[child] for child in children]) for column in columns)
        if all(map(math.isfinite, means)):
            complete.append(TrialValues(trial, means))
        else:
            failed.add(trial)
    pruned = frozenset(index // repeat for index in read_pruned(connection, run))
    ended = frozenset(failed - {each.trial for each in complete})
    return Trials(complete=tuple(complete), failed=ended - pruned, pruned=ended & pruned)


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except (OverflowError, ValueError):  # a sum beyond all doubles, or of both infinities
        return math.nan


def _values(connection: sqlite3.Connection, run: RunNo, measure: Measure) -> Mapping[int, float]:
    """Read an output of all children that have it, in the output's unit; NaN where a map lacks the member."""
    found: dict[int, float] = {}
    objective = measure.objective
    for index, outputs in connection.execute(SQL["outputs"], (run, measure.node)):
        if (text := orjson.loads(outputs).get(objective.port)) is not None:
            number = measured_number(measure.type, objective.member, text)
            found[index] = math.nan if number is None else number
    return found
