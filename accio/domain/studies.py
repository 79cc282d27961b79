"""Studies: sweeps that look for the points at which outputs are smallest or largest.

    "optimize": {"objective": "Train/loss", "direction": "minimize", "trials": 200, "sampler": "tpe"}

A point of a study is a *trial*; its repetitions are averaged. Samplers that draw points without looking at results
(`random`, `lhs`, `sobol`, `grid`) give a sweep that is known from the start. The others are *asked* for a trial when an
earlier one has ended: so the sweep grows, up to the number of trials. Which of the earlier trials they know is decided
by the order in which these ended alone (`Study.known_trials`).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from accio.domain.halving import Halving
from accio.domain.jsontypes import JsonObject
from accio.domain.members import output_name, parts_of_output
from accio.late import dataclass

AT_ONCE = 4
"""Trials that are in flight at a time, unless said otherwise, where later ones depend on earlier ones."""

MOST_TRIALS = 10_000
"""Trials of a study: what came of all of them is read at once."""

MOST_ASKED = 2_000
"""Trials of a study that are asked for: the row of the run holds them all, and is written with each."""

STARTUP = 10
"""Trials that are drawn before a sampler that looks at results is asked."""


class Direction(StrEnum):
    """What is best: the smallest value, or the largest."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Sampler(StrEnum):
    """Who says which point comes next."""

    RANDOM = "random"
    LHS = "lhs"
    SOBOL = "sobol"
    GRID = "grid"
    TPE = "tpe"
    GP = "gp"
    CMAES = "cmaes"
    NSGA2 = "nsga2"

    @property
    def is_asked(self) -> bool:
        """Whether it looks at what earlier trials gave."""
        return bool(self.packages)

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that must be installed where the sampler runs, by their import names."""
        return _PACKAGES.get(self, ())

    @property
    def is_for_several(self) -> bool:
        """Whether it takes several objectives."""
        return self is not Sampler.CMAES


_PACKAGES: Mapping[Sampler, tuple[str, ...]] = {
    Sampler.TPE: ("optuna",),
    Sampler.GP: ("optuna", "scipy", "torch"),
    Sampler.CMAES: ("cmaes",),
    Sampler.NSGA2: ("optuna",),
}


@dataclass(frozen=True, slots=True)
class Objective:
    """An output of the children, of a map its values for the key that is shown as `member`, and which value is best."""

    node: str
    port: str
    direction: Direction = Direction.MINIMIZE
    member: str | None = None

    @classmethod
    def named(cls, output: str, direction: Direction) -> "Objective":
        """Read the output as users name it: Node/port, or Node/port.KEY."""
        node, port, member = parts_of_output(output)
        return cls(node, port, direction, member)

    @property
    def output(self) -> str:
        """The output as users name it."""
        return output_name(self.node, self.port, self.member)

    def loss(self, value: float) -> float:
        """Return what is smallest where the value is best."""
        return -value if self.direction is Direction.MAXIMIZE else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What a study looks for, and how. `trials` is the largest number of them."""

    objectives: tuple[Objective, ...]
    trials: int
    sampler: Sampler
    seed: int = 0
    at_once: int = AT_ONCE  # trials in flight; of no account to samplers that aren't asked

    prune: Halving | None = None

    def known_trials(self, trial: int) -> int:
        """Return how many trials must have ended before this one is asked for: it knows those, and no others."""
        return max(0, trial - self.at_once + 1)

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads, and that a run definition may have as `optimize`."""
        pruned = {} if self.prune is None else {"prune": self.prune.to_json()}
        return pruned | {
            "objective": [each.output for each in self.objectives],
            "direction": [each.direction.value for each in self.objectives],
            "trials": self.trials,
            "sampler": self.sampler.value,
            "seed": self.seed,
            "at_once": self.at_once,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Study":
        """Read what `to_json` gave."""
        return cls(
            objectives=tuple(
                Objective.named(output, Direction(direction))
                for output, direction in zip(document["objective"], document["direction"], strict=True)
            ),
            trials=document["trials"],
            sampler=Sampler(document["sampler"]),
            seed=document["seed"],
            at_once=document["at_once"],
            prune=Halving.from_json(document["prune"]) if "prune" in document else None,
        )


@dataclass(frozen=True, slots=True)
class TrialValues:
    """What a trial gave: each objective's mean over the trial's repetitions, which all succeeded."""

    trial: int
    values: tuple[float, ...]


def best_trials(objectives: Sequence[Objective], complete: Sequence[TrialValues]) -> list[TrialValues]:
    """Return the best trial, the earliest of equal ones; of several objectives, the trials that no other one beats.

    A trial beats another if it is as good by each objective and better by one. They come in the order of their first
    objective, the best first.
    """
    ranked = sorted(
        (tuple(objective.loss(value) for objective, value in zip(objectives, each.values, strict=True)), each.trial)
        for each in complete
    )
    by_number = {each.trial: each for each in complete}
    if len(objectives) == 1:
        return [by_number[ranked[0][1]]] if ranked else []
    front: list[tuple[tuple[float, ...], int]] = []
    for losses, trial in ranked:
        # Those before it are as good or better by the first objective, or equal.
        if not any(_covers(other, losses) for other, _ in front):
            front.append((losses, trial))
    return [by_number[trial] for _, trial in front]


def _covers(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether one is as good as the other by each objective."""
    return all(ours <= theirs for ours, theirs in zip(one, other, strict=True))
