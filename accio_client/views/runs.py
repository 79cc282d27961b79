"""Runs, and lists of them."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict

from accio.domain.ids import RunId, WorkflowId, WorkflowVersion
from accio.domain.states import RUN_TERMINAL, RunState
from accio.late import dataclass

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
class RepeatUntilView:
    """When a point has been repeated often enough: half of the 95 % interval of an output's mean is at most `ci95`, in
    the output's unit (metres, milliseconds), or as a share of the mean if it is `relative`.
    """

    output: str
    ci95: float
    relative: bool
    min: int
    """Repetitions that each point begins with."""
    points: int

    @property
    def wanted(self) -> float | str:
        """What is wanted as a run definition has it."""
        return f"{Decimal(repr(self.ci95)) * 100:f}%" if self.relative else self.ci95

    def __str__(self) -> str:
        from accio.domain.precision import wanted_text  # lists of runs load this module, and need no statistics

        return wanted_text(self.output, self.ci95, relative=self.relative)

    def repeat(self, most: int) -> Mapping[str, Any]:
        """Return the `repeat` of a run definition that means the same."""
        return {"until": {"output": self.output, "ci95": self.wanted}, "min": self.min, "max": most}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionView:
    """How many points of a sweep that is repeated until precise are as precise as is wanted, and how many have all the
    repetitions that they may get and aren't; the rest is going on.
    """

    precise: int
    at_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveView:
    """An output that a study looks for the best values of; `direction` is minimize or maximize."""

    output: str
    direction: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """A point of a study: the parameters that vary, and the mean of each objective over its repetitions.

    `children` are the numbers of its children; `values` are in the outputs' units (metres, milliseconds).
    """

    number: int
    children: range
    values: tuple[float, ...]
    params: Mapping[str, ParameterView]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """How far a study is. `best` has the best trial, or of several objectives those that no other trial beats."""

    objectives: tuple[ObjectiveView, ...]
    trials: int  # at most
    complete: int  # that have their values
    failed: int
    pruned: int  # that were ended early
    best: tuple[TrialView, ...]


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
    """What the definition said of the points, if they aren't all combinations: zip, points, sample, union, where; and
    `optimize` of a study.
    """
    until: RepeatUntilView | None = None
    """Of a parent that is repeated until precise; then `repeat` is how many repetitions a point gets at most."""
    nice: bool = False  # whether it stands behind all runs that aren't
    quarantined: str = ""  # why nothing of it goes on, where the daemon couldn't start with it

    @property
    def ended(self) -> bool:
        return self.state in RUN_TERMINAL

    @property
    def repeat_form(self) -> int | Mapping[str, Any]:
        """What a run definition says of the repetitions."""
        return (self.repeat or 1) if self.until is None else self.until.repeat(self.repeat or 1)


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
    """What became of one run of a request; `error` says why nothing could be done, `warnings` what is doubtful."""

    id: RunId
    changed: bool
    error: str | None
    warnings: tuple[str, ...] = ()
