"""Areas types, type-names and casts: what texts and JSON mean, which names are types, what meets what."""

import math
from typing import Any

import pytest

from accio.domain.datatypes import Kind, TypeProblem, parse_type
from accio.domain.values import Distance, Duration, Location, Timestamp, ValueProblem, parse, parse_text
from tests.cases.language import OPERATORS, check, give
from tests.cases.loader import Case, checks, mentions, only, pure_cases, same


def outcome(value: Any) -> Any:
    """Give a value in the units in which cases write it."""
    match value:
        case Distance(meters=meters):
            return {"meters": meters}
        case Duration(ms=ms):
            return {"ms": ms}
        case Timestamp(epoch_ms=epoch_ms):
            return {"epoch_ms": epoch_ms}
        case Location(lat=lat, lng=lng):
            return {"lat": lat, "lng": lng}
        case tuple():
            return [outcome(element) for element in value]
        case _:
            return value


@pytest.mark.parametrize("case", pure_cases("types"))
def test_types(case: Case) -> None:
    """A value is read as the case says, from JSON, from the text of name=value, and from that text as a JSON string."""
    for given, expect in checks(case):
        only(given, "kind", "text", "json")
        only(expect, "value", "error")
        datatype = parse_type(given["kind"])
        written = given["text"] if "text" in given else given["json"]
        for read in (parse_text, parse) if "text" in given else (parse,):
            if "error" in expect:
                with pytest.raises(ValueProblem) as refused:
                    read(datatype, written)
                assert mentions(refused.value.message, expect["error"])
            else:
                assert same(outcome(read(datatype, written)), expect["value"])


@pytest.mark.parametrize("case", pure_cases("type-names"))
def test_type_names(case: Case) -> None:
    """Names are read, refused, and told to be numeric as the case says."""
    for given, expect in checks(case):
        only(given, "type", "types")
        only(expect, "type", "error", "numeric")
        if "types" in given:
            assert [name for name in given["types"] if parse_type(name).is_numeric] == expect["numeric"]
        elif "error" in expect:
            with pytest.raises(TypeProblem) as refused:
                parse_type(given["type"])
            assert mentions(refused.value.message, expect["error"])
        else:
            assert str(parse_type(given["type"])) == expect["type"]


@pytest.mark.parametrize("case", pure_cases("casts"))
def test_casts(case: Case) -> None:
    """A parameter of one type meets an input of another, or the error names both types."""
    for given, expect in checks(case):
        only(given, "parameter", "input")
        only(expect, "valid", "mentions")
        graph = [{"op": "Give", "inputs": {"x": {"param": "p"}}}]
        document = {"id": "w", "params": [{"name": "p", "kind": given["parameter"]}], "graph": graph}
        checked = check(document, OPERATORS | {"Give": give(given["input"])})
        assert checked.valid is expect["valid"]
        assert mentions(" ".join(issue.message for issue in checked.errors), expect.get("mentions", []))


def test_infinity_is_an_artifact() -> None:
    """NaN and infinities are refused where definitions are read, and accepted where outputs are."""
    double = parse_type(Kind.DOUBLE)
    for text in ("Infinity", "-Infinity", "NaN"):
        with pytest.raises(ValueProblem):
            parse(double, text)
        assert not math.isfinite(parse(double, text, non_finite=True))
