"""Workflows and their versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accio.domain.ids import WorkflowId, WorkflowVersion
from accio.domain.issues import Issue
from accio.late import dataclass
from accio_client.views.runs import PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowParameterView:
    name: str
    kind: str
    has_default: bool
    default: Any
    help: str
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version of a workflow by its name."""

    version: WorkflowVersion
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """A version of a workflow; `definition` is the whole document. `history` are the newest versions of its id, where
    one was asked for by name; `versions` says how many there are.
    """

    id: WorkflowId
    version: WorkflowVersion
    name: str
    notes: str
    owner: PersonView
    created_at: datetime | None
    params: tuple[WorkflowParameterView, ...]
    definition: Mapping[str, Any]
    versions: int
    history: tuple[VersionView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPage:
    workflows: tuple[WorkflowView, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    workflow: WorkflowView
    created: bool
    warnings: tuple[Issue, ...]
