"""Areas types, type-names and casts: what texts and JSON mean, which names are types, what meets what."""

import math
from dataclasses import replace
from typing import Any

import pytest

from accio.domain.canonical import canonical
from accio.domain.datatypes import Kind, TypeProblem, parse_type
from accio.domain.operators import OperatorSpec
from accio.domain.values import Distance, Duration, Location, Timestamp, ValueProblem, parse, parse_text
from tests.cases.language import OPERATORS, check, give
from tests.cases.loader import Case, checks, mentions, only, pure_cases, same


def outcome(value: Any) -> Any:
    """Return a value in the units in which cases write it."""
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
        case frozenset():
            return sorted(outcome(element) for element in value)
        case _:
            return value


@pytest.mark.parametrize("case", pure_cases("types"))
def test_types(case: Case) -> None:
    """A value is read as the case says, from JSON, from the text of name=value, and from that text as a JSON string."""
    for given, expect in checks(case):
        only(given, "kind", "text", "json", "equal")
        only(expect, "value", "error", "equal")
        datatype = parse_type(given["kind"])
        if "equal" in given:
            read_values = [parse(datatype, spelling) for spelling in given["equal"]]
            found = {canonical(datatype, value) for value in read_values}
            assert (len(found) == 1) is expect.get("equal", True), found
            assert "value" not in expect or all(same(outcome(value), expect["value"]) for value in read_values)
            continue
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
    """A parameter, an output or a constant of one type meets an input of another, or the error names both types."""
    for given, expect in checks(case):
        only(given, "parameter", "output", "constant", "value", "input")
        only(expect, "valid", "mentions")
        checked = check(meeting(given), OPERATORS | operators_of(given))
        assert checked.valid is expect["valid"], checked.errors
        assert mentions(" ".join(issue.message for issue in checked.errors), expect.get("mentions", []))


def meeting(given: dict[str, Any]) -> dict[str, Any]:
    """Write the workflow in which what is given meets the input."""
    params: list[dict[str, Any]] = []
    graph: list[dict[str, Any]] = []
    if "parameter" in given:
        default = {"default_value": given["value"]} if "value" in given else {}
        params = [{"name": "p", "kind": given["parameter"], **default}]
        source = {"param": "p"}
    elif "output" in given:
        graph = [{"op": "Source"}]
        source = {"reference": "Source/y"}
    else:
        source = {"value": given["constant"]}
    return {"id": "w", "params": params, "graph": [*graph, {"op": "Give", "inputs": {"x": source}}]}


def operators_of(given: dict[str, Any]) -> dict[str, OperatorSpec]:
    """Make the operator with the input and, where an output meets it, the one with that."""
    operators = {"Give": give(given["input"])}
    if "output" in given:
        operators["Source"] = replace(give(given["output"], "Source"), inputs=())
    return operators


def test_infinity_is_an_artifact() -> None:
    """NaN and infinities are refused where definitions are read, and accepted where outputs are."""
    double = parse_type(Kind.DOUBLE)
    for text in ("Infinity", "-Infinity", "NaN"):
        with pytest.raises(ValueProblem):
            parse(double, text)
        assert not math.isfinite(parse(double, text, non_finite=True))
