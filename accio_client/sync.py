"""The blocking client: the methods of `AsyncClient`, for scripts, notebooks and the command line.

    with Client() as client:
        run = client.submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)
        print(run.wait().state)

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/calls, and run that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accio_client import views
from accio_client.sync_calls import BlockingCalls
from accio_client.sync_handles import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accio_client.definition_text import Definition


class Client(BlockingCalls):
    """A connection to a daemon, without an event loop of the caller's."""

    def submit(
        self,
        definition: Definition | str,
        *,
        base_path: str | None = None,
        cache: views.CacheMode = "use",
        idempotency_key: str | None = None,
        name: str | None = None,
        notes: str | None = None,
        tags: str | Iterable[str] | None = None,
        repeat: int | Mapping[str, Any] | None = None,
        seed: int | None = None,
        nice: bool | None = None,
        zip: Sequence[Any] | None = None,
        points: Any = None,
        sample: Mapping[str, Any] | None = None,
        union: Sequence[Mapping[str, Any]] | None = None,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> Run:
        """Create a run or a sweep; return once it is durable. Repeated attempts of one call create one run.

        *definition* is a run definition, or the name of a workflow (or operator), whose parameters are then given as
        *values*: `submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)`; a `Workflow` is pushed first. Parameters
        whose names are options of this call (or no names in Python) go into *params*. *repeat* is how often each point
        is executed, or until when (`{"until": {"output": "Train/score", "ci95": 0.01}, "max": 50}`). *zip* names those
        whose values go together, *points* are explicit rows (a list of dictionaries, a dictionary of lists, a data
        frame, a CSV or Parquet file), *sample* draws points (`{"method": "lhs", "n": 100}`), *union* has several
        sweeps, and *where* is a condition that points must meet. A *nice* run stands behind all that aren't.
        """
        return Run(
            self,
            self._run(
                self._client.submit(
                    definition,
                    base_path=base_path,
                    cache=cache,
                    idempotency_key=idempotency_key,
                    name=name,
                    notes=notes,
                    tags=tags,
                    repeat=repeat,
                    seed=seed,
                    nice=nice,
                    zip=zip,
                    points=points,
                    sample=sample,
                    union=union,
                    where=where,
                    params=params,
                    **values,
                )
            ),
        )

    def run(self, run: str) -> Run:
        """Return the handle of a run or a sweep that is there; NotFound without one."""
        return Run(self, self._run(self._client.run(run)))
