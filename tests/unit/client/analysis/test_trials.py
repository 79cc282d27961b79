"""Pictures of studies: the values of trials, the best so far, and the front of several objectives."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.datatypes import DOUBLE
from accio.domain.states import RunState
from accio.domain.studies import Direction, Objective, Sampler, Study, TrialValues, best_trials
from accio.errors import BadRequest
from accio_client.analysis.columns import STATES, Numbers, SweepTable
from accio_client.analysis.figures import svg
from accio_client.analysis.pictures import Cloud, Trials, rows, study_trials, to_json
from accio_client.analysis.pictures.specification import Scale
from accio_client.analysis.terminal import render
from tests.unit.client.analysis.tables import sweep_of, table_of

LOSS, SIZE = Objective("Train", "loss"), Objective("Train", "size", Direction.MAXIMIZE)


def study_table(values: dict[Objective, Any], states: list[RunState] | None = None, repeat: int = 1) -> SweepTable:
    """A study whose children gave these values (NaN: none)."""
    columns = {each: np.asarray(found, dtype=np.float64) for each, found in values.items()}
    children = len(next(iter(columns.values())))
    trials = children // repeat
    study = Study(objectives=tuple(columns), trials=trials, sampler=Sampler.GRID)
    codes = [STATES.index(each) for each in states or [RunState.SUCCESS] * children]
    return SweepTable(
        run="01study",
        sweep=sweep_of(trials, repeat=repeat).studied(study),
        states=np.array(codes, np.uint8),
        numbers={
            each.output: Numbers(
                name=each.output,
                values=np.where(np.isnan(found), 0.0, found),
                present=~np.isnan(found),
                type=DOUBLE,
                unit="m",
            )
            for each, found in columns.items()
        },
    )


def over_trials(table: SweepTable, **options: Any) -> Trials:
    """The picture of one objective."""
    found = study_trials(table, **options)
    assert isinstance(found, Trials)
    return found


def test_each_trial_has_its_value_and_the_best_so_far() -> None:
    """Trials without a value are told apart, by why they have none, and don't move the best."""
    ended = [RunState.SUCCESS, RunState.FAILED, RunState.SUCCESS, RunState.KILLED, RunState.SUCCESS, RunState.RUNNING]
    values = [4.0, np.nan, 5.0, np.nan, 1.0, np.nan]
    pruned = np.array([False, False, False, True, False, False])
    picture = over_trials(study_table({LOSS: values}, ended), pruned=pruned)
    assert [each.value for each in picture.outcomes] == ["complete", "failed", "complete", "pruned", "complete", "open"]
    assert picture.best.tolist() == [4, 4, 4, 4, 1, 1]
    assert np.flatnonzero(picture.improved).tolist() == [0, 4]
    assert str(picture.head.counted) == "3 of 6 trials, 2 without value"
    assert picture.head.remarks == ("1 ended early", "1 without a value", "1 not ended")
    assert picture.head.command == "accio plot 01study -kind=trials"
    assert [row[:3] for row in rows(picture).rows][3] == (3, 3, "pruned")
    assert to_json(picture)["values"] == [4.0, None, 5.0, None, 1.0, None]
    json.dumps(to_json(picture))


def test_repetitions_are_averaged() -> None:
    """A trial has a value only when all of its repetitions have a finite one; the largest may be the best."""
    values = [1.0, 3.0, 10.0, np.nan, np.inf, 1.0, 4.0, 4.0]
    picture = over_trials(study_table({SIZE: values}, repeat=2))
    assert picture.trials.tolist() == [0, 1, 2, 3]
    assert picture.children.tolist() == [0, 2, 4, 6]
    assert [each.value for each in picture.outcomes] == ["complete", "failed", "failed", "complete"]
    assert picture.best.tolist() == [2, 2, 2, 4]
    assert picture.head.remarks == ("2 without a value", "each the mean of 2 repetitions")


@given(st.lists(st.sampled_from([np.nan, *map(float, range(6))]), min_size=1, max_size=12), st.sampled_from(Direction))
def test_the_best_is_that_of_the_daemon(values: list[float], direction: Direction) -> None:
    """After each trial, the value that the study's own rule takes of those until then."""
    objective = Objective("Train", "loss", direction)
    picture = over_trials(study_table({objective: values}))
    for last in range(len(values)):
        known = [TrialValues(at, (value,)) for at, value in enumerate(values[: last + 1]) if not np.isnan(value)]
        best = best_trials([objective], known)
        assert (best[0].values[0] if best else None) == to_json(picture)["best"][last]


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=12))
def test_several_objectives_show_their_front(pairs: list[tuple[int, int]]) -> None:
    """The first two against each other, with what no other trial beats by the direction of each."""
    table = study_table({LOSS: [pair[0] for pair in pairs], SIZE: [pair[1] for pair in pairs]})
    picture = study_trials(table)
    assert isinstance(picture, Cloud)
    assert (picture.x.name, picture.y.name, picture.directions) == (
        "Train/loss",
        "Train/size",
        ("minimize", "maximize"),
    )
    known = [TrialValues(at, tuple(map(float, pair))) for at, pair in enumerate(pairs)]
    assert picture.children[picture.best].tolist() == sorted(each.trial for each in best_trials([LOSS, SIZE], known))
    assert over_trials(table, y="size").y.name == "Train/size"


def test_names_that_are_no_objectives_are_refused() -> None:
    """Also two of the same, and runs that are no studies."""
    table = study_table({LOSS: [1.0], SIZE: [2.0]})
    with pytest.raises(BadRequest, match="'speed' names no objective of this study: expected one of Train/loss, Tr"):
        study_trials(table, y="speed")
    with pytest.raises(BadRequest, match="'Train' names several objectives"):
        study_trials(table, y="Train")
    with pytest.raises(BadRequest, match="found Train/loss alone"):
        study_trials(table, x="loss", y="Train/loss")
    with pytest.raises(BadRequest, match="is no study"):
        study_trials(table_of(sweep_of(2), [1.0, 2.0]))


def test_trials_are_drawn() -> None:
    """As characters with a mark below for what has no value, as a file; before the first value, too. Values that differ
    by orders of magnitude have a logarithmic axis.
    """
    states = [RunState.SUCCESS, RunState.KILLED, RunState.SUCCESS, RunState.FAILED]
    pruned = np.array([False, True, False, False])
    picture = over_trials(study_table({LOSS: [1000.0, np.nan, 0.5, np.nan]}, states), pruned=pruned)
    assert picture.y.scale is Scale.LOG
    lines = render(picture, width=60, height=16)
    assert "best so far: 0.5" in lines
    assert any(line.split() == ["|", "x"] for line in lines)
    assert max(map(len, lines)) <= 60
    assert "best so far" in svg(picture)
    assert "maximize Train/size, minimize Train/loss" in svg(study_trials(study_table({SIZE: [1, 2], LOSS: [2, 3]})))
    none_yet = over_trials(study_table({LOSS: [np.nan] * 3}, [RunState.RUNNING] * 3))
    assert "0 of 3 trials" in render(none_yet, width=60)
    assert svg(none_yet)
    assert render(over_trials(study_table({LOSS: [1.0, 2.0]}), where=np.zeros(2, np.bool_)), width=60)


def test_only_trials_with_children_that_match_are_shown() -> None:
    """A trial is shown if one of its children matches; its value is that of all its repetitions."""
    table = study_table({LOSS: [1.0, 3.0, 5.0, 7.0]}, repeat=2)
    picture = over_trials(table, where=np.array([False, False, True, False]), query="x=2")
    assert (picture.trials.tolist(), picture.values.tolist()) == ([1], [6.0])
    assert picture.head.command == "accio plot 01study -kind=trials -where=x=2"
