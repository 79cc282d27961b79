"""The process of samplers: an answer depends on its question alone, and what goes wrong is told."""

from typing import Any

import pytest

from accio_daemon.sampler import choose

pytest.importorskip("optuna", reason="the sampler under test is an extra")

AXES = [[1_000_000_001, True], [7, True], [3, False]]


def loss(row: list[int]) -> float:
    """Return how far a row is from the best one."""
    return (row[0] / 1e9 - 0.3) ** 2 + (row[1] - 2) ** 2 / 10 + (row[2] != 1)


def question(trials: int, **more: Any) -> dict[str, Any]:
    """Return a question that knows so many trials, all of which have ended."""
    rows = [[at * 87_654_321 % AXES[0][0], at * 3 % 7, at % 3] for at in range(trials)]
    return {
        "sampler": "tpe",
        "seed": 1,
        "trial": trials,
        "at_once": 2,
        "directions": ["minimize"],
        "axes": AXES,
        "rows": rows,
        "told": [[at, [loss(row)]] for at, row in enumerate(rows)],
    } | more


def test_the_same_question_has_the_same_answer() -> None:
    """Whatever was asked in between; another seed has another one."""
    first = choose(question(20))
    choose(question(21))
    assert choose(question(20)) == first
    assert len({tuple(choose(question(20, seed=seed))) for seed in range(5)}) > 1


def test_answers_are_places_on_the_axes() -> None:
    """Also while trials run, and where some gave no value."""
    asked = question(30)
    asked["told"] = [[at, None if at % 5 == 0 else values] for at, values in asked["told"][:25]]
    row = choose(asked)
    assert all(0 <= place < size for place, (size, _) in zip(row, AXES, strict=True))


def test_it_learns() -> None:
    """After some trials it chooses better ones than chance would."""
    asked = question(15)
    for trial in range(15, 50):
        row = choose(asked)
        asked["rows"].append(row)
        asked["told"].append([trial, [loss(row)]])
        asked["trial"] = trial + 1
    losses = [values[0] for _, values in asked["told"]]
    assert sorted(losses[-15:])[7] < sorted(losses[:15])[7]


def test_several_objectives_are_weighed() -> None:
    """Each trial has a value of each."""
    asked = question(20, directions=["minimize", "maximize"])
    asked["told"] = [[at, [values[0], float(at)]] for at, values in asked["told"]]
    assert len(choose(asked)) == 3
