"""Workflow versions as messages."""

from collections.abc import Iterable

from accio.domain.jsontext import canonical_dump
from accio.domain.linking import Operators, choices_of, uses_of_params
from accio.v1 import values_pb2, workflows_pb2
from accio_daemon.storage.runs.workflows import StoredWorkflow


def workflow_message(
    stored: StoredWorkflow, operators: Operators, history: Iterable[tuple[str, int]] = ()
) -> workflows_pb2.Workflow:
    """Write a version of a workflow; its definition in the form in which it can be pushed again.

    *operators* tell which values its parameters can have; *history* are versions with when they were created.
    """
    workflow = stored.workflow
    uses = uses_of_params(workflow.graph, operators)
    return workflows_pb2.Workflow(
        id=workflow.id,
        version=stored.version,
        name=workflow.name or "",
        notes=workflow.notes or "",
        owner=values_pb2.Person(name=stored.owner.name, email=stored.owner.email),
        created_at_ms=stored.created_ms,
        params=[
            workflows_pb2.Parameter(
                name=param.name,
                kind=str(param.type),
                default_json=param.default,
                help=param.help,
                choices_json=choices_of(param.type, uses.get(param.name, [])),
            )
            for param in workflow.params
        ],
        definition_json=canonical_dump(workflow.to_json()),
        versions=stored.versions,
        history=[
            workflows_pb2.WorkflowVersion(version=version, created_at_ms=created_ms) for version, created_ms in history
        ],
    )
