"""The short forms of sweeps on the command line."""

from decimal import Decimal
from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.inline_sweeps import inline_form
from accio.domain.problems import ValueProblem
from accio.domain.runs import with_overrides
from accio.errors import InvalidDefinition


@pytest.mark.parametrize(
    ("kind", "texts", "form"),
    [
        ("integer", ["1,2, 3"], {"values": ["1", "2", "3"]}),
        ("double", ["0.1,0.5", "1"], {"values": ["0.1", "0.5", "1"]}),
        ("boolean", ["true,false"], {"values": ["true", "false"]}),
        ("distance", ["100.meters,2.kilometers"], {"values": ["100.meters", "2.kilometers"]}),
        ("integer", [" 7 "], {"value": " 7 "}),
        ("integer", ["1..5"], {"from": "1", "to": "5", "step": "1"}),
        ("long", ["-5..-1"], {"from": "-5", "to": "-1", "step": "1"}),
        ("byte", ["1..10:2"], {"from": "1", "to": "10", "step": "2"}),
        ("double", ["0 .. 1 : 0.1"], {"from": "0", "to": "1", "step": "0.1"}),
        ("double", ["0..1:count=11"], {"from": "0", "to": "1", "count": 11}),
        ("double", ["1e-5..1:log"], {"from": "1e-5", "to": "1", "log": True}),
        ("double", ["1..64:log2:count=4"], {"from": "1", "to": "64", "log2": True, "count": 4}),
        ("double", ["1..64:log:step=4"], {"from": "1", "to": "64", "log": True, "step": "4"}),
        ("duration", ["1.minutes..1.hours:10.minutes"], {"from": "1.minutes", "to": "1.hours", "step": "10.minutes"}),
        (
            "timestamp",
            ["2020-01-01T00:00:00Z..2020-01-05T12:30:00+02:00:1.days"],
            {"from": "2020-01-01T00:00:00Z", "to": "2020-01-05T12:30:00+02:00", "step": "1.days"},
        ),
        (
            "timestamp",
            ["2020-01-01T00:00Z..2020-01-05T00:00Z:count=5"],
            {"from": "2020-01-01T00:00Z", "to": "2020-01-05T00:00Z", "count": 5},
        ),
        ("double", ['{"from": 0.1, "to": 1, "log": true}'], {"from": Decimal("0.1"), "to": 1, "log": True}),
    ],
)
def test_short_forms(kind: str, texts: list[str], form: dict[str, Any]) -> None:
    """Lists and ranges of types that have neither commas nor two dots become forms of a run definition."""
    assert inline_form(parse_type(kind), texts) == form


@pytest.mark.parametrize("kind", ["string", "dataset", "location", "list(integer)", "map(string,long)"])
@pytest.mark.parametrize("text", ["a,b", "../up", "1..5", '{"from": 1}'])
def test_other_types_keep_their_text(kind: str, text: str) -> None:
    """Commas, dots and braces of texts, paths, places and collections belong to the value."""
    assert inline_form(parse_type(kind), [text]) == {"value": text}
    assert inline_form(parse_type(kind), [text, "x"]) == {"values": [text, "x"]}


def test_texts_that_are_listed_have_lists() -> None:
    """Where all values are known, a comma separates them, unless it belongs to one."""
    words = ["x", "y", "a,b"]
    text = parse_type("string")
    assert inline_form(text, ["x,y"], words=words) == {"values": ["x", "y"]}
    assert inline_form(text, ["a,b"], words=words) == {"value": "a,b"}
    assert inline_form(text, ["x, y", "a,b", None], words=words) == {"values": ["x", "y", "a,b", None]}
    assert inline_form(text, ["x,q"], words=words) == {"values": ["x", "q"]}  # which the check tells
    with pytest.raises(ValueProblem, match="before and after each comma"):
        inline_form(text, ["x,"], words=words)


def test_without_a_type_nothing_is_read() -> None:
    """Of an unknown parameter the text stays, so that the check can say that there is none of that name."""
    assert inline_form(None, ["1,2"]) == {"value": "1,2"}


@pytest.mark.parametrize(
    ("kind", "texts", "message"),
    [
        ("integer", ["1,,2"], "before and after each comma"),
        ("integer", ["1..5", "9"], "one range, or values"),
        ("integer", ["1..5,9"], r"one range, or values with commas, found both in \"1..5,9\": list all values"),
        ("double", ["7,1..5:count=3"], "one range, or values with commas, found both"),
        ("double", ["0..1"], r"needs a step, a count or 'log', found \"0..1\"; write 0..1:STEP or 0..1:count=N or"),
        ("timestamp", ["2020-01-01T00:00:00Z..2020-01-05T00:00:00Z"], "needs a step or a count, found"),
        ("integer", ["5..1"], r"\"5..1\" goes down, and without a step it goes up by 1; write 5..1:-1"),
        ("integer", ["..5"], "expected a range such as FROM..TO"),
        ("integer", ["1..5..9"], "expected a range such as FROM..TO"),
        ("double", ["1..5:"], "expected a step, 'count=N' or 'log' after the colon"),
        ("double", ["1..5:steps=2"], "expected a step, 'count=N' or 'log' after the colon"),
        ("double", ["1..5:count=two"], "expected a whole number in 'count=N'"),
        ("double", ["1..5:1:2"], "expected 'step' once"),
        ("integer", ['{"from": 1'], "expected a form such as"),
    ],
)
def test_what_is_no_short_form(kind: str, texts: list[str], message: str) -> None:
    """Each mistake is told with what was expected and found."""
    with pytest.raises(ValueProblem, match=message):
        inline_form(parse_type(kind), texts)


def test_mistakes_are_told_together_with_their_places() -> None:
    """A submission whose short forms can't be read names every parameter concerned."""
    types = {"a": parse_type("integer"), "b": parse_type("double"), "c": parse_type("double")}
    with pytest.raises(InvalidDefinition) as caught:
        with_overrides({"workflow": "w"}, params=[("a", "1,,2"), ("b", "0..1"), ("c", "1")], types=types)
    assert [issue.path for issue in caught.value.issues] == ["/params/a", "/params/b"]
