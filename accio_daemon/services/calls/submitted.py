"""The row of a run that was submitted just now, from the command: who submits needn't read it back."""

from accio_daemon.core.commands import SubmitRun, Submitted
from accio_daemon.storage.runs.runs_query import RunRow


def row_of(command: SubmitRun, submitted: Submitted) -> RunRow:
    """Return the row that a submission makes."""
    definition, sweep = command.definition, command.definition.sweep
    return RunRow(
        no=submitted.no,
        id=submitted.id,
        single=sweep.is_single,
        workflow_no=command.workflow_no,
        workflow_id=definition.workflow_id,
        workflow_version=definition.version,
        owner_name=command.owner_name,
        owner_email=command.owner_email,
        name=definition.name or "",
        notes=definition.notes or "",
        tags=tuple(sorted(definition.tags)),
        seed=command.seed,
        sweep=sweep,
        cache=command.cache,
        nice=definition.nice,
        operators=tuple(each.no for each in command.operators),
        children=sweep.budget,
        nodes=len(command.workflow.graph) if sweep.is_single else command.workflow.per_child,
        own_nodes=0 if sweep.is_single else len(command.workflow.graph) - command.workflow.per_child,
        created_ms=submitted.created_ms,
    )
