"""Calls about what operators measured at steps: as series, data frames and files."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from accio.v1 import accio_pb2
from accio_client import views
from accio_client.calls.runs import RunCalls
from accio_client.calls.selecting import listed
from accio_client.deadlines import STREAM_DEADLINE_S
from accio_client.from_wire import live as live_views

if TYPE_CHECKING:  # loaded by the calls that need it: every command line would pay for it
    from collections.abc import AsyncGenerator, Collection, Iterable

    from accio_client.export import exporting
    from accio_client.export.files import Exported

_AT_ONCE = 100
"""Series that are written together, of up to 514 rows each."""


class MeasurementCalls(RunCalls):
    """Read series."""

    async def series(
        self, runs: str | Iterable[str], name: str = "", *, node: str = ""
    ) -> AsyncGenerator[views.SeriesView]:
        """Yield what operators of runs (a sweep stands for its children) measured at steps, of nodes that run as they
        told it last: a series per attempt of a node and name, or those of one *name* or *node* alone.
        """
        ids = listed(runs)
        request = accio_pb2.MeasureRequest(ids=ids, name=name, node=node)
        chunks = self._connection.stream(
            self._accio.Measure, request, accio_pb2.MeasureChunk, deadline=STREAM_DEADLINE_S
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                for each in chunk.series:
                    yield live_views.series(each)

    async def series_frame(
        self, runs: str | Iterable[str], name: str = "", *, node: str = "", backend: str = "pandas"
    ) -> Any:
        """Return what `series` yields as a data frame: a row per point. *backend*: pandas, polars or arrow."""
        from accio_client.export.frames import in_backend
        from accio_client.export.series import series_table

        async with aclosing(self.series(runs, name, node=node)) as found:
            return in_backend(series_table([each async for each in found]), backend)

    async def export_series(
        self, runs: str | Iterable[str], names: Collection[str] = (), options: exporting.Options | None = None
    ) -> Exported:
        """Write series as one long table called `series`, a row per point: all of them, or those of some *names*. No
        file if there are none; of *options* the folder and the form of the file count.
        """
        import asyncio

        from accio_client.export import exporting
        from accio_client.export.series import COLUMNS, SERIES, cells_of

        one = next(iter(names)) if len(names) == 1 else ""
        files = exporting.files_of(options or exporting.Options())
        with files:
            some: list[views.SeriesView] = []
            async with aclosing(self.series(runs, one)) as found:
                async for each in found:
                    if not names or each.name in names:
                        some.append(each)
                    if len(some) >= _AT_ONCE:
                        await asyncio.to_thread(files.write, "", SERIES, COLUMNS, cells_of(some))
                        some = []
            if some:
                await asyncio.to_thread(files.write, "", SERIES, COLUMNS, cells_of(some))
        return files.finished
