"""Calls about workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.errors import FailedPrecondition, InvalidDefinition, NotFound
from accio.v1 import accio_pb2, values_pb2, workflows_pb2
from accio.wire.issues import issues_of
from accio_client import definition_text, views
from accio_client.calls import numbers
from accio_client.calls.caller import SUBMIT_DEADLINE_S, Caller
from accio_client.from_wire import checks as check_views
from accio_client.from_wire import workflows as workflow_views
from accio_client.one_node import is_of_operator, workflow_of

if TYPE_CHECKING:
    from accio_client.definition_text import Definition


class WorkflowCalls(Caller):
    """Store, look at and delete workflows."""

    async def push(
        self, definition: Definition, *, default_id: str | None = None, base_path: str | None = None
    ) -> views.Pushed:
        """Store a workflow version; content that is there already becomes the latest version."""
        text, folder, name = definition_text.read(definition, base_path)
        request = workflows_pb2.PushWorkflowRequest(
            definition=text, default_id=default_id or name, base_path=folder, caller=self._user
        )
        try:
            answer = await self._connection.call(
                self._accio.PushWorkflow, request, workflows_pb2.PushWorkflowResponse, deadline=SUBMIT_DEADLINE_S
            )
        except InvalidDefinition as error:
            from accio.wire.errors import is_clipped  # with gRPC, which is there once a call was refused

            if is_clipped(error.issues):
                found = await self.validate_workflow(text, default_id=request.default_id, base_path=folder)
                raise InvalidDefinition(found.errors or error.issues, found.warnings) from None
            raise
        return views.Pushed(
            workflow=workflow_views.workflow(answer.workflow),
            created=answer.created,
            warnings=issues_of(answer.warnings),
        )

    async def validate_workflow(
        self, definition: Definition, *, default_id: str | None = None, base_path: str | None = None
    ) -> views.Validation:
        """Say what `push` would say, and store nothing."""
        text, folder, name = definition_text.read(definition, base_path)
        request = workflows_pb2.ValidateWorkflowRequest(
            definition=text, default_id=default_id or name, base_path=folder
        )
        return check_views.validation(
            await self._connection.call(self._accio.ValidateWorkflow, request, workflows_pb2.ValidateResponse)
        )

    async def get_workflow(self, workflow: str) -> views.WorkflowView:
        """Return one version: "id" (the latest) or "id:version"."""
        request = workflows_pb2.GetWorkflowRequest(workflow=workflow)
        return workflow_views.workflow(
            await self._connection.call(self._accio.GetWorkflow, request, workflows_pb2.Workflow)
        )

    async def list_workflows(self, *, limit: int = 50, cursor: str | None = None) -> views.WorkflowPage:
        """Return a page of workflows, most recently pushed first."""
        request = workflows_pb2.ListWorkflowsRequest(limit=numbers.limit(limit), cursor=cursor or "")
        answer = await self._connection.call(self._accio.ListWorkflows, request, workflows_pb2.ListWorkflowsResponse)
        found = tuple(workflow_views.workflow(each) for each in answer.workflows)
        return views.WorkflowPage(workflows=found, next=answer.next or None)

    async def push_operator(self, operator: str) -> views.Pushed:
        """Store the workflow whose only node is *operator*, with a parameter for each input, under the operator's name.

        NotFound if there is no such operator, FailedPrecondition if another workflow has that name.
        """
        request = accio_pb2.GetOperatorRequest(name=operator)
        found = workflow_views.operator(
            await self._connection.call(self._accio.GetOperator, request, values_pb2.Operator)
        )
        try:
            there = await self.get_workflow(operator)
        except NotFound:
            return await self.push(workflow_of(found))
        if not is_of_operator(there.definition, operator):
            raise FailedPrecondition(
                f"expected no workflow {operator!r}, or the one of the operator {operator} by itself, found another "
                f"({there.id}:{there.version}): submit that, or rename one of the two"
            )
        return await self.push(workflow_of(found))

    async def delete_workflow(self, workflow: str) -> None:
        """Delete a workflow that has no runs, with all its versions."""
        request = workflows_pb2.DeleteWorkflowRequest(id=workflow)
        await self._connection.call(
            self._accio.DeleteWorkflow, request, workflows_pb2.DeleteWorkflowResponse, repeatable=False
        )
