"""Calls about what differs between versions of workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client import views
from accio_client.calls.runs import RunCalls
from accio_client.calls.workflows import WorkflowCalls

if TYPE_CHECKING:  # loaded by the call that needs it
    from accio_client.version_differences import VersionDifferences


class VersionCalls(RunCalls, WorkflowCalls):
    """Compare workflows."""

    async def compare_workflows(self, first: str, second: str) -> VersionDifferences:
        """Return what differs between two versions of a workflow, each "id:version", or "id" for the latest, and whose
        operators differ between the newest runs of both.
        """
        from dataclasses import replace

        from accio_client.version_differences import version_differences

        one, other = await self.get_workflow(first), await self.get_workflow(second)
        runs = await self._newest_run(one), await self._newest_run(other)
        operators = await self.compare_operators(*runs) if all(runs) and runs[0] != runs[1] else ()
        return replace(version_differences(one, other), runs=runs, operators=operators)

    async def _newest_run(self, of: views.WorkflowView) -> str:
        page = await self.list_runs(views.RunFilter(workflow=f"{of.id}:{of.version}"), limit=1)
        return page.runs[0].id if page.runs else ""
