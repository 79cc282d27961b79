"""Successive halving: when trials are compared, and which of them go on."""

import math
from typing import Any

import pytest

from accio.domain.halving import Halving
from accio.domain.series import Point
from accio.domain.studies import Study
from tests.unit.domain.test_studies import SCORE, checked, sweep

HALVING = Halving(node="Train", name="loss", factor=3, first=1)


def points(*steps: int) -> list[Point]:
    """Return points at these steps, whose value is ten times the step."""
    return [Point(step, 10.0 * step, float(step)) for step in steps]


def test_rungs_are_factors_apart() -> None:
    """A rung is reached by a point at its step or behind it; what was measured last until there counts."""
    assert HALVING.reached(points(*range(1, 10))) == {1: 10.0, 3: 30.0, 9: 90.0}
    assert HALVING.reached(points(1, 2, 5)) == {1: 10.0, 3: 20.0}
    assert HALVING.reached(points(5)) == {}
    assert HALVING.reached([]) == {}
    assert Halving(node="A", name="x", factor=2, first=5).reached(points(5, 9, 12)) == {5: 50.0, 10: 90.0}


@pytest.mark.parametrize(
    ("own", "others", "goes_on"),
    [
        (9.0, [], True),
        (9.0, [1.0], True),
        (9.0, [1.0, 2.0], False),
        (1.0, [1.0, 2.0], True),
        (2.0, [1.0, 3.0, 4.0, 5.0, 6.0], True),
        (3.0, [1.0, 2.0, 4.0, 5.0, 6.0], False),
        (math.nan, [1.0, 2.0], False),
        (1.0, [math.nan, math.nan], True),
        (math.nan, [math.nan, math.nan], True),
    ],
)
def test_the_best_third_goes_on(own: float, others: list[float], goes_on: bool) -> None:
    """Of those that have reached a rung, itself included; nobody is compared while fewer than three have."""
    assert HALVING.goes_on(own, others) is goes_on


def test_a_definition_says_what_is_compared() -> None:
    """With what isn't said as documented; it is stored exactly."""
    study = sweep({**SCORE, "prune": {"metric": "Train/loss", "first": 4}}).study
    assert study is not None
    assert study.prune == Halving(node="Train", name="loss", factor=3, first=4)
    assert Study.from_json(study.to_json()) == study


@pytest.mark.parametrize(
    ("prune", "rest", "path", "said"),
    [
        (5, {}, "/optimize/prune", "expected 'metric' of a study's trials"),
        ({}, {}, "/optimize/prune/metric", "expected Node/name, what a node of the children measures (Train)"),
        ({"metric": "Train"}, {}, "/optimize/prune/metric", "expected Node/name"),
        ({"metric": "Trian/loss"}, {}, "/optimize/prune/metric", 'found "Trian/loss"'),
        ({"metric": "Train/loss", "factor": 1}, {}, "/optimize/prune/factor", "a whole number, 2 to 100, found 1"),
        ({"metric": "Train/loss", "first": 0}, {}, "/optimize/prune/first", "found 0"),
        ({"metric": "Train/loss", "at": 0}, {}, "/optimize/prune/at", "'at' is no key of 'prune'"),
        (
            {"metric": "Train/loss"},
            {"objective": ["Train/score", "Train/took"]},
            "/optimize/prune",
            "trials of several objectives can't be ended early",
        ),
    ],
)
def test_mistakes_are_told(prune: Any, rest: dict[str, Any], path: str, said: str) -> None:
    """Each says where it is, what was expected and what was found."""
    found = checked({**SCORE, **rest, "prune": prune})
    assert found.value is None
    assert [issue.path for issue in found.errors] == [path]
    assert said in found.errors[0].message
