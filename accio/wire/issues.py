"""Issues of definitions, and what a check found."""

from collections.abc import Iterable
from typing import Any

from accio.domain.issues import Checked, Issue
from accio.v1 import values_pb2, workflows_pb2


def issue_message(issue: Issue) -> values_pb2.Issue:
    """Write an issue."""
    return values_pb2.Issue(
        path=issue.path,
        message=issue.message,
        suggestion=issue.suggestion or "",
        line=issue.line or 0,
        column=issue.column or 0,
    )


def issue_of(message: values_pb2.Issue) -> Issue:
    """Read an issue."""
    return Issue(
        path=message.path,
        message=message.message,
        suggestion=message.suggestion or None,
        line=message.line or None,
        column=message.column or None,
    )


def issues_of(messages: Iterable[values_pb2.Issue]) -> tuple[Issue, ...]:
    """Read issues, in their order."""
    return tuple(map(issue_of, messages))


def findings_message(outcome: Checked[Any]) -> workflows_pb2.ValidateResponse:
    """Write the findings of a check."""
    return workflows_pb2.ValidateResponse(
        valid=outcome.valid,
        errors=map(issue_message, outcome.errors),
        warnings=map(issue_message, outcome.warnings),
    )
