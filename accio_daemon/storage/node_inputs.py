"""What a node of a child receives, computed from the plan, the child's place in the sweep, and the results of its
predecessors.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accio.domain.datatypes import DataType
from accio.domain.values import cast
from accio_daemon.core.plan import Binding, NodePlan
from accio_daemon.storage.runs_query import SQL, Found, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The outputs of a node that succeeded: canonical JSON by port, and digest and size of those kept as blobs."""

    texts: Mapping[str, str]
    blobs: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The value of a port: its text, or the digest of the blob that holds it."""

    type: DataType
    text: str | None
    blob: str | None = None


def read_outputs(connection: sqlite3.Connection, found: Found) -> dict[int, Outputs]:
    """Read the outputs of all nodes of a single run or a child that succeeded."""
    rows = connection.execute(SQL["results_of"], {"run": found.run.no, "idx": found.place})
    return {no: outputs_of(outputs, blobs) for no, outputs, blobs in rows}


def outputs_of(outputs: str, blobs: str | None) -> Outputs:
    """Read the columns of a result."""
    kept = {} if blobs is None else json.loads(blobs)
    return Outputs(texts=json.loads(outputs), blobs={port: (digest, size) for port, (digest, size) in kept.items()})


def effective_inputs(
    run: RunRow, node: NodePlan, coordinates: Sequence[int], results: Mapping[int, Outputs]
) -> dict[str, Input]:
    """Give those inputs of a node that are known, by port."""
    inputs: dict[str, Input] = {}
    for binding in node.bindings:
        value = _input(run, binding, coordinates, results)
        if value is not None:
            inputs[binding.port] = value
    return inputs


def _input(run: RunRow, binding: Binding, coordinates: Sequence[int], results: Mapping[int, Outputs]) -> Input | None:
    if binding.text is not None:
        return Input(type=binding.target, text=binding.text)
    if binding.axis is not None:
        text: str | None = run.sweep.axes[binding.axis].value_at(coordinates[binding.axis])
    else:
        outputs = None if binding.node is None else results.get(binding.node)
        if outputs is None:
            return None
        if binding.node_port in outputs.blobs:
            return Input(type=binding.target, text=None, blob=outputs.blobs[binding.node_port][0])
        text = outputs.texts.get(binding.node_port)
    if text is None:
        return None
    return Input(type=binding.target, text=cast(binding.source, binding.target, text))
