"""One row of the table: what is measured, what must be reached, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a measurement gave."""

    value: float
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every measurement is told."""

    root: Path  # an empty folder of its own
    quick: bool
    repetitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measurement. `must` and `wish` are in `unit`; `more` says whether more is better."""

    name: str
    title: str
    unit: str
    must: float
    wish: float
    more: bool
    measure: Callable[[Context], Measured]

    def reached(self, value: float) -> bool:
        """Whether a value is what must be reached."""
        return value >= self.must if self.more else value <= self.must
