"""Keeps export chunks until all columns are known: in memory, and on disk once they are many."""

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from accio.v1 import accio_pb2, runs_pb2

IN_MEMORY = 64 << 20


class Spool:
    """Chunks in their order, and the runs that they belong to. A context manager that removes what it kept."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, prefix="accio-export-")  # noqa: SIM115 - `with`
        self.runs: dict[str, runs_pb2.Run] = {}
        """Every single run and parent, in order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, chunk: accio_pb2.ExportChunk) -> None:
        self.runs.setdefault(chunk.run.id, chunk.run)
        data = chunk.SerializeToString()
        self._file.write(len(data).to_bytes(8, "big"))
        self._file.write(data)

    def __iter__(self) -> Iterator[accio_pb2.ExportChunk]:
        self._file.seek(0)
        while header := self._file.read(8):
            yield accio_pb2.ExportChunk.FromString(self._file.read(int.from_bytes(header, "big")))
