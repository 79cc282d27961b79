"""Values: the laws that hold for all of them, and the corners."""

import json
import math
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.datatypes import DATASET, DOUBLE, DURATION, LOCATION, LONG, STRING, DataType, parse_type
from accio.domain.values import (
    Distance,
    FrozenMap,
    ValueProblem,
    canonical,
    cast,
    decode,
    display,
    format_double,
    parse,
    parse_text,
    parse_to_canonical,
    resolve_dataset,
)
from tests.unit.domain.strategies import doubles, set_of, typed_values, values


@given(typed_values())
def test_canonical_text_reads_back(typed: tuple[DataType, Any]) -> None:
    """A value is what its canonical text decodes to, and the text stays the same."""
    datatype, value = typed
    text = canonical(datatype, value)
    assert decode(datatype, text) == value
    assert canonical(datatype, decode(datatype, text)) == text


@given(typed_values())
def test_what_is_shown_can_be_submitted_again(typed: tuple[DataType, Any]) -> None:
    """The user's form, as JSON and as the text of name=value, means the same value."""
    datatype, value = typed
    text = canonical(datatype, value)
    shown = json.loads(json.dumps(display(datatype, text)))
    assert parse_to_canonical(datatype, shown) == text
    written = shown if isinstance(shown, str) else json.dumps(shown)
    assert canonical(datatype, parse_text(datatype, written)) == text


@given(typed_values())
def test_canonical_text_is_compact_json(typed: tuple[DataType, Any]) -> None:
    """The text is JSON that any parser reads, without white space outside strings."""
    datatype, value = typed
    text = canonical(datatype, value)
    if isinstance(orjson.loads(text), list | dict):
        assert len(text) <= len(json.dumps(orjson.loads(text), ensure_ascii=False, separators=(",", ":")))


@given(st.data())
def test_equal_sets_have_equal_texts(data: st.DataObject) -> None:
    """Neither the order nor repetition of a set's elements in a definition matters."""
    elements = data.draw(st.lists(doubles, max_size=5))
    shuffled = data.draw(st.permutations(elements + elements[:2]))
    assert parse_to_canonical(set_of(DOUBLE), elements) == parse_to_canonical(set_of(DOUBLE), shuffled)


@given(doubles)
def test_doubles_are_their_shortest_text(value: float) -> None:
    """A double's text reads back exactly, and differs from a fast JSON library's in exponents at most."""
    text = format_double(value)
    assert float(text) == value
    assert orjson.loads(text) == value
    assert float(orjson.dumps(value)) == float(text)
    assert "." in text or "e" in text


def test_non_finite_doubles_are_texts() -> None:
    """NaN and infinities have canonical texts, alone and inside collections, and read back."""
    assert [format_double(value) for value in (math.nan, math.inf, -math.inf)] == ['"NaN"', '"Infinity"', '"-Infinity"']
    datatype = parse_type("list(double)")
    text = canonical(datatype, [1.0, math.nan, -math.inf])
    assert text == '[1.0,"NaN","-Infinity"]'
    assert canonical(datatype, decode(datatype, text)) == text
    assert canonical(set_of(DOUBLE), {math.nan, float("nan")}) == '["NaN"]'


def test_the_sign_of_zero_is_kept_and_one_zero_is_in_a_set() -> None:
    """-0.0 stays, and a set of both zeros is the same whatever the order."""
    assert parse_to_canonical(DOUBLE, "-0.0") == "-0.0"
    assert parse_to_canonical(set_of(DOUBLE), [0.0, -0.0]) == parse_to_canonical(set_of(DOUBLE), [-0.0, 0.0])


WIDENINGS = [("byte", "integer"), ("byte", "long"), ("byte", "double"), ("integer", "long"), ("integer", "double")]


@pytest.mark.parametrize(("source", "target"), WIDENINGS)
@given(data=st.data())
def test_casts_keep_numbers(data: st.DataObject, source: str, target: str) -> None:
    """A widened number is equal, on its own and in collections, and casting in steps changes nothing."""
    number = data.draw(values(parse_type(source)))
    for form in ("{}", "list({})", "set(list({}))"):
        outer, inner = parse_type(form.format(target)), parse_type(form.format(source))
        value = {"{}": number, "list({})": (number,), "set(list({}))": frozenset({(number,)})}[form]
        text = cast(inner, outer, canonical(inner, value))
        assert decode(outer, text) == value
        assert text == cast(outer, outer, text)
        assert text == canonical(outer, decode(outer, text))


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_long_meets_a_double_exactly_or_not_at_all(number: int) -> None:
    """A long is never rounded."""
    if int(float(number)) == number:
        assert int(float(cast(LONG, DOUBLE, str(number)))) == number
    else:
        with pytest.raises(ValueProblem, match=r"long .* double"):
            cast(LONG, DOUBLE, str(number))


def test_a_cast_map_is_sorted_anew() -> None:
    """Keys that change their text change their order."""
    source, target = parse_type("map(integer,string)"), parse_type("map(double,dataset)")
    assert cast(source, target, '{"10":"/b","2":"/a"}') == '{"10.0":"/b","2.0":"/a"}'


def test_an_impossible_cast_names_both_types() -> None:
    """Types that don't fit are refused by name."""
    with pytest.raises(ValueProblem, match=r"set\(integer\).*list\(integer\)"):
        cast(parse_type("set(integer)"), parse_type("list(integer)"), "[1]")


@pytest.mark.parametrize(
    ("kind", "written", "mentioned"),
    [
        ("integer", True, "true"),
        ("integer", "1_000", "1_000"),
        ("integer", "٣", "integer"),
        ("integer", "1e999999", "integer"),
        ("integer", 10**400, "digits"),
        ("integer", None, "null"),
        ("byte", -129, "-129"),
        ("double", "Infinity", "Infinity"),
        ("double", float("nan"), "nan"),
        ("double", "1e400", "too large"),
        ("double", 2**53 + 1, "exactly"),
        ("double", "0x10", "0x10"),
        ("double", "9" * 5000, "double"),
        ("boolean", 1, "boolean"),
        ("string", 5, "string"),
        ("string", "a\0b", "NUL"),
        ("string", "\ud800", "surrogate"),
        ("distance", 200, "without a unit"),
        ("distance", "200", "without a unit"),
        ("distance", "3.parsecs", "meters, kilometers or miles"),
        ("distance", "1e5000.meters", "distance"),
        ("duration", 0.5, "whole number of milliseconds"),
        ("duration", "1.nanos", "whole number of milliseconds"),
        ("duration", "300000000000.days", "out of range"),
        ("duration", "+".join(["1s"] * 30), "terms"),
        ("timestamp", "2014-01-02T23:58:29", "zone"),
        ("timestamp", "2014-02-30T00:00:00Z", "day"),
        ("timestamp", "2014-01-02T24:00:00Z", "time of day"),
        ("timestamp", "2014-01-02T00:00:00.0001Z", "milliseconds"),
        ("timestamp", 10**18, "years"),
        ("location", "91,0", "latitude"),
        ("location", "0,-181", "longitude"),
        ("location", [1], "location"),
        ("dataset", "", "empty"),
        ("dataset", "accio:run/node", "accio:RUN/NODE/PORT"),
        ("dataset", "blake3:12", "64"),
        ("list(integer)", "[1", "JSON"),
        ("list(integer)", {"a": 1}, "array"),
        ("list(integer)", [1, [2]], "element 1"),
        ("map(integer,double)", {"1": 1, "1.0": 2}, "twice"),
        ("map(string,double)", [1], "object"),
        ("set(double)", "[" * 100_000, "levels"),
    ],
)
def test_what_is_no_value(kind: str, written: Any, mentioned: str) -> None:
    """What is refused is named together with the type, and never by another exception."""
    with pytest.raises(ValueProblem) as refused:
        canonical(parse_type(kind), parse(parse_type(kind), written))
    assert kind.partition("(")[0] in refused.value.message
    assert mentioned in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("kind", "written", "text"),
    [
        ("integer", " 42 ", "42"),
        ("integer", Decimal("42.0"), "42"),
        ("integer", "4.2e1", "42"),
        ("long", "-9223372036854775808", "-9223372036854775808"),
        ("double", Decimal("1E+2"), "100.0"),
        ("double", ".5", "0.5"),
        ("boolean", "YES", "true"),
        ("distance", "1.Mile", "1609.344"),
        ("distance", "0.1.kilometers", "100.0"),
        ("distance", "-5 m", "-5.0"),
        ("duration", "1500", "1500"),
        ("duration", "1.5.hours", "5400000"),
        ("duration", "-1h30m", "-5400000"),
        ("duration", "100.µs + 0.9.ms", "1"),
        ("timestamp", "1970-01-01t00:00:00,5+01:00", "-3599500"),
        ("timestamp", "0", "0"),
        ("location", " 48.85 , 2.35 ", "[48.85,2.35]"),
        ("string", 'é"\\\n\x7f\x1f\u2028', '"é\\"\\\\\\n\x7f\\u001f\u2028"'),
        ("map(distance,location)", {"1.km": "1,2"}, '{"1000.0":[1.0,2.0]}'),
        ("map(string,integer)", {"b": 1, "é": 2, "a": 3}, '{"a":3,"b":1,"é":2}'),
        ("map(string,integer)", {"\U0001f600": 1, "\uffff": 2}, '{"\uffff":2,"\U0001f600":1}'),
        ("set(integer)", [10, 9, "9"], "[10,9]"),
        ("list(list(integer))", "[[1],[]]", "[[1],[]]"),
    ],
)
def test_spellings(kind: str, written: Any, text: str) -> None:
    """Different spellings have one canonical text."""
    assert parse_to_canonical(parse_type(kind), written) == text


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("data", "/base/dir/data"),
        ("../x/./y", "/base/x/y"),
        ("/abs", "/abs"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("file:///x", "file:///x"),
        ("blake3:" + "0" * 64, "blake3:" + "0" * 64),
        ("accio:r/n/p", "accio:r/n/p"),
        ("a:b", "/base/dir/a:b"),
    ],
)
def test_relative_paths_are_joined(written: str, resolved: str) -> None:
    """Only a relative path is joined to the folder, by text alone, at any depth of a value."""
    assert parse(DATASET, written, base_path="/base/dir") == resolved
    nested = parse(parse_type("map(dataset,list(dataset))"), {written: [written]}, base_path="/base/dir")
    assert nested == FrozenMap({resolved: (resolved,)})
    assert parse(STRING, written, base_path="/base/dir") == written


def test_a_relative_path_needs_a_folder() -> None:
    """A path that nobody could resolve later is refused; without any word about a folder it stays."""
    with pytest.raises(ValueProblem, match="relative"):
        resolve_dataset("data", "")
    assert resolve_dataset("data", None) == "data"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.0"),
        ("integer", "2147483648"),
        ("integer", "true"),
        ("double", '"1.0"'),
        ("double", "9007199254740993"),
        ("string", "1"),
        ("boolean", "1"),
        ("location", "[91.0,0.0]"),
        ("location", "[1.0]"),
        ("duration", "1.5"),
        ("duration", "true"),
        ("timestamp", "999999999999999999"),
        ("list(integer)", "{}"),
        ("map(integer,integer)", '{"x":1}'),
        ("set(integer)", "[1"),
    ],
)
def test_what_is_no_canonical_text(kind: str, text: str) -> None:
    """Stored and sent texts are checked by their type."""
    with pytest.raises(ValueProblem, match=kind.partition("(")[0]):
        decode(parse_type(kind), text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", 1.0),
        ("integer", True),
        ("byte", 128),
        ("double", "x"),
        ("double", True),
        ("double", 2**53 + 1),
        ("double", 10**400),
        ("string", b"x"),
        ("distance", 5.0),
        ("list(double)", (1.0, "x")),
        ("list(integer)", {1}),
        ("set(integer)", [1]),
        ("map(string,integer)", {1: 1}),
    ],
)
def test_what_is_no_python_value(kind: str, value: Any) -> None:
    """A Python value of another type has no canonical text."""
    with pytest.raises(ValueProblem, match=kind.partition("(")[0]):
        canonical(parse_type(kind), value)


def test_display() -> None:
    """People see units, ISO times, and numbers in order."""
    assert display(parse_type("distance"), "250.0") == "250.meters"
    assert display(parse_type("distance"), "1e-05") == "1e-05.meters"
    assert display(DURATION, "900000") == "900000.millis"
    assert display(parse_type("timestamp"), "1388707109123") == "2014-01-02T23:58:29.123Z"
    assert display(LOCATION, "[48.85,2.0]") == "48.85,2"
    assert display(parse_type("set(integer)"), "[10,9]") == [9, 10]
    assert display(parse_type("map(duration,distance)"), '{"5":1.0}') == {"5.millis": "1.meters"}
    assert display(LONG, "9223372036854775807") == 2**63 - 1


def test_a_frozen_map_is_a_hashable_mapping() -> None:
    """Maps can be elements of sets; equal ones are one."""
    one, other = FrozenMap({"a": 1, "b": 2}), FrozenMap([("b", 2), ("a", 1)])
    assert one == other
    assert {one, other} == {one}
    assert one == {"a": 1, "b": 2}
    assert repr(one) == "FrozenMap({'a': 1, 'b': 2})"


def test_a_distance_is_the_nearest_double() -> None:
    """Decimal arithmetic comes first: 0.1 km is 100 m, not 100.00000000000001."""
    assert parse_text(parse_type("distance"), "1.1.kilometers") == Distance(1100.0)
