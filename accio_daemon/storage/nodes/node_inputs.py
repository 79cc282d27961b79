"""The inputs of a node as people see them: computed by `accio_daemon.core.inputs`, as when the node became ready."""

import sqlite3
from collections.abc import Mapping, Sequence

from accio.domain.datatypes import DataType
from accio.late import dataclass
from accio_daemon.core.inputs import NOTHING_GATHERED, Results, value_of
from accio_daemon.core.plan import NodePlan
from accio_daemon.core.terms import Gather, Gathered, Result
from accio_daemon.storage.results import result_of
from accio_daemon.storage.runs.runs_query import SQL, Found, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The value of a port: its text, or the digest of the blob that holds it."""

    type: DataType
    text: str | None
    blob: str | None = None


def read_results(connection: sqlite3.Connection, found: Found) -> dict[int, Result]:
    """Read the results of all nodes of a single run or a child that succeeded, by place in the graph."""
    rows = connection.execute(SQL["results_of"], {"run": found.run.no, "idx": found.place})
    return {no: result_of(id, outputs, blobs) for no, id, outputs, blobs in rows}


def effective_inputs(
    run: RunRow,
    node: NodePlan,
    coordinates: Sequence[int],
    results: Results,
    gathered: Mapping[Gather, Gathered] = NOTHING_GATHERED,
) -> dict[str, Input]:
    """Return those inputs of a node that are known, by port."""
    inputs: dict[str, Input] = {}
    for binding in node.bindings:
        value = value_of(binding, run.sweep, coordinates, results, gathered)
        if isinstance(value, tuple):
            inputs[binding.port] = Input(type=binding.target, text=None, blob=value[0])
        elif value is not None:
            inputs[binding.port] = Input(type=binding.target, text=value)
    return inputs
