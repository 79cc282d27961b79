"""Calls about the results of a sweep as columns: tables, data frames, pictures and failures are computed from them."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from accio.errors import Internal, NotFound
from accio.v1 import accio_pb2
from accio_client.calls.measurements import MeasurementCalls
from accio_client.clock import now
from accio_client.deadlines import STREAM_DEADLINE_S

if TYPE_CHECKING:  # NumPy is loaded by the calls that need it: every command line would pay for it
    from collections.abc import Iterable, MutableMapping, Sequence

    from accio_client.analysis.pictures import Lines
    from accio_client.asked_pictures import Asked
    from accio_client.collected import Collected, Head, Ranges, Reading
    from accio_client.selected import Selected
    from accio_client.views import SeriesView

_NO_HEAD = "expected columns to begin with what there is, found no such answer of the daemon"


class AnalysisCalls(MeasurementCalls):
    """Read results as columns."""

    async def columns(
        self,
        run: str,
        *,
        ports: Iterable[str] = (),
        metrics: Iterable[str] = (),
        outputs: bool = True,
        failures: bool = False,
        before: Collected | None = None,
        sample: Ranges | None = None,
    ) -> Collected:
        """Return single values of a run's children as columns; with *before* only what may have changed is read anew.

        Without *ports*, all outputs that are numbers. *before* must have been read with the same arguments. Of a
        *sample*, only these children are read, and there.
        """
        from accio_client.collected import Collector, Head

        ranges = _ranges(before) if sample is None else _messages(sample)
        request = accio_pb2.ColumnsRequest(
            run=run, outputs=outputs, ports=ports, metrics=metrics, failures=failures, ranges=ranges
        )
        chunks = self._connection.stream(
            self._accio.Columns, request, accio_pb2.ColumnsChunk, deadline=STREAM_DEADLINE_S
        )
        collector: Collector | None = None
        async with aclosing(chunks):
            async for chunk in chunks:
                if collector is None:
                    head = Head(chunk.head)
                    if before is not None and not before.may_go_on(head):
                        break
                    collector = Collector(head, before, sample)
                else:
                    collector.add(chunk)
        if collector is None and before is None:
            raise Internal(_NO_HEAD)
        if collector is None:  # what had ended has changed, or there are more children
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
        kept: MutableMapping[Reading, Collected] | None = None,
        sample: bool = False,
    ) -> Selected:
        """Return columns as `columns` does, and which children a query (docs/queries.md) selects.

        What *kept* holds of an earlier reading is brought up to date, and what was read is put there. With *sample*, a
        part of a large sweep that nothing is kept of may do: short blocks all over it, and nothing is kept.
        """
        from accio_client.collected import Reading
        from accio_client.selected import Selected, plan

        kept = {} if kept is None else kept
        if not where.strip():
            asked = Reading(run, tuple(ports), tuple(metrics), outputs, failures)
            return Selected.all_of(await self._kept_columns(asked, kept, sample=sample))
        head = await self._column_head(run)
        needed = plan(head, where, ports, metrics, int(now().timestamp() * 1000), outputs=outputs)
        asked = Reading(run, needed.ports, needed.metrics, needed.outputs, failures or needed.failures)
        return Selected.matching(await self._kept_columns(asked, kept, sample=sample), needed, where)

    async def picture_of(
        self,
        run: str,
        asked: Asked,
        *,
        where: str = "",
        kept: MutableMapping[Reading, Collected] | None = None,
        sample: bool = False,
    ) -> tuple[Selected, Asked]:
        """Return what a picture is drawn from (`accio_client.asked_pictures.draw`), and which one is meant: a study of
        which nothing is asked shows its trials. *where*, *kept* and *sample* as `selected` has them.
        """
        from accio_client.asked_pictures import WHOLE_ONLY

        outputs = asked.ports()
        if asked.may_be_of_study:
            head = await self.column_head(run)
            asked = asked.of(head)
            outputs = asked.needed(head)
        read = partial(self.selected, run, where=where, kept=kept, sample=sample and asked.kind not in WHOLE_ONLY)
        try:
            return await read(ports=outputs, metrics=asked.metrics(), outputs=bool(outputs)), asked
        except NotFound:  # a member of a map may be meant, which takes the first children to know
            whole = asked.with_members(await self.column_head(run))
            if whole == asked:
                raise
            return await read(ports=whole.ports(), metrics=whole.metrics()), whole

    async def column_head(self, run: str) -> Head:
        """Return what is known of a run's columns before any child is looked at: parameters, outputs, nodes."""
        from accio_client.collected import Head

        return Head(await self._column_head(run))

    async def _column_head(self, run: str) -> accio_pb2.ColumnsHead:
        nothing = accio_pb2.IndexRange(first=0, count=0)
        request = accio_pb2.ColumnsRequest(run=run, ranges=[nothing])
        answers = self._connection.stream(self._accio.Columns, request, accio_pb2.ColumnsChunk)
        async with aclosing(answers):
            heads = [answer.head async for answer in answers if answer.HasField("head")]
        if not heads:
            raise Internal(_NO_HEAD)
        return heads[0]

    async def _kept_columns(
        self, asked: Reading, kept: MutableMapping[Reading, Collected], *, sample: bool
    ) -> Collected:
        async def read(before: Collected | None = None, ranges: Ranges | None = None) -> Collected:
            return await self.columns(
                asked.run,
                ports=asked.ports,
                metrics=asked.metrics,
                outputs=asked.outputs,
                failures=asked.failures,
                before=before,
                sample=ranges,
            )

        async def read_whole() -> Collected:
            found = kept[asked] = await read(kept.get(asked))
            return found

        has_values = asked.outputs or bool(asked.metrics)  # states alone are there as soon as a sample
        if sample and has_values and not asked.failures and asked not in kept:
            ranges = await self._sampled(asked.run)
            if ranges is not None:
                return await read(ranges=ranges)
        return await self._turns.of(asked, lambda: kept.get(asked), read_whole)  # pages ask for several at once

    async def _sampled(self, run: str) -> Ranges | None:
        """Return the children of a run's sample; None where all are read as soon."""
        from accio_client.collected import SAMPLED_FROM, sample_ranges

        size = (await self.column_head(run)).sweep.size
        return sample_ranges(size) if size >= SAMPLED_FROM else None

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
        found.require_members(ports)
        return frame_of(found, by=by, seeds=seeds, backend=backend)

    async def curves(self, run: str, name: str, *, by: str | None = None, where: str = "") -> Lines:
        """Return the picture of a series over its steps: of some children that have begun (those that match *where*) a
        line each, or the means of those with one value of the parameter *by*.
        """
        from accio_client.analysis.pictures import curves

        found = await self.selected(run, where=where, outputs=False)
        table, head = found.table, found.collected.head
        numbers = curves.chosen(table, found.where, by).tolist()
        ids = {f"{head.run.id}.{number}" if head.run.kind == "parent" else head.run.id: number for number in numbers}
        measured: dict[int, list[SeriesView]] = {number: [] for number in numbers}
        if ids:
            async with aclosing(self.series(list(ids), name)) as series:
                async for each in series:
                    measured[ids[each.run]].append(each)
        drawn = {number: curves.curves_of(some) for number, some in measured.items()}
        return curves.curves(table, name, drawn, by=by, where=found.where, query=found.query)


def _ranges(before: Collected | None) -> list[accio_pb2.IndexRange]:
    if before is None:
        return []
    return _messages(before.open or ((0, 0),))


def _messages(ranges: Ranges) -> list[accio_pb2.IndexRange]:
    return [accio_pb2.IndexRange(first=first, count=count) for first, count in ranges]
