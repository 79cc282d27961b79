"""Answers to definitions that were submitted, or only checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from accio.domain.issues import Issue
from accio_client.views.nodes import ValueView
from accio_client.views.runs import RepeatUntilView, RunView
from accio_client.views.workload import ForecastView

CacheMode = Literal["use", "none", "refresh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    valid: bool
    errors: tuple[Issue, ...]
    warnings: tuple[Issue, ...]
    children: int | None = None
    """How many children a submission would have, 1 for a single run; None for workflows, and if it isn't valid."""
    points: tuple[Mapping[str, ValueView], ...] = ()
    """The first points of the sweep, in its order: the parameters that vary."""
    until: RepeatUntilView | None = None
    """When points have been repeated often enough, if that decides: then `children` are what there are at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """`created` is false where the same idempotency key had created the run before."""

    run: RunView
    warnings: tuple[Issue, ...]
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunView:
    children: int
    nodes: int
    distinct_nodes: int
    cached: int
    to_execute: int
    sampled: bool
    looked_up: int
    unknown: int
    warnings: tuple[Issue, ...]
    forecast: ForecastView | None = None  # when it would have ended, were it submitted now; None of an older daemon
    until: RepeatUntilView | None = None  # if that decides how often points are repeated: all numbers are the most then
    nice: bool = False  # whether it would stand behind all runs that aren't
