"""Repeating until precise: how a definition says it, and how many repetitions a point gets."""

import math
from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.precision import Measured, Until, measure
from accio.domain.sweeps import Sweep
from accio.domain.validation import check_run, check_workflow
from accio.domain.workflows import Workflow

UNTIL = Until(node="Train", port="score", ci95=0.1)
OPERATORS = {
    "Train": OperatorSpec(
        name="Train",
        inputs=(InputPort(name="rate", type=parse_type("double")),),
        outputs=tuple(
            OutputPort(name=name, type=parse_type(kind))
            for name, kind in (
                ("score", "double"),
                ("length", "distance"),
                ("took", "duration"),
                ("model", "dataset"),
                ("errors", "map(string,distance)"),
                ("names", "map(string,string)"),
            )
        ),
    )
}
DEFINITION = {
    "id": "w",
    "params": [{"name": "rate", "kind": "double", "default_value": 0.5}],
    "graph": [{"op": "Train", "inputs": {"rate": {"param": "rate"}}}],
}


class Library:
    """One workflow, as `check_run` looks it up."""

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Find it."""
        return check_workflow(DEFINITION, operators=OPERATORS).value

    def ids(self) -> list[str]:
        """Name it."""
        return ["w"]

    def versions(self, workflow_id: str) -> list[str]:
        """Name no version."""
        return []


def checked(repeat: Any, **rest: Any) -> Any:
    """Check a run with this `repeat`."""
    return check_run({"workflow": "w", "repeat": repeat, **rest}, workflows=Library(), operators=OPERATORS)


def sweep(repeat: Any) -> Sweep:
    """Return the sweep of a run that is right."""
    found = checked(repeat)
    assert found.value is not None, found.errors
    result: Sweep = found.value.sweep
    return result


def test_a_definition_says_until_when() -> None:
    """The sweep has numbers for as many repetitions as there may be, and says when there are enough."""
    found = sweep({"until": {"output": "Train/score", "ci95": 0.01}, "min": 4, "max": 50})
    assert found.size == 50
    assert found.until == Until(node="Train", port="score", ci95=0.01, least=4)
    assert Sweep.from_text(found.to_text()) == found


@pytest.mark.parametrize(
    ("output", "ci95", "wanted", "relative"),
    [
        ("score", "0.5", 0.5, False),
        ("score", "1%", 0.01, True),
        ("score", "2.5 %", 0.025, True),
        ("length", "5 m", 5.0, False),
        ("length", "2 km", 2000.0, False),
        ("length", 7, 7.0, False),
        ("took", "1.5 s", 1500.0, False),
    ],
)
def test_widths_have_the_outputs_unit_or_are_shares(output: str, ci95: Any, wanted: float, relative: bool) -> None:
    """Those of lengths and durations may be written with a unit."""
    until = sweep({"until": {"output": f"Train/{output}", "ci95": ci95}, "max": 9}).until
    assert until is not None
    assert (until.ci95, until.relative) == (wanted, relative)


@pytest.mark.parametrize(("most", "least"), [(50, 5), (3, 3)])
def test_points_begin_with_five(most: int, least: int) -> None:
    """Or with all, if those are fewer."""
    until = sweep({"until": {"output": "Train/score", "ci95": 1}, "max": most}).until
    assert until is not None
    assert until.least == least


RIGHT = {"output": "Train/score", "ci95": 0.1}


@pytest.mark.parametrize(
    ("repeat", "path", "said"),
    [
        ({"until": RIGHT}, "/repeat", "expected 'max'"),
        ({"max": 5}, "/repeat/until", "expected 'until'"),
        ({"until": RIGHT, "max": 1}, "/repeat/max", "2 or more"),
        ({"until": RIGHT, "max": 5, "min": 6}, "/repeat/min", "at most 'max', which is 5"),
        ({"until": RIGHT, "max": 5, "min": 1}, "/repeat/min", "2 or more"),
        ({"until": RIGHT, "max": 5, "most": 1}, "/repeat/most", "no key of 'repeat'"),
        ({"until": {"output": "Train/score"}, "max": 5}, "/repeat/until", "expected 'ci95'"),
        ({"until": {**RIGHT, "output": "Train/scoer"}, "max": 5}, "/repeat/until/output", "(Train/score, Train/length"),
        ({"until": {**RIGHT, "output": "Train/model"}, "max": 5}, "/repeat/until/output", "of type dataset"),
        ({"until": {**RIGHT, "output": "Train/errors"}, "max": 5}, "/repeat/until/output", "members, Train/errors.KEY"),
        (
            {"until": {**RIGHT, "output": "Train/names.a"}, "max": 5},
            "/repeat/until/output",
            "of type map(string,string)",
        ),
        ({"until": {**RIGHT, "output": "Train/score.a"}, "max": 5}, "/repeat/until/output", "of type double"),
        ({"until": {**RIGHT, "output": "Train/errors."}, "max": 5}, "/repeat/until/output", "Train/errors.KEY"),
        ({"until": {**RIGHT, "ci95": 0}, "max": 5}, "/repeat/until/ci95", "above 0"),
        ({"until": {**RIGHT, "ci95": "5 m"}, "max": 5}, "/repeat/until/ci95", "above 0"),
        ({"until": {**RIGHT, "ci95": "wide%"}, "max": 5}, "/repeat/until/ci95", "above 0"),
    ],
)
def test_mistakes_are_told(repeat: Any, path: str, said: str) -> None:
    """Each where it stands, with what is expected."""
    errors = checked(repeat).errors
    assert [issue.path for issue in errors] == [path]
    assert said in errors[0].message


def test_a_close_name_is_suggested() -> None:
    """As everywhere."""
    (issue,) = checked({"until": {**RIGHT, "output": "Train/scoer"}, "max": 5}).errors
    assert issue.suggestion == "Train/score"


def test_there_may_be_too_many_points() -> None:
    """What is known of each is kept in memory."""
    points = {"rate": {"from": 0, "to": 1, "count": 10_001}}
    (issue,) = checked({"until": RIGHT, "max": 5}, params=points).errors
    assert issue.message == "expected at most 10000 points that are repeated until precise, found 10001"


def test_the_interval_is_that_of_students_t() -> None:
    """By hand: mean 3, standard deviation 1, t of two degrees of freedom 4.302653."""
    found = measure([2.0, 3.0, 4.0])
    assert found.count == 3
    assert found.mean == 3
    assert found.half == pytest.approx(4.3026527297 / math.sqrt(3))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.inf], [1.0, math.nan], [1e308, 1e308]])
def test_what_has_no_interval_is_never_precise(values: list[float]) -> None:
    """No values, a single one, and such as have no mean."""
    found = measure(values)
    assert found.half is None
    assert not UNTIL.is_met(found)
    assert UNTIL.next(5, 50, found) == 10


@pytest.mark.parametrize(
    ("begun", "half", "following"),
    [
        (5, 0.1, None),  # precise
        (5, 0.11, 7),  # 5 · 1.21 = 6.05
        (5, 0.1000001, 6),  # one more at least
        (5, 100.0, 10),  # at most as many again
        (40, 100.0, 50),  # at most as many as may be
        (50, 100.0, None),
    ],
)
def test_a_point_gets_what_its_interval_says(begun: int, half: float, following: int | None) -> None:
    """The width shrinks with the root of the number of values."""
    assert UNTIL.next(begun, 50, Measured(count=begun, mean=1.0, half=half)) == following


def test_failures_are_made_up_for() -> None:
    """Ten values are needed, and one of five repetitions gave none."""
    assert UNTIL.next(5, 50, Measured(count=4, mean=1.0, half=0.12)) == 7  # 1 + 4 · 1.44


def test_a_member_of_a_map_becomes_precise() -> None:
    """It is named as its column is, has the unit of the map's values, and is stored with the run."""
    until = sweep({"until": {"output": "Train/errors.in the.middle", "ci95": "3 m"}, "max": 9}).until
    assert until == Until(node="Train", port="errors", member="in the.middle", ci95=3.0)
    assert until.output == "Train/errors.in the.middle"
    assert Until.from_json(until.to_json()) == until


def test_a_share_is_one_of_the_mean() -> None:
    """Whatever its sign; of a mean of 0 only values that are all equal are precise."""
    until = Until(node="Train", port="score", ci95=0.1, relative=True)
    assert until.is_met(Measured(count=5, mean=-10.0, half=1.0))
    assert not until.is_met(Measured(count=5, mean=0.0, half=1e-9))
    assert until.next(5, 50, Measured(count=5, mean=0.0, half=1e-9)) == 10
    assert until.is_met(Measured(count=5, mean=0.0, half=0.0))
