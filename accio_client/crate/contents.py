"""What a crate says of a run: its definition, and per child what each node gave."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from accio.v1 import accio_pb2
from accio_client.export.rows import ReadBlob, Rows
from accio_client.from_wire.values import user_value
from accio_client.views import OperatorView, RunView

OUTPUTS = "outputs.jsonl"
RUN = "run.json"
WORKFLOW = "workflow.json"
OPERATORS = "operators.json"

Child = tuple[str, int]
"""Which child: the values of its parameters as JSON, and the repetition."""


def run_definition(run: RunView, *, anonymous: bool) -> dict[str, Any]:
    """Return the definition that makes the same run again: the same points, repetitions and seeds."""
    definition: dict[str, Any] = {
        "workflow": f"{run.workflow_id}:{run.workflow_version}",
        "name": run.name,
        "notes": "" if anonymous else run.notes,
        "tags": list(run.tags),
        "seed": run.seed,
        "params": {name: param.value for name, param in run.params.items()},
        **run.sweep,
    }
    if run.kind == "parent":
        definition["repeat"] = run.repeat_form
    return {name: value for name, value in definition.items() if value not in ("", [])}


def operators_document(operators: Iterable[OperatorView], names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the versions of those operators that the workflow names, as the daemon knows them."""
    wanted = set(names)
    return [
        {"name": each.name, "digest": each.digest, "components": dict(each.components), "from": each.distribution}
        for each in sorted(operators, key=lambda each: each.name)
        if each.name in wanted
    ]


def operator_names(definition: Mapping[str, Any]) -> list[str]:
    """Return the operators of a workflow's definition."""
    return sorted({str(node["op"]) for node in definition.get("graph", ()) if "op" in node})


def outputs(chunks: Iterable[accio_pb2.ExportChunk], read_blob: ReadBlob) -> Iterator[dict[str, Any]]:
    """Yield parameters, seed, state and outputs of each child that has begun, in the order of the sweep."""
    for chunk in chunks:
        rows = Rows(chunk, (), read_blob)
        found: list[dict[str, Any]] = [{} for _ in range(rows.count)]
        for node in rows.nodes:
            for port in node.types:
                for row, value in node.values(port):
                    found[row][f"{node.node}/{port}"] = value
        same = {each.name: user_value(each.type, each.json) for each in chunk.run.params if each.json}
        params: list[dict[str, Any]] = [dict(same) for _ in range(rows.count)]
        for column in chunk.params:
            values = [user_value(column.type, value) for value in column.values]
            for row, place in enumerate(column.value_of_row):
                params[row][column.name] = values[place]
        for row in range(rows.count):
            yield {
                "params": params[row],
                "repeat": rows.repetitions[row],
                "seed": str(rows.seeds[row]),
                "state": rows.states[row],
                "outputs": found[row],
            }


def written(line: Mapping[str, Any]) -> bytes:
    """Return a line of JSON."""
    return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def child_of(line: Mapping[str, Any]) -> Child:
    """Return which child a line is of."""
    return orjson.dumps(line["params"], option=orjson.OPT_SORT_KEYS).decode(), int(line["repeat"])
