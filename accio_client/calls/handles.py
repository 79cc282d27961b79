"""The call that makes a run and returns a handle of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accio.errors import BadRequest, FailedPrecondition, InvalidDefinition, NotFound
from accio_client import views
from accio_client.calls.analysis import AnalysisCalls
from accio_client.calls.selecting import listed
from accio_client.calls.workflows import WorkflowCalls
from accio_client.handles import AsyncRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accio_client.definition_text import Definition


class HandleCalls(AnalysisCalls, WorkflowCalls):
    """Make runs that can be asked about themselves."""

    async def submit(
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
        zip: Sequence[Any] | None = None,  # noqa: A002  # the word of run definitions
        points: Any = None,
        sample: Mapping[str, Any] | None = None,
        union: Sequence[Mapping[str, Any]] | None = None,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> AsyncRun:
        """Create a run or a sweep; return once it is durable. Repeated attempts of one call create one run.

        *definition* is a run definition, or the name of a workflow (or operator), whose parameters are then given as
        *values*: `submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)`; a `Workflow` is pushed first. Parameters
        whose names are options of this call (or no names in Python) go into *params*. *repeat* is how often each point
        is executed, or until when (`{"until": {"output": "Train/score", "ci95": 0.01}, "max": 50}`). *zip* names those
        whose values go together, *points* are explicit rows (a list of dictionaries, a dictionary of lists, a data
        frame, a CSV or Parquet file), *sample* draws points (`{"method": "lhs", "n": 100}`), *union* has several
        sweeps, and *where* is a condition that points must meet. A *nice* run stands behind all that aren't.
        """
        options = {
            "name": name,
            "notes": notes,
            "tags": None if tags is None else listed(tags),
            "repeat": repeat,
            "seed": seed,
            "nice": nice,
            "zip": zip,
            "points": points,
            "sample": sample,
            "union": union,
            "where": where,
        }
        given = {**(params or {}), **values}
        submitted = await self._submit_any(definition, given, options, base_path, cache, idempotency_key)
        return AsyncRun(self, submitted)

    async def _submit_any(
        self,
        definition: Definition | str,
        given: Mapping[str, Any],
        options: Mapping[str, Any],
        base_path: str | None,
        cache: views.CacheMode,
        key: str | None,
    ) -> views.Submitted:
        """Submit what `submit` takes, with the parameters and options that were *given* beside it."""
        from accio_client import forms
        from accio_client.composing import Workflow

        if options["points"] is not None:
            options = {**options, "points": forms.points_of(options["points"])}
        if isinstance(definition, Workflow):
            pushed = await self.push(definition, base_path=base_path)
            document = forms.definition(f"{pushed.workflow.id}:{pushed.workflow.version}", given, options)
            submitted = await self._submit(document, base_path, cache, key)
            return replace(submitted, warnings=(*pushed.warnings, *submitted.warnings))
        if not isinstance(definition, str):
            used = [each for each, value in options.items() if value is not None] + list(given)
            if used:
                raise BadRequest(f"expected {', '.join(used)} in the definition, or the name of a workflow beside them")
            return await self._submit(definition, base_path, cache, key)
        document = forms.definition(definition, given, options)
        return await self._submit_named(definition, document, base_path, cache, key)

    async def run(self, run: str) -> AsyncRun:
        """Return the handle of a run or a sweep that is there; NotFound without one."""
        found = await self.get_run(run, nodes=False)
        return AsyncRun(self, views.Submitted(run=found.run, warnings=(), created=False))

    async def _submit_named(
        self, name: str, document: Mapping[str, Any], base_path: str | None, cache: views.CacheMode, key: str | None
    ) -> views.Submitted:
        """Submit a definition by the name of a workflow, or of an operator whose own workflow may have to be stored."""
        try:
            return await self._submit(document, base_path, cache, key)
        except InvalidDefinition as error:
            if not await self._is_stored_now(name, error):
                raise
        return await self._submit(document, base_path, cache, key)

    async def _is_stored_now(self, operator: str, error: InvalidDefinition) -> bool:
        """Return whether *operator* names one whose own workflow wasn't there, or was one of earlier inputs."""
        if not any(issue.path.startswith(("/workflow", "/params")) for issue in error.issues):
            return False
        try:
            return (await self.push_operator(operator)).created
        except (NotFound, FailedPrecondition):
            return False
