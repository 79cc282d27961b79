"""Repeating until precise: how many repetitions a point of a sweep gets, from what those that ended gave.

    "repeat": {"until": {"output": "Train/score", "ci95": 0.01}, "min": 5, "max": 50}

Each point begins with `min` repetitions. Once all of them have ended, the 95 % interval of the output's mean over those
that succeeded is computed; if half of it is more than `ci95`, the point gets more, as many as that interval says it
takes, but at most as many again, and at most `max` altogether. So what a point gets depends on its own results alone,
by their repetitions, and never on the order in which they came.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from accio.domain.jsontypes import JsonObject
from accio.domain.members import output_name
from accio.domain.student import ci95_factor, mean_of
from accio.late import dataclass

LEAST = 5
"""Repetitions that each point begins with, unless said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a point has been repeated often enough: half of the 95 % interval of an output's mean is at most `ci95`, in
    the output's unit, or as a share of the mean's magnitude if it is `relative`. Of a map it is that of its values for
    the key that is shown as `member`.
    """

    node: str
    port: str
    ci95: float
    relative: bool = False
    least: int = LEAST
    member: str | None = None

    @property
    def output(self) -> str:
        """The output as users name it."""
        return output_name(self.node, self.port, self.member)

    def is_met(self, measured: "Measured") -> bool:
        """Return whether what was measured is as precise as is wanted."""
        return measured.half is not None and measured.half <= self._wanted(measured)

    def next(self, begun: int, most: int, measured: "Measured") -> int | None:
        """Return how many repetitions a point gets of which *begun* have ended; None if it gets no more."""
        if begun >= most or self.is_met(measured):
            return None
        needed = math.inf
        if measured.half is not None and math.isfinite(measured.half) and (wanted := self._wanted(measured)) > 0:
            needed = begun - measured.count + measured.count * (measured.half / wanted) ** 2
        return min(most, 2 * begun, max(begun + 1, math.ceil(min(needed, 2 * begun))))

    def _wanted(self, measured: "Measured") -> float:
        return self.ci95 * abs(measured.mean) if self.relative else self.ci95

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads."""
        relative = {"relative": True} if self.relative else {}
        member = {} if self.member is None else {"member": self.member}
        return {"node": self.node, "port": self.port, "ci95": self.ci95, "least": self.least} | relative | member

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Until":
        """Read what `to_json` gave."""
        return cls(
            node=document["node"],
            port=document["port"],
            ci95=document["ci95"],
            relative=document.get("relative", False),
            least=document["least"],
            member=document.get("member"),
        )

    def __str__(self) -> str:
        return wanted_text(self.output, self.ci95, relative=self.relative)


def wanted_text(output: str, ci95: float, *, relative: bool) -> str:
    """Return what is wanted of an output in words."""
    wanted = f"{ci95 * 100:g} % of the mean" if relative else f"{ci95:g}"
    return f"the 95 % interval of {output} is ± {wanted} or narrower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The values of one point: how many, their mean, and half of its 95 % interval, which takes two of them."""

    count: int
    mean: float
    half: float | None


def measure(values: Sequence[float]) -> Measured:
    """Return what the values of a point say, given by repetition; values that have no mean say nothing."""
    count = len(values)
    if not count or not all(map(math.isfinite, values)):
        return Measured(count=count, mean=math.nan, half=None)
    try:
        mean = mean_of(values)
    except OverflowError:
        return Measured(count=count, mean=math.nan, half=None)
    if count == 1:
        return Measured(count=1, mean=mean, half=None)
    deviation = math.hypot(*(value - mean for value in values)) / math.sqrt(count - 1)
    return Measured(count=count, mean=mean, half=ci95_factor(count - 1) * deviation / math.sqrt(count))
