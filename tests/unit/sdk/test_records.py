"""Operators that return a TypedDict: an output for each key."""
# ruff: noqa: N802 - operators are named as workflows name them

from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pytest

from accio import InvalidDefinition, operator
from accio.domain.states import Cause
from accio.sdk.declare import declaration_of
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.run import output_types, run_operator
from accio.sdk.sinks import ConsoleSinks


class Fit(TypedDict):
    """Attributes:
    slope: of the line
    """

    slope: float
    rows: int


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


def test_records_as_inputs_are_refused_with_the_spelling_that_does() -> None:
    """An input for each field."""
    with pytest.raises(InvalidDefinition, match=r"write an input for each of its fields \(slope, rows\)"):

        @operator
        def Op(fit: Fit) -> int:
            return fit["rows"]
