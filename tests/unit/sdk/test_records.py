"""Operators that return a TypedDict, with an output for each key, and those that take records."""
# ruff: noqa: N802 - operators are named as workflows name them

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

import pytest

from accio import InvalidDefinition, operator
from accio.domain.states import Cause
from accio.sdk.declare import declaration_of
from accio.sdk.describe import spec_of
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.run import output_types, run_operator
from accio.sdk.sinks import ConsoleSinks


class Fit(TypedDict):
    """Attributes:
    slope: of the line
    """

    slope: float
    rows: int


@dataclass(frozen=True)
class Settings:
    """How it is done.

    Attributes:
        alpha: of the decay
    """

    alpha: float
    sizes: list[int] = field(default_factory=lambda: [1, 2])
    limit: float | None = None
    total: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError("alpha is negative")


class Point(NamedTuple):
    x: int
    y: int = 5


class Loose(TypedDict):
    slope: float
    rows: NotRequired[int]


def run(result: Any, folder: Path) -> Finished | Failed:
    """Run an operator that returns this as its record."""

    @operator
    def Op() -> Fit:
        return result  # type: ignore[no-any-return]  # some are none

    declaration = declaration_of(Op)
    assert declaration is not None
    assert {name: str(found) for name, found in output_types(declaration).items()} == {
        "slope": "double",
        "rows": "integer",
    }
    return run_operator(declaration, Request(inputs="{}", folder=folder), ConsoleSinks())


def test_keys_are_outputs(tmp_path: Path) -> None:
    """Each by its name; a key that isn't declared is no output."""
    outcome = run({"slope": 0.5, "rows": 3, "more": None}, tmp_path)
    assert isinstance(outcome, Finished)
    assert outcome.outputs == {"slope": "0.5", "rows": "3"}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"slope": 0.5}, "has no value for output 'rows'"),
        ([0.5, 3], "expected a Fit with outputs 'slope', 'rows', found a list"),
        ({"slope": 0.5, "rows": "three"}, "output 'rows': expected integer"),
    ],
)
def test_what_is_no_such_record_is_bad_output(result: Any, message: str, tmp_path: Path) -> None:
    """A key that is missing, something else than a dictionary, a value of another type."""
    outcome = run(result, tmp_path)
    assert isinstance(outcome, Failed)
    assert outcome.failure.cause is Cause.BAD_OUTPUT
    assert message in outcome.failure.message


def test_keys_that_may_be_left_out_are_refused() -> None:
    """An output always has a value."""
    with pytest.raises(InvalidDefinition, match="output 'rows' may be left out, but an output always has a value"):

        @operator
        def Op() -> Loose:
            return {"slope": 1.0}


def took(function: Any, inputs: str, folder: Path) -> str:
    """Return what an operator said that it received, or why it failed."""
    declaration = declaration_of(operator(function))
    assert declaration is not None
    outcome = run_operator(declaration, Request(inputs=inputs, folder=folder), ConsoleSinks())
    return outcome.outputs["value"].strip('"') if isinstance(outcome, Finished) else outcome.failure.message


def ports(function: Any) -> dict[str, tuple[str, str | None, bool]]:
    """Return the type, the default and whether it is optional of each input."""
    declaration = declaration_of(operator(function))
    assert declaration is not None
    return {port.name: (str(port.type), port.default, port.optional) for port in spec_of(declaration).inputs}


def test_fields_are_inputs(tmp_path: Path) -> None:
    """Of a dataclass: with types, defaults and helps of the fields; the operator receives the record."""

    def Op(steps: int, settings: Settings) -> str:
        return f"{steps} {settings.alpha} {settings.sizes} {settings.limit}"

    assert ports(Op) == {
        "steps": ("integer", None, False),
        "alpha": ("double", None, False),
        "sizes": ("list(integer)", "[1,2]", False),
        "limit": ("double", None, True),
    }
    declaration = declaration_of(Op)
    assert declaration is not None
    assert [port.help for port in declaration.inputs] == ["", "of the decay", "", ""]
    assert took(Op, '{"steps": 3, "alpha": 0.5}', tmp_path) == "3 0.5 [1, 2] None"
    assert took(Op, '{"steps": 3, "alpha": 0.5, "sizes": [7], "limit": 2.0}', tmp_path) == "3 0.5 [7] 2.0"
    assert took(Op, '{"steps": 3}', tmp_path) == "operator Op: its input 'alpha' has no value"
    refused = "operator Op: 'settings' can't be made, a Settings (ValueError: alpha is negative)"
    assert took(Op, '{"steps": 3, "alpha": -1.0}', tmp_path) == refused


def test_two_records_of_one_class_are_told_apart(tmp_path: Path) -> None:
    """Their fields are called by the parameter and the field; a default of the parameter counts before the class's."""

    def Op(a: Point, b: Point = Point(x=1, y=2)) -> str:  # noqa: B008 - what users write
        return f"{a} {b}"

    assert ports(Op) == {
        "a_x": ("integer", None, False),
        "a_y": ("integer", "5", False),
        "b_x": ("integer", "1", False),
        "b_y": ("integer", "2", False),
    }
    assert took(Op, '{"a_x": 3}', tmp_path) == "Point(x=3, y=5) Point(x=1, y=2)"
    assert took(Op, '{"a_x": 3, "b_y": 4}', tmp_path) == "Point(x=3, y=5) Point(x=1, y=4)"


def test_keys_of_an_input_may_be_left_out(tmp_path: Path) -> None:
    """Of a TypedDict: what has no value, or null, isn't in the dictionary."""

    def Op(fit: Loose) -> str:
        return str(sorted(fit))

    assert ports(Op) == {"slope": ("double", None, False), "rows": ("integer", None, True)}
    assert took(Op, '{"slope": 1.0}', tmp_path) == "['slope']"
    assert took(Op, '{"slope": 1.0, "rows": null}', tmp_path) == "['slope']"
    assert took(Op, '{"slope": 1.0, "rows": 2}', tmp_path) == "['rows', 'slope']"


def test_records_that_cannot_be_inputs_are_refused() -> None:
    """One that may be None, a record in a record, in a list, and names that two inputs would have."""

    class Outer(NamedTuple):
        point: Point

    def nullable(fit: Fit | None = None) -> int:
        return 1

    def nested(outer: Outer) -> int:
        return 1

    def several(points: list[Point]) -> int:
        return 1

    def twice(a: Point, b: Point, a_x: int) -> int:
        return 1

    for function, message in (
        (nullable, "input 'fit' is a record, which can't be None as a whole; write fit: Fit"),
        (nested, "the field 'point' of the input 'outer' is a record itself"),
        (several, r"Point is not a data type; write an input for each of its fields \(x, y\)"),
        (twice, "two inputs are called 'a_x': rename a field"),
    ):
        with pytest.raises(InvalidDefinition, match=message):
            operator(function)
