"""Pairs two datasets trace by trace, and sums up what metrics find for each pair."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from accio_locapriv.arrays import Floats


def paired(train: Sequence[str], test: Sequence[str]) -> Iterator[tuple[str, int | None, int | None]]:
    """Yield each id of either side in order, with its index on each side; None on the side that lacks it."""
    train_at = {trace: index for index, trace in enumerate(train)}
    test_at = {trace: index for index, trace in enumerate(test)}
    for trace in sorted(train_at.keys() | test_at.keys()):
        yield trace, train_at.get(trace), test_at.get(trace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Precision, recall and F-score per trace: how well a result agrees with a reference."""

    precision: dict[str, float] = field(default_factory=dict)
    recall: dict[str, float] = field(default_factory=dict)
    fscore: dict[str, float] = field(default_factory=dict)

    def add(self, trace: str, *, matched: int, result: int, reference: int) -> None:
        """Enter a trace; nothing was claimed wrongly of an empty result, nothing missed of an empty reference."""
        precision = matched / result if result else 1.0
        recall = matched / reference if reference else 1.0
        total = precision + recall
        self.precision[trace] = precision
        self.recall[trace] = recall
        # Equal parts first: their mean must not be rounded away from them.
        self.fscore[trace] = precision if precision == recall else 2.0 * precision * recall / total


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Five figures per trace. A trace without values has none, and counts as undefined."""

    min: dict[str, float] = field(default_factory=dict)
    max: dict[str, float] = field(default_factory=dict)
    stddev: dict[str, float] = field(default_factory=dict)
    avg: dict[str, float] = field(default_factory=dict)
    median: dict[str, float] = field(default_factory=dict)
    undefined: list[str] = field(default_factory=list)

    def add(self, trace: str, values: Floats) -> None:
        """Enter a trace; the standard deviation is that of a sample."""
        if not len(values):
            self.undefined.append(trace)
            return
        self.min[trace] = float(values.min())
        self.max[trace] = float(values.max())
        self.stddev[trace] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        self.avg[trace] = float(values.mean())
        self.median[trace] = float(np.median(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One figure per trace that has one, and the traces that have none."""

    values: Mapping[str, float]
    undefined: Sequence[str]
