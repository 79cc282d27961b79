"""Checking definitions: the public face of `workflow_check` and `run_check`."""

from accio.domain.issues import Checked, Issue
from accio.domain.limits import Limits
from accio.domain.linking import check_fit
from accio.domain.run_check import WorkflowLookup, check_run
from accio.domain.workflow_check import check_workflow

__all__ = ["Checked", "Issue", "Limits", "WorkflowLookup", "check_fit", "check_run", "check_workflow"]
