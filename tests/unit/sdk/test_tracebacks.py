"""What is told of how an operator got to its error."""

import traceback
from collections.abc import Callable
from functools import partial

import pytest

from accio.sdk import tracebacks
from accio.sdk.tracebacks import traceback_text


def simple() -> None:
    raise ValueError("no\nvalue")


def noted() -> None:
    error = KeyError("key")
    error.add_note("a note")
    raise error


def caused() -> None:
    try:
        simple()
    except ValueError as error:
        raise RuntimeError("because of it") from error


def in_context() -> None:
    try:
        simple()
    except ValueError:
        raise RuntimeError("meanwhile")  # noqa: B904 - as operators do


def out_of_context() -> None:
    try:
        simple()
    except ValueError:
        raise RuntimeError("instead") from None


def together() -> None:
    raise ExceptionGroup("both", [ValueError("one"), TypeError("two")])


def misspelt() -> None:
    partia()  # type: ignore[name-defined]  # noqa: F821 - on purpose


def unreadable() -> None:
    compile("a b", "text", "exec")


def deep(left: int = 50) -> None:
    if left:
        deep(left - 1)
    simple()


def raised_by(function: Callable[[], None]) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "function",
    [simple, noted, caused, in_context, out_of_context, together, misspelt, unreadable, deep],
    ids=lambda function: str(function.__name__),
)
def test_texts_are_those_of_the_interpreter(function: Callable[[], None]) -> None:
    """A traceback is told as the interpreter does, the first time and again."""
    for _ in range(2):
        error = raised_by(function)
        assert traceback_text(error, besides="") == "".join(traceback.format_exception(error)).rstrip()


def test_the_same_place_tells_another_error() -> None:
    """What is kept of a place says nothing of what was raised there before."""

    def refuse(number: int) -> None:
        raise ValueError(f"{number} is refused")

    texts = [traceback_text(raised_by(lambda number=number: refuse(number)), besides="") for number in (1, 2)]  # type: ignore[misc]  # a default isn't inferred
    assert [text.rpartition("\n")[2] for text in texts] == ["ValueError: 1 is refused", "ValueError: 2 is refused"]
    assert len({text.rpartition("\n")[0] for text in texts}) == 1


def test_few_places_are_kept() -> None:
    """However many places fail, memory stays bounded; each is told of by its own file."""
    for number in range(tracebacks.PLACES + 10):
        code = compile("raise ValueError", f"operator {number}", "exec")
        assert f'"operator {number}"' in traceback_text(raised_by(partial(exec, code)), besides="")
    assert len(tracebacks._kept) == tracebacks.PLACES
