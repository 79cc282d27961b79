"""Runs, and lists of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

from accio.domain.ids import RunId, WorkflowId, WorkflowVersion
from accio.domain.states import RUN_TERMINAL, RunState

RunKind = Literal["single", "parent", "child"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.email else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    """A parameter of a run. `value` is its value, of a parent that varies it the form that it was given ({"values":
    …}).
    """

    name: str
    type: str
    value: Any
    values: int

    @property
    def varies(self) -> bool:
        return self.values > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A single run, a parent or a child. `repeat` is a child's repetition and a parent's number of repetitions."""

    id: RunId
    kind: RunKind
    parent: RunId | None
    index: int | None
    label: str
    workflow_id: WorkflowId
    workflow_version: WorkflowVersion
    owner: PersonView
    name: str
    notes: str
    tags: tuple[str, ...]
    seed: int
    repeat: int | None
    params: Mapping[str, ParameterView]
    state: RunState
    progress: float
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    children: int | None
    children_by_state: Mapping[str, int]
    nodes_by_state: Mapping[str, int]
    sweep: Mapping[str, Any] = field(default_factory=dict)
    """What the definition said of the points, if they aren't all combinations: zip, points, sample, union, where."""
    quarantined: str = ""  # why nothing of it goes on, where the daemon couldn't start with it

    @property
    def ended(self) -> bool:
        return self.state in RUN_TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A page of a list; `total` is None when filtered, `next` is None on the last page."""

    runs: tuple[RunView, ...]
    total: int | None
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list of runs is restricted to; everything that is set must hold."""

    parent: str = ""
    states: tuple[RunState, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str = ""
    name: str = ""
    workflow: str = ""
    text: str = ""
    notes: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None
    where: str = ""
    """A query (docs/queries.md)."""
    sort: str = ""
    """The column to sort by, with a minus downwards; empty: newest first, and children in the order of the sweep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    run: RunView
    changed: bool


class RetryDemand(TypedDict, total=False):
    """What nodes that are retried demand from then on: amounts, or factors such as "2x"."""

    memory: str
    cpus: str
    timeout: str
    force: bool  # though no agent that is known could execute them


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What became of one run of a request; `error` says why nothing could be done."""

    id: RunId
    changed: bool
    error: str | None
