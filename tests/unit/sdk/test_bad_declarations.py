"""What can't be an operator is refused at its decoration, with what is wrong and what would do."""
# ruff: noqa: ANN201, RUF013, F821 - operators are named as workflows name them; some hints are bad

from functools import partial
from typing import Any

import pytest

from accio import (
    Byte,
    Distance,
    InvalidDefinition,
    OperatorContext,
    operator,
)
from tests.unit.sdk.refusing import refusal


def no_return(x: int):  # type: ignore[no-untyped-def]  # refused
    return x


def default_of_another_type(x: int = "1") -> None:  # type: ignore[assignment]  # refused
    pass


def default_out_of_range(x: Byte = Byte(300)) -> None:  # noqa: B008 - a NewType
    pass


def text_for_a_distance(x: Distance = "3.km") -> None:  # type: ignore[assignment]  # refused
    pass


def none_where_none_is_allowed(x: int = None) -> None:  # type: ignore[assignment]  # refused
    pass


def optional_output() -> int | None:
    return None


def underscore(_x: int) -> None:
    pass


def late_context(x: int, ctx: OperatorContext) -> None:
    pass


def misnamed_context(context: OperatorContext) -> None:
    pass


def positional(x: int, /) -> None:
    pass


def unknown_name(x: "Unheard") -> None:  # type: ignore[name-defined]  # refused
    pass


def heterogeneous(x: tuple[int, str]) -> None:
    pass


def too_deep(x: list[list[list[list[list[int]]]]]) -> None:
    pass


async def asynchronous(x: int) -> None:
    pass


def generator(x: int) -> list[int]:  # type: ignore[misc]  # refused
    yield x


class Needy:
    def __init__(self, needed: int) -> None:
        self.needed = needed

    def run(self) -> None:
        pass


class Idle:
    pass


@pytest.mark.parametrize(
    ("bad", "mentions"),
    [
        (no_return, ["no_return", "return"]),
        (default_of_another_type, ["'x'", "integer", '"1"']),
        (default_out_of_range, ["'x'", "byte", "300"]),
        (text_for_a_distance, ["'x'", "Distance(250.0)", '"3.km"']),
        (none_where_none_is_allowed, ["'x'", "int | None"]),
        (optional_output, ["None", "output"]),
        (underscore, ["_x", "name"]),
        (late_context, ["ctx", "first"]),
        (misnamed_context, ["ctx", "first"]),
        (positional, ["'x'", "positional"]),
        (unknown_name, ["'x'", "Unheard", "TYPE_CHECKING"]),
        (heterogeneous, ["'x'", "tuple[T, ...]"]),
        (too_deep, ["'x'", "5", "4"]),
        (asynchronous, ["async"]),
        (generator, ["generator"]),
        (Needy, ["Needy", "needed"]),
        (Idle, ["Idle", "run"]),
        (3, ["int"]),
        (partial(no_return, 1), ["name="]),
        (len, ["len", "wrap"]),
    ],
)
def test_bad_declarations(bad: Any, mentions: list[str]) -> None:
    """Each mistake is refused with a message that says what and where."""
    message = refusal(bad)
    assert [mention for mention in mentions if mention not in message] == []


def plain(x: int) -> None:
    pass


def test_bad_options() -> None:
    """Bad options are refused together, naming each."""
    with pytest.raises(InvalidDefinition) as caught:
        operator(name="a b", cpus=0, memory="much", timeout="soon", retries=-1, version="")(default_of_another_type)
    places = {issue.path for issue in caught.value.issues}
    expected = {"/name", "/resources/cpus", "/resources/memory", "/timeout", "/retries", "/version", "/inputs/x"}
    assert places == expected


def test_options_of_another_type() -> None:
    """An option of a type that it can't have is refused where the operator is declared, not where it is announced."""
    wrong: dict[str, Any] = {
        "name": 3,
        "category": 3,
        "help": ["a"],
        "deprecated": True,
        "version": 2,
        "unstable": 1,
        "isolated": "no",
        "files": "table.csv",
        "resources": {"gpus": 1},
    }
    with pytest.raises(InvalidDefinition) as caught:
        operator(**wrong)(plain)
    assert {issue.path for issue in caught.value.issues} == {
        *(f"/{name}" for name in wrong if name != "resources"),
        "/resources/custom/gpus",
    }
    with pytest.raises(InvalidDefinition, match="/files"):
        operator(files=[3])(plain)  # type: ignore[list-item]  # refused
