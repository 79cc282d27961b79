"""Operators that return a TypedDict, with an output for each key, and those that take records."""
# ruff: noqa: N802 - operators are named as workflows name them

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict

import pytest

from accio import InvalidDefinition, Whole, operator
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


@dataclass
class Optimizer:
    """Attributes:
    rate: of learning
    """

    rate: float
    momentum: float = 0.9


@dataclass
class Training:
    epochs: int
    optimizer: Optimizer
    start: Point = Point(x=1)  # noqa: RUF009 - what users write; it can't be changed
    warm: Optimizer | None = None


def test_records_within_records_are_inputs_by_the_way_to_them(tmp_path: Path) -> None:
    """Each is called by the field that it is in; defaults are those of the outer record, then of the inner one."""

    def Op(training: Training) -> str:
        return f"{training}"

    assert ports(Op) == {
        "epochs": ("integer", None, False),
        "optimizer_rate": ("double", None, False),
        "optimizer_momentum": ("double", "0.9", False),
        "start_x": ("integer", "1", False),
        "start_y": ("integer", "5", False),
        "warm_rate": ("double", None, True),
        "warm_momentum": ("double", None, True),
    }
    declaration = declaration_of(Op)
    assert declaration is not None
    assert {port.name: port.help for port in declaration.inputs}["optimizer_rate"] == "of learning"
    expected = Training(epochs=2, optimizer=Optimizer(rate=0.5), start=Point(x=1, y=7))
    assert took(Op, '{"epochs": 2, "optimizer_rate": 0.5, "start_y": 7}', tmp_path) == str(expected)
    warm = Training(epochs=2, optimizer=Optimizer(rate=0.5), warm=Optimizer(rate=0.1))
    assert took(Op, '{"epochs": 2, "optimizer_rate": 0.5, "warm_rate": 0.1}', tmp_path) == str(warm)
    refused = "'training' can't be made, a Training: the input warm_rate has no value, though others of it have"
    assert refused in took(Op, '{"epochs": 2, "optimizer_rate": 0.5, "warm_momentum": 0.1}', tmp_path)


def test_a_record_may_be_none_as_a_whole(tmp_path: Path) -> None:
    """If none of its inputs has a value; with one it is made, by the defaults of its class."""

    def Op(fit: Fit | None, point: Point | None = None, other: Settings | None = Settings(alpha=2.0)) -> str:
        return f"{fit} {point} {other and other.alpha}"

    assert ports(Op)["slope"] == ("double", None, True)
    assert ports(Op)["alpha"] == ("double", "2.0", False)
    assert took(Op, "{}", tmp_path) == "None None 2.0"
    assert took(Op, '{"x": 3}', tmp_path) == "None Point(x=3, y=5) 2.0"
    assert "the input rows has no value" in took(Op, '{"slope": 1.0}', tmp_path)
    assert took(Op, '{"slope": null, "y": null}', tmp_path) == "None None 2.0"


def test_a_record_as_a_whole_is_one_port(tmp_path: Path) -> None:
    """A map by the names of its fields, also within a list; integers among doubles come back as such."""

    class Mixed(NamedTuple):
        n: int
        share: float = 0.5

    def Op(start: Annotated[Point, Whole()], path: list[Annotated[Mixed, Whole]]) -> str:
        return f"{start} {path}"

    assert ports(Op) == {
        "start": ("map(string,integer)", None, False),
        "path": ("list(map(string,double))", None, False),
    }
    given = '{"start": {"x": 3}, "path": [{"n": 2.0, "share": 0.25}, {"n": 1}]}'
    assert took(Op, given, tmp_path) == "Point(x=3, y=5) [Mixed(n=2, share=0.25), Mixed(n=1, share=0.5)]"
    assert "expected a Point with x, y, found no x" in took(Op, '{"start": {"y": 3}, "path": []}', tmp_path)
    assert "expected a Point with x, y, found z, too" in took(Op, '{"start": {"x": 1, "z": 3}, "path": []}', tmp_path)

    @operator
    def Moved(start: Annotated[Point, Whole()] = Point(x=1)) -> Annotated[Point, Whole()]:  # noqa: B008 - as users do
        return start._replace(y=8)

    declaration = declaration_of(Moved)
    assert declaration is not None
    assert {name: str(found) for name, found in output_types(declaration).items()} == {"value": "map(string,integer)"}
    outcome = run_operator(declaration, Request(inputs="{}", folder=tmp_path), ConsoleSinks())
    assert isinstance(outcome, Finished)
    assert outcome.outputs == {"value": '{"x":1,"y":8}'}


def test_outputs_within_records_are_outputs(tmp_path: Path) -> None:
    """Called by the way to them; what returns another record than it declares is bad output."""

    class Result(NamedTuple):
        fit: Fit
        at: Point

    @operator
    def Op(wrong: bool = False) -> Result:
        return Result(fit={"slope": 0.5, "rows": 2}, at=Point(x=1)) if not wrong else Result(fit={}, at=Point(x=1))  # type: ignore[typeddict-item]

    declaration = declaration_of(Op)
    assert declaration is not None
    outcome = run_operator(declaration, Request(inputs="{}", folder=tmp_path), ConsoleSinks())
    assert isinstance(outcome, Finished)
    assert outcome.outputs == {"fit_slope": "0.5", "fit_rows": "2", "at_x": "1", "at_y": "5"}
    outcome = run_operator(declaration, Request(inputs='{"wrong": true}', folder=tmp_path), ConsoleSinks())
    assert isinstance(outcome, Failed)
    assert "has no value for outputs 'fit_slope', 'fit_rows'" in outcome.failure.message


@dataclass
class Endless:
    x: int
    next: "Endless | None" = None


def test_records_that_cannot_be_inputs_are_refused() -> None:
    """One whose type allows no None, one made of itself, in a list, names that two inputs would have, and a whole of
    several types.
    """

    def nullable(fit: Fit = None) -> int:  # type: ignore[assignment]
        return 1

    def endless(outer: Endless) -> int:
        return 1

    def several(points: list[Point]) -> int:
        return 1

    def twice(a: Point, b: Point, a_x: int) -> int:
        return 1

    def whole(settings: Annotated[Settings, Whole()]) -> int:
        return 1

    def number(x: Annotated[int, Whole()]) -> int:
        return 1

    class Named(NamedTuple):
        name: str
        x: float

    def mixed(named: Annotated[Named, Whole()]) -> int:
        return 1

    for function, message in (
        (nullable, r"input 'fit' has the default None, but its type allows none: write fit: Fit \| None"),
        (endless, "the record Endless is made of itself"),
        (several, r"Point is not a data type; write Annotated\[Point, Whole\(\)\] there, or an input for each"),
        (twice, "two inputs are called 'a_x': rename a field"),
        (whole, "the field 'limit' of Settings may be without a value"),
        (number, "Whole is for a dataclass, a NamedTuple or a TypedDict, not for int"),
        (mixed, "Named as a whole is a map of values of one type, and has the fields name: string, x: double; leave"),
    ):
        with pytest.raises(InvalidDefinition, match=message):
            operator(function)
