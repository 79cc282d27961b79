"""What the trials of a study gave: the values of an objective with the best one so far; of several, the best of all.

The daemon counts trials in the same way (`accio describe run`): a trial has a value when all of its repetitions have a
finite one, their mean; a trial that has none has failed, or was ended early, or isn't over.
"""

from collections.abc import Sequence

import numpy as np

from accio.domain.states import RUN_TERMINAL, RunState
from accio.domain.studies import Direction, Objective, Study, TrialValues, best_trials
from accio.errors import BadRequest
from accio_client.analysis.columns import Floats, Ints, Mask, SweepTable
from accio_client.analysis.pictures.specification import (
    Cloud,
    Counted,
    Head,
    Kind,
    Outcome,
    PictureAxis,
    Scale,
    Trials,
    command_of,
)

_SPAN_OF_LOG = 1000.0
"""Values that are all positive and differ by more than this factor stand on a logarithmic axis."""
_TOLD = {Outcome.PRUNED: "ended early", Outcome.FAILED: "without a value", Outcome.OPEN: "not ended"}


def study_trials(
    table: SweepTable,
    *,
    x: str | None = None,
    y: str | None = None,
    pruned: Mask | None = None,
    where: Mask | None = None,
    query: str = "",
) -> Trials | Cloud:
    """Return the picture of a study: the values of its objective, or of the one called *y*, over its trials.

    Of a study with several objectives, the first two (or *x* and *y*) against each other, with the trials that no other
    one beats in all objectives. *pruned* are the children of trials that were ended early. A trial is shown if one of
    its children is among *where*. BadRequest if the run is no study, or a name isn't that of an objective.
    """
    study = table.sweep.study
    if study is None:
        raise BadRequest(f"{table.run} is no study, so it has no trials: other pictures show the children of a sweep")
    known = _Known(table, study, pruned, where)
    named = [None if name is None else _meant(study, name) for name in (x, y)]
    if x is None and (y is not None or len(study.objectives) == 1):
        return _over_trials(table, known, named[1] or study.objectives[0], query)
    others = [each for each in study.objectives if each not in named]
    across, up = named[0] or others.pop(0), named[1] or next(iter(others), None)
    if up is None or up == across:
        raise BadRequest(f"expected two objectives, found {across.output} alone: name it as y to see it over trials")
    return _against(table, known, across, up, query)


def _meant(study: Study, name: str) -> Objective:
    """Return the objective of a name, which may be its node's or its port's alone, if it is the only one."""
    found = [each for each in study.objectives if name in (each.output, each.node, each.port)]
    if len(found) != 1:
        outputs = ", ".join(each.output for each in study.objectives)
        many = "several objectives" if found else "no objective"
        raise BadRequest(f"'{name}' names {many} of this study: expected one of {outputs}")
    return found[0]


class _Known:
    """The trials that are looked at, and what came of each."""

    def __init__(self, table: SweepTable, study: Study, pruned: Mask | None, where: Mask | None) -> None:
        shape = (table.size // table.sweep.repeat, table.sweep.repeat)
        self.study = study
        self.repeat = table.sweep.repeat
        self.numbers: Ints = np.arange(shape[0]) if where is None else np.flatnonzero(_any(where, shape))
        self.values = {each.output: _means(table, each, shape)[self.numbers] for each in study.objectives}
        self.complete: Mask = np.logical_and.reduce([np.isfinite(values) for values in self.values.values()])
        for values in self.values.values():
            values[~self.complete] = np.nan
        early = np.zeros(table.size, np.bool_) if pruned is None else pruned
        over = _any(table.in_state(RunState.FAILED, RunState.KILLED), shape)
        over |= ~_any(~table.in_state(*RUN_TERMINAL), shape)
        told = zip(self.complete, over[self.numbers], _any(early, shape)[self.numbers], strict=True)
        self.outcomes = tuple(
            Outcome.COMPLETE if done else Outcome.OPEN if not ended else Outcome.PRUNED if behind else Outcome.FAILED
            for done, ended, behind in told
        )

    def counted(self) -> Counted:
        without = sum(each in (Outcome.PRUNED, Outcome.FAILED) for each in self.outcomes)
        return Counted(int(self.complete.sum()), self.study.trials, without, "trials")

    def remarks(self) -> list[str]:
        numbers = {outcome: self.outcomes.count(outcome) for outcome in _TOLD}
        told = [f"{number:,} {_TOLD[outcome]}" for outcome, number in numbers.items() if number]
        return [*told, *([f"each the mean of {self.repeat} repetitions"] if self.repeat > 1 else [])]


def _any(children: Mask, shape: tuple[int, int]) -> Mask:
    """Return of which trials some child is meant."""
    return np.asarray(children.reshape(shape).any(axis=1), dtype=np.bool_)


def _means(table: SweepTable, objective: Objective, shape: tuple[int, int]) -> Floats:
    """Return the mean of an objective over each trial's repetitions; NaN unless all have a value."""
    column = table.numbers.get(objective.output)
    if column is None:  # no child has ended yet
        return np.full(shape[0], np.nan)
    values = np.where(column.valid, column.values, np.nan).reshape(shape)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values.mean(axis=1))


def _unit(table: SweepTable, objective: Objective) -> str:
    column = table.numbers.get(objective.output)
    return "" if column is None else column.unit


def _over_trials(table: SweepTable, known: _Known, objective: Objective, query: str) -> Trials:
    values = known.values[objective.output]
    smallest = objective.direction is Direction.MINIMIZE
    filled = np.where(np.isnan(values), np.inf if smallest else -np.inf, values)
    best = (np.minimum if smallest else np.maximum).accumulate(filled) if len(filled) else filled
    before = np.concatenate([[np.inf if smallest else -np.inf], best[:-1]])
    positive = values[np.isfinite(values)]
    is_log = len(positive) > 1 and positive.min() > 0 and positive.max() / positive.min() >= _SPAN_OF_LOG
    one = len(known.study.objectives) == 1
    return Trials(
        head=Head(
            kind=Kind.TRIALS,
            title=f"{objective.output} of each trial, and the best so far ({objective.direction})",
            counted=known.counted(),
            remarks=tuple(known.remarks()),
            command=command_of(table.run, Kind.TRIALS, query, y="" if one else objective.output),
        ),
        x=PictureAxis("trial", "", Scale.LINEAR),
        y=PictureAxis(objective.output, _unit(table, objective), Scale.LOG if is_log else Scale.LINEAR),
        direction=objective.direction.value,
        trials=known.numbers,
        children=known.numbers * known.repeat,
        values=values,
        best=np.where(np.isfinite(best), best, np.nan),
        improved=filled < before if smallest else filled > before,
        outcomes=known.outcomes,
    )


def _against(table: SweepTable, known: _Known, x: Objective, y: Objective, query: str) -> Cloud:
    shown = np.flatnonzero(known.complete)
    best = _front(known, shown)
    columns = [known.values[each.output][shown] for each in (x, y)]
    bounds = [np.array([each.min(), each.max()]) if len(shown) else np.array([np.nan, np.nan]) for each in columns]
    every = "both" if len(known.study.objectives) == 2 else f"all {len(known.study.objectives)} objectives"
    return Cloud(
        head=Head(
            kind=Kind.TRIALS,
            title=f"Trials by {y.output} and {x.output}",
            counted=known.counted(),
            remarks=(f"{int(best.sum()):,} not beaten in {every}", *known.remarks()),
            command=command_of(table.run, Kind.TRIALS, query, y=y.output, x=x.output),
        ),
        x=PictureAxis(x.output, _unit(table, x), Scale.LINEAR, bounds[0]),
        y=PictureAxis(y.output, _unit(table, y), Scale.LINEAR, bounds[1]),
        xs=columns[0],
        ys=columns[1],
        children=known.numbers[shown] * known.repeat,
        best=best,
        directions=(x.direction.value, y.direction.value),
    )


def _front(known: _Known, shown: Ints) -> Mask:
    """Return which of the trials that are shown no other one beats, by all objectives of the study."""
    rows: Sequence[tuple[float, ...]] = list(
        zip(*(known.values[each.output][shown].tolist() for each in known.study.objectives), strict=True)
    )
    found = best_trials(known.study.objectives, [TrialValues(at, values) for at, values in enumerate(rows)])
    best = np.zeros(len(shown), dtype=np.bool_)
    best[[each.trial for each in found]] = True
    return best
