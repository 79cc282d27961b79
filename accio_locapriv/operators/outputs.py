"""What operators return, and how datasets are written."""

from typing import NamedTuple

from accio import Dataset, OperatorContext
from accio_locapriv.pairing import Accuracy, Figures, Statistics
from accio_locapriv.traces import Traces, write_traces

UNDEFINED = "undefined_traces"
"""The metric that counts the traces for which a figure is undefined."""


class DataOutput(NamedTuple):
    """One dataset.

    Attributes:
        data: the resulting dataset
    """

    data: Dataset


class AccuracyOutput(NamedTuple):
    """How well the test data agrees with the train data.

    Attributes:
        precision: share of what test has that train has too, per trace
        recall: share of what train has that test has too, per trace
        fscore: harmonic mean of both, per trace
    """

    precision: dict[str, float]
    recall: dict[str, float]
    fscore: dict[str, float]

    @classmethod
    def of(cls, found: Accuracy) -> "AccuracyOutput":
        """Return the outputs of a comparison."""
        return cls(found.precision, found.recall, found.fscore)


class StatisticsOutput(NamedTuple):
    """Distances in metres.

    Attributes:
        min: smallest distance, per trace
        max: largest distance, per trace
        stddev: standard deviation of the distances (of a sample; 0 for one), per trace
        avg: mean distance, per trace
        median: median distance, per trace
    """

    min: dict[str, float]
    max: dict[str, float]
    stddev: dict[str, float]
    avg: dict[str, float]
    median: dict[str, float]

    @classmethod
    def of(cls, ctx: OperatorContext, found: Statistics) -> "StatisticsOutput":
        """Return the outputs of a comparison, whose undefined traces are counted."""
        ctx.metric(UNDEFINED, len(found.undefined))
        return cls(found.min, found.max, found.stddev, found.avg, found.median)


def traces_output(ctx: OperatorContext, traces: Traces) -> DataOutput:
    """Write traces as a new dataset."""
    data = ctx.dataset()
    write_traces(traces, data)
    return DataOutput(data)


def figures_output(ctx: OperatorContext, figures: Figures) -> dict[str, float]:
    """Return one figure per trace; the undefined ones are counted."""
    ctx.metric(UNDEFINED, len(figures.undefined))
    return dict(figures.values)
