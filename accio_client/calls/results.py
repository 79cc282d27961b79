"""Calls about results: tables, files and the content of outputs."""

from __future__ import annotations

from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from accio.v1 import accio_pb2, artifacts_pb2
from accio_client.calls.analysis import AnalysisCalls
from accio_client.calls.selecting import listed
from accio_client.deadlines import STREAM_DEADLINE_S

if TYPE_CHECKING:  # loaded by the calls that need it: every command line would pay for it
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
    from pathlib import Path

    from accio_client.collected import Collected
    from accio_client.export import exporting, points
    from accio_client.export.files import Exported
    from accio_client.export.frames import Table
    from accio_client.export.rows import ReadBlob
    from accio_client.export.selection import Selection
    from accio_client.export.spool import Spool


R = TypeVar("R")


class ResultCalls(AnalysisCalls):
    """Export and fetch what runs have computed."""

    async def export_chunks(
        self,
        runs: str | Iterable[str],
        *,
        artifacts: Iterable[str] = (),
        outputs: bool = True,
        metrics: bool = False,
        wide: bool = False,
    ) -> AsyncGenerator[accio_pb2.ExportChunk]:
        """Yield the results as they travel, for `accio_client.export`; *wide* adds what only a row per run has."""
        request = accio_pb2.ExportRequest(
            ids=listed(runs),
            artifacts=artifacts,
            outputs=outputs,
            metrics=metrics,
            by_port=True,
            outcomes=wide,
            measured=wide,
        )
        chunks = self._connection.stream(self._accio.Export, request, accio_pb2.ExportChunk, deadline=STREAM_DEADLINE_S)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def export(self, runs: str | Iterable[str], options: exporting.Options | None = None) -> Exported:
        """Write results as tables; all files appear at the end, or none. docs/cli.md describes the options."""
        from accio_client.export import exporting
        from accio_client.export.spool import Spool

        wanted = options or exporting.Options()
        ids = listed(runs)
        if wanted.aggregate and len(ids) == 1:
            from accio_client.export import points

            found = points.wanted(await self.column_head(ids[0]), wanted)
            if found is not None:
                with suppress(points.Crowded):
                    return await self._export_points(found, wanted)
        with Spool() as spool:
            await self._collect(spool, ids, wanted.artifacts, wanted.metrics, wide=wanted.wide)
            return await self._beside(partial(exporting.write_files, spool, wanted))

    async def table(self, runs: str | Iterable[str], *, artifacts: str = "NUMERIC", metrics: str = "NONE") -> Table:
        """Return the tidy table of `accio export -wide`: a row per run, a column per parameter, result and metric."""
        from accio_client.export import exporting
        from accio_client.export.selection import Selection
        from accio_client.export.spool import Spool

        outputs, measures = Selection.read(artifacts, numeric=True), Selection.read(metrics, numeric=False)
        with Spool() as spool:
            ids = listed(runs)
            await self._collect(spool, ids, outputs, measures, wide=True)

            def build(read_blob: ReadBlob, check: exporting.Check) -> Table:
                return exporting.wide_table(spool, outputs, measures, read_blob, check)

            return await self._beside(build)

    async def read_blob(self, digest: str) -> AsyncGenerator[bytes]:
        """Yield the bytes of a stored blob in pieces; nothing is verified here."""
        chunks = self._connection.stream(
            self._connection.artifacts.Read, artifacts_pb2.ReadRequest(digest=digest), artifacts_pb2.ReadChunk
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk.data

    async def fetch_artifact(self, run: str, node: str, port: str, folder: Path) -> tuple[Path, int]:
        """Write an output into *folder*; returns its place and bytes.

        A file is called as its operator called it, a folder NODE-PORT, and any other value goes to NODE-PORT.json.
        """
        from accio_client import fetching

        found = await fetching.artifact(self, run, node, port)
        target = folder / fetching.file_of(found, node)
        return target, await fetching.fetch(self, found, target)

    async def _export_points(self, found: points.Wanted, options: exporting.Options) -> Exported:
        """Write statistics of the points of a sweep from its columns."""
        import asyncio

        from accio_client.export import points

        loop = asyncio.get_running_loop()

        def read(names: Sequence[str]) -> Collected:
            reading = self.columns(found.head.run.id, ports=names)
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        def write(_: ReadBlob, check: exporting.Check) -> Exported:
            return points.write_points(found, options, read, check)

        return await self._beside(write)

    async def _collect(
        self,
        spool: Spool,
        runs: Iterable[str],
        artifacts: Selection,
        metrics: Selection,
        *,
        wide: bool,
    ) -> None:
        """Collect the chunks of an export as fast as they come: work on them meanwhile would hold up the daemon."""
        chunks = self.export_chunks(
            runs, artifacts=artifacts.asked(), outputs=not artifacts.empty, metrics=not metrics.empty, wide=wide
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                spool.add(chunk)

    async def _beside(self, work: Callable[[ReadBlob, exporting.Check], R]) -> R:
        """Do *work* in a thread, where it may read blobs; it is told to end when the caller doesn't wait any more."""
        import asyncio
        import threading

        from accio.content.digest import parse_digest
        from accio_client import fetching

        loop, cancelled = asyncio.get_running_loop(), threading.Event()

        def read_blob(digest: str) -> bytes:
            reading = fetching.read_verified(self, parse_digest(digest))
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        def check() -> None:
            if cancelled.is_set():
                raise asyncio.CancelledError

        try:
            return await asyncio.to_thread(work, read_blob, check)
        finally:
            cancelled.set()
