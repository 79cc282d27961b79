"""Successive halving: trials that measure while they run are ended early if they are behind others at the same step.

    "prune": {"metric": "Train/loss", "factor": 3, "first": 10}

A *rung* is a step at which trials are compared: `first`, then each `factor` times the one before. A trial that reaches
a rung goes on if it is among the best 1 / `factor` of those that have reached it so far, itself included; it is
compared once at each rung, and never while fewer than `factor` have reached it. So nobody waits for anybody (the
asynchronous rule of Li and others 2020, in which trials stop).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accio.domain.jsontypes import JsonObject
from accio.domain.series import Point, latest_at
from accio.late import dataclass

FACTOR = 3
FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """By which measurements trials are compared, and at which steps."""

    node: str
    name: str
    factor: int = FACTOR
    first: int = FIRST

    @property
    def metric(self) -> str:
        """The measurement as users name it."""
        return f"{self.node}/{self.name}"

    def reached(self, points: Sequence[Point]) -> dict[int, float]:
        """Return what a series had at each rung that it has reached, by the rung's step."""
        last = max((point.step for point in points), default=0)
        found: dict[int, float] = {}
        step = self.first
        while step <= last:
            if (point := latest_at(points, step)) is not None:
                found[step] = point.value
            step *= self.factor
        return found

    def goes_on(self, own: float, others: Iterable[float]) -> bool:
        """Return whether a trial goes on, given the losses (small is good) of itself and of the others at a rung."""
        losses = [own, *others]
        if len(losses) < self.factor:
            return True
        better = sum(1 for loss in losses if loss < own or (own != own and loss == loss))  # NaN is worse than all
        return better < len(losses) // self.factor

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads, and that a run definition may have as `prune`."""
        return {"metric": self.metric, "factor": self.factor, "first": self.first}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Halving":
        """Read what `to_json` gave."""
        node, _, name = document["metric"].partition("/")
        return cls(node=node, name=name, factor=document["factor"], first=document["first"])
