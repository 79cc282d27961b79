"""How much there is of a trace: events, metres, seconds; and of one beside another."""

from dataclasses import dataclass

import numpy as np

from accio_locapriv.geometry import distances
from accio_locapriv.pairing import Figures, paired
from accio_locapriv.traces import Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Number of events, metres along the trace and seconds from first to last event, per trace; 0 for an empty one."""

    size: dict[str, float]
    length: dict[str, float]
    duration: dict[str, float]


def extent(traces: Traces) -> Extent:
    """Measure each trace."""
    vectors = traces.vectors()
    steps = np.append(distances(vectors[1:], vectors[:-1]), 0.0)
    size, length, duration = dict[str, float](), dict[str, float](), dict[str, float]()
    for trace, (begin, end) in zip(traces.ids, traces.spans(), strict=True):
        size[trace] = float(end - begin)
        length[trace] = float(steps[begin : max(begin, end - 1)].sum())
        duration[trace] = float(traces.time[end - 1] - traces.time[begin]) / 1000.0 if end > begin else 0.0
    return Extent(size=size, length=length, duration=duration)


def data_completeness(train: Traces, test: Traces) -> Figures:
    """Return the size of each test trace over that of the train trace: 1 if both are empty, undefined if
    only train is.
    """
    train_counts, test_counts = train.counts.tolist(), test.counts.tolist()
    values, undefined = dict[str, float](), list[str]()
    for trace, train_index, test_index in paired(train.ids, test.ids):
        before = 0 if train_index is None else train_counts[train_index]
        after = 0 if test_index is None else test_counts[test_index]
        if before:
            values[trace] = after / before
        elif after:
            undefined.append(trace)
        else:
            values[trace] = 1.0
    return Figures(values=values, undefined=undefined)


def transmission_delay(train: Traces, test: Traces) -> Figures:
    """Return the last time of each test trace minus that of the train trace, in ms; undefined if either is empty."""
    values, undefined = dict[str, float](), list[str]()
    for trace, train_index, test_index in paired(train.ids, test.ids):
        before = None if train_index is None else train.at(train_index)
        after = None if test_index is None else test.at(test_index)
        if before and after:
            values[trace] = float(after.time[-1] - before.time[-1])
        else:
            undefined.append(trace)
    return Figures(values=values, undefined=undefined)
