"""Chunks of an export as a daemon sends them, and the files that are made of them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from accio.v1 import accio_pb2, runs_pb2, values_pb2
from accio_client.export.exporting import Options, write_files
from accio_client.export.selection import Selection, Share
from accio_client.export.spool import Spool

ALL = Selection(Share.ALL)


NONE = Selection(Share.NONE)


def no_blob(digest: str) -> bytes:
    raise AssertionError(digest)


def sweep(
    count: int,
    outputs: dict[str, str],
    texts: Callable[[int], str],
    *,
    identifier: str = "p",
    repeat: int = 1,
    first: int = 0,
    nodes: Sequence[str] = ("S",),
) -> accio_pb2.ExportChunk:
    """Children of a parent over `epsilon`, with equal outputs from each node."""
    parameter = runs_pb2.RunParameter(name="epsilon", type="double", json="0.0", values=max(2, count))
    rows = range(first, first + count)
    points = sorted({row // repeat for row in rows})
    return accio_pb2.ExportChunk(
        run=runs_pb2.Run(id=identifier, kind=runs_pb2.RUN_KIND_PARENT, repeat=repeat, params=[parameter]),
        index=rows,
        seed=rows,
        repetition=[1 + row % repeat for row in rows],
        params=[
            accio_pb2.ParameterColumn(
                name="epsilon",
                type="double",
                values=[repr(float(point)) for point in points],
                value_of_row=[row // repeat - points[0] for row in rows],
            )
        ],
        nodes=[
            accio_pb2.NodeColumn(
                node=node,
                outputs=[values_pb2.OutputPort(name=name, type=kind) for name, kind in outputs.items()],
                row=range(count),
                outputs_json=[texts(row) for row in rows],
            )
            for node in nodes
        ],
    )


def by_port(chunk: accio_pb2.ExportChunk) -> accio_pb2.ExportChunk:
    """The same chunk as a daemon sends it to clients that ask for ports."""
    found = accio_pb2.ExportChunk()
    found.CopyFrom(chunk)
    for node in found.nodes:
        rows = list(map(json.loads, node.outputs_json))
        for output in node.outputs:
            values = [
                json.dumps(row.get(output.name)) for row in rows
            ]  # its numbers are canonical, those of orjson not
            node.ports.add(port=output.name, values_json=f"[{','.join(values)}]")
        del node.outputs_json[:]
    return found


def exported(folder: Path, *chunks: accio_pb2.ExportChunk, **options: Any) -> list[str]:
    """The names of the files that an export of these chunks writes."""
    with Spool() as spool:
        for chunk in chunks:
            spool.add(chunk)
        files = write_files(spool, Options(folder=folder, **options), no_blob)
    return [str(each.path.relative_to(folder)) for each in files]


def parquet_rows(path: Path) -> int:
    with pyarrow.parquet.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


def lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1]
