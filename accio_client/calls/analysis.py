"""Calls about the results of a sweep as columns: tables, data frames, pictures and failures are computed from them."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from accio.errors import Internal
from accio.v1 import accio_pb2
from accio_client.calls.runs import RunCalls
from accio_client.clock import now
from accio_client.connection import STREAM_DEADLINE_S

if TYPE_CHECKING:  # NumPy is loaded by the calls that need it: every command line would pay for it
    from accio_client.collected import Collected
    from accio_client.selected import Selected

_NO_HEAD = "expected columns to begin with what there is, found no such answer of the daemon"


class AnalysisCalls(RunCalls):
    """Read results as columns."""

    async def columns(
        self,
        run: str,
        *,
        ports: Iterable[str] = (),
        metrics: Iterable[str] = (),
        outputs: bool = True,
        failures: bool = False,
        before: "Collected | None" = None,
    ) -> "Collected":
        """Return single values of a run's children as columns; with *before* only what may have changed is read anew.

        Without *ports*, all outputs that are numbers. *before* must have been read with the same arguments.
        """
        from accio_client.collected import Collector, Head

        request = accio_pb2.ColumnsRequest(
            run=run, outputs=outputs, ports=ports, metrics=metrics, failures=failures, ranges=_ranges(before)
        )
        chunks = self._connection.stream(
            lambda stubs: stubs.accio.Columns, request, accio_pb2.ColumnsChunk, deadline=STREAM_DEADLINE_S
        )
        collector: Collector | None = None
        async with aclosing(chunks):
            async for chunk in chunks:
                if collector is None:
                    head = Head(chunk.head)
                    if before is not None and head.generation != before.generation:
                        break
                    collector = Collector(head, before)
                else:
                    collector.add(chunk)
        if collector is None and before is None:
            raise Internal(_NO_HEAD)
        if collector is None:  # what had ended has changed
            return await self.columns(run, ports=ports, metrics=metrics, outputs=outputs, failures=failures)
        return collector.collected()

    async def selected(
        self,
        run: str,
        *,
        where: str = "",
        ports: Sequence[str] = (),
        metrics: Sequence[str] = (),
        outputs: bool = True,
        failures: bool = False,
    ) -> "Selected":
        """Return columns as `columns` does, and which children a query (docs/queries.md) selects."""
        from accio_client.selected import Selected, plan

        if not where.strip():
            found = await self.columns(run, ports=ports, metrics=metrics, outputs=outputs, failures=failures)
            return Selected.all_of(found)
        nothing = accio_pb2.IndexRange(first=0, count=0)
        request = accio_pb2.ColumnsRequest(run=run, ranges=[nothing])
        answers = self._connection.stream(lambda stubs: stubs.accio.Columns, request, accio_pb2.ColumnsChunk)
        async with aclosing(answers):
            heads = [answer.head async for answer in answers if answer.HasField("head")]
        if not heads:
            raise Internal(_NO_HEAD)
        needed = plan(heads[0], where, ports, metrics, int(now().timestamp() * 1000), outputs=outputs)
        found = await self.columns(
            run,
            ports=needed.ports,
            metrics=needed.metrics,
            outputs=needed.outputs,
            failures=failures or needed.failures,
        )
        return Selected.matching(found, needed, where)

    async def frame(
        self,
        run: str,
        *,
        by: Sequence[str] | None = None,
        where: str = "",
        ports: Sequence[str] = (),
        metrics: Sequence[str] = (),
        seeds: bool = False,
        backend: str = "pandas",
    ) -> Any:
        """Return a data frame with a row per child, or with *by* one per combination of these parameters, with n, mean,
        deviation and interval of each number. *backend*: pandas, polars or arrow.
        """
        from accio_client.export.frames import require_backend
        from accio_client.frame import frame_of

        require_backend(backend)
        found = await self.selected(run, where=where, ports=ports, metrics=metrics)
        return frame_of(found, by=by, seeds=seeds, backend=backend)


def _ranges(before: "Collected | None") -> list[accio_pb2.IndexRange]:
    if before is None:
        return []
    open_ = before.open or ((0, 0),)
    return [accio_pb2.IndexRange(first=first, count=count) for first, count in open_]
