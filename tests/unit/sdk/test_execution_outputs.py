"""What operators declared in Python return: values that fit their ports, and those that don't."""
# ruff: noqa: N802, ANN202 - operators are named as workflows name them; one gets its hint later

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio import (
    Byte,
    Dataset,
    Distance,
    Duration,
    Location,
    Long,
    OperatorContext,
    Timestamp,
    operator,
)
from accio.domain.canonical import canonical, decode
from accio.domain.datatypes import parse_type
from accio.domain.states import Cause
from accio.sdk.copies import Copies
from accio.sdk.declare import declaration_of
from accio.sdk.encoding import Encoder, load
from accio.sdk.hints import read_hint
from accio.sdk.run import output_types
from tests.unit.domain.strategies import list_of, map_of, set_of
from tests.unit.sdk.executing import failure, finished, run


class Colour(Enum):
    RED = "red"


class Many(NamedTuple):
    n: int
    text: str
    items: list[float]


def returning(value: Any, hint: Any) -> Any:
    """An operator whose output has this type and this value."""

    def Op():  # type: ignore[no-untyped-def]  # set below
        return value

    Op.__annotations__["return"] = hint
    return operator(Op)


@dataclass
class Partial:
    a: int
    b: int


def test_outputs_are_canonical(tmp_path: Path) -> None:
    """A record's fields become the canonical texts of its ports, and metrics come along."""

    @operator
    def Op(ctx: OperatorContext) -> Many:
        ctx.metric("seconds", 2)
        return Many(3, 'a "b"', [1, 2.5])

    outcome = finished(run(Op, tmp_path))
    assert outcome.outputs == {"n": "3", "text": '"a \\"b\\""', "items": "[1.0,2.5]"}
    assert outcome.metrics == {"seconds": 2.0}
    declaration = declaration_of(Op)
    assert declaration is not None
    types = {name: str(found) for name, found in output_types(declaration).items()}
    assert types == {"n": "integer", "text": "string", "items": "list(double)"}


def test_datasets_go_by_their_paths(tmp_path: Path) -> None:
    """A returned dataset's text is its path, and all of them are listed, also inside of collections."""

    @operator
    def Op(ctx: OperatorContext) -> dict[str, Dataset]:
        (tmp_path / "file").touch()
        return {"a": ctx.dataset(), "b": Dataset("file")}

    outcome = finished(run(Op, tmp_path))
    folder, file = tmp_path / "outputs" / "data", tmp_path / "file"
    assert outcome.outputs == {"value": f'{{"a":"{folder}","b":"{file}"}}'}
    assert outcome.datasets == {str(folder): folder, str(file): file}


def test_no_outputs(tmp_path: Path) -> None:
    """An operator without outputs succeeds with none."""

    @operator
    def Op(str: str) -> None:  # noqa: A002 - a port may be called so
        pass

    assert finished(run(Op, tmp_path, '{"str":"x"}')).outputs == {}


FITTING = [
    (np.float64(0.1), float, "0.1"),
    (np.float32(0.5), float, "0.5"),
    (3, float, "3.0"),
    (np.int64(3), float, "3.0"),
    (math.nan, float, '"NaN"'),
    (-math.inf, float, '"-Infinity"'),
    (np.float64("nan"), float, '"NaN"'),
    (np.int64(2**31 - 1), int, "2147483647"),
    (np.uint8(255), int, "255"),
    (np.array(3), int, "3"),
    (2**63 - 1, Long, str(2**63 - 1)),
    (np.bool_(True), bool, "true"),
    (np.str_("é"), str, '"é"'),
    (np.arange(3), list[int], "[0,1,2]"),
    (np.linspace(0, 1, 3), list[float], "[0.0,0.5,1.0]"),
    (np.ones((2, 1)), list[list[float]], "[[1.0],[1.0]]"),
    (np.array([True]), list[bool], "[true]"),
    ((1, 2), list[int], "[1,2]"),
    ([np.float64(1), math.nan], tuple[float, ...], '[1.0,"NaN"]'),
    ({2, 10}, set[int], "[10,2]"),
    ({np.int64(1): np.float64(2)}, dict[int, float], '{"1":2.0}'),
    (Distance(1000), Distance, "1000.0"),
    (timedelta(seconds=1.5), Duration, "1500"),
    (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), Timestamp, "1000"),
    (Location(48.85, 2.35), Location, "[48.85,2.35]"),
]


@pytest.mark.parametrize(("value", "hint", "text"), FITTING)
def test_values_that_fit(tmp_path: Path, value: Any, hint: Any, text: str) -> None:
    """NumPy's scalars and arrays, tuples and datetimes stand for values where nothing is lost; NaN is a double."""
    assert finished(run(returning(value, hint), tmp_path)).outputs == {"value": text}


UNFITTING = [
    ("abc", int, ["integer", "abc"]),
    (2**31, int, ["integer", "2147483648"]),
    (np.int64(200), Byte, ["byte", "200"]),
    (1.0, int, ["integer", "1.0"]),
    (True, int, ["integer", "true"]),
    (True, float, ["double", "true"]),
    (2**53 + 1, float, ["double", "exactly"]),
    (1, bool, ["boolean", "1"]),
    (1, str, ["string", "1"]),
    (b"x", str, ["string"]),
    ("\ud800", str, ["string"]),
    (3.5, Distance, ["distance", "3.5"]),
    (timedelta(microseconds=1), Duration, ["duration", "millisecond"]),
    (datetime(1970, 1, 1), Timestamp, ["timestamp", "zone"]),  # noqa: DTZ001 - that is what is refused
    (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), Timestamp, ["timestamp", "-62135596800000"]),
    (Location(91.0, 0.0), Location, ["location", "-90 to 90", "latitude 91.0"]),
    ("abc", list[str], ["list(string)", "abc"]),
    ([1, "x"], list[int], ["list(integer)", "element 1", "x"]),
    ({"a": [1, None]}, dict[str, list[int]], ["map(string,list(integer))", '"a"', "element 1", "null"]),
    ([1], set[int], ["set(integer)"]),
    ({1: 1}, dict[str, int], ["map(string,integer)", "key 1"]),
    (np.array([object()]), list[int], ["list(integer)"]),
    ("/nowhere/at/all", Dataset, ["dataset", "/nowhere/at/all"]),
    (3, Dataset, ["dataset", "3"]),
    (object(), float, ["double", "object"]),
    ("c", Literal["a", "b"], ["one of 'a', 'b'", '"c"']),
    (3, Literal[1, 2], ["one of 1, 2", "3"]),
    (["a", "c"], list[Literal["a", "b"]], ["one of 'a', 'b'", '"c"']),
    ({"x": {"c"}}, dict[str, set[Literal["a", "b"]]], ["one of 'a', 'b'", '"c"']),
    ({"c": 1}, dict[Literal["a", "b"], int], ["one of 'a', 'b'", '"c"']),
    ("GREEN", Colour, ["one of", "GREEN"]),
    ((1, 2, 3), tuple[int, int], ["2 elements", "3"]),
    ([(1, 2), (1,)], list[tuple[int, int]], ["2 elements", "1"]),
    (np.zeros(3), tuple[float, float], ["2 elements", "3"]),
]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("a", Literal["a", "b"]),
        ({1.5: np.str_("a")}, dict[float, str]),
        (np.str_("a"), Literal["a", "b"]),
        ([Colour.RED, "red"], list[Colour]),
        ({"a": 1}, dict[Literal["a", "b"], int]),
        ([1, 2], tuple[int, int]),
        (np.array([1.0, 2.0]), tuple[float, float]),
        ([], list[Literal["a"]]),
    ],
)
def test_values_that_are_among_those_listed(tmp_path: Path, value: Any, hint: Any) -> None:
    """What a hint lists, or as many elements as it says, is a good output."""
    assert finished(run(returning(value, hint), tmp_path)).outputs


@pytest.mark.parametrize(("value", "hint", "mentions"), UNFITTING)
def test_values_that_do_not_fit(tmp_path: Path, value: Any, hint: Any, mentions: list[str]) -> None:
    """A value of another type is a bad output; the message names operator, port, type and what was found."""
    found = failure(run(returning(value, hint), tmp_path))
    assert found.cause is Cause.BAD_OUTPUT
    assert [text for text in ("Op", "'value'", *mentions) if text not in found.message] == []


class Lazy(Mapping[str, float]):
    """A mapping whose only key it doesn't have."""

    def __getitem__(self, key: str) -> float:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


class Moment(datetime):
    """A moment that can't be compared with others, as pandas.NaT."""

    def utcoffset(self) -> timedelta | None:
        raise ValueError("not a moment")


@pytest.mark.parametrize(
    ("value", "hint", "mentions"),
    [
        (Lazy(), dict[str, float], ["expected map(string,double)", "Lazy", "KeyError: 'a'"]),
        (Moment(2026, 1, 1), Timestamp, ["expected timestamp", "Moment", "ValueError: not a moment"]),
        ("a" * 5000, Dataset, ["expected dataset", "File name too long"]),
    ],
)
def test_values_that_raise_are_bad_outputs(tmp_path: Path, value: Any, hint: Any, mentions: list[str]) -> None:
    """What raises when it is looked at is a bad output, with port, type and what was raised."""
    found = failure(run(returning(value, hint), tmp_path))
    assert found.cause is Cause.BAD_OUTPUT
    for text in ["output 'value'", *mentions]:
        assert text in found.message


def test_forgotten_outputs(tmp_path: Path) -> None:
    """An output that isn't there is named."""
    half: Any = object.__new__(Partial)
    half.a = 1
    for value, hint, mentions in [
        (None, int, ["nothing", "'value'"]),
        (None, Many, ["nothing", "'n'", "'text'", "'items'"]),
        ((1, "x", []), Many, ["Many", "tuple"]),
        (half, Partial, ["'b'"]),
        (3, None, ["no outputs", "int"]),
    ]:
        found = failure(run(returning(value, hint), tmp_path))
        assert found.cause is Cause.BAD_OUTPUT
        assert [text for text in mentions if text not in found.message] == []


SCALARS = st.sampled_from([int, float, bool, str, Distance, Duration, Timestamp, Location, Long, Byte])


def _list(hint: Any) -> Any:
    return list[hint]


def _map(hint: Any) -> Any:
    return dict[str, hint]


HINTS: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.one_of(inner.map(_list), inner.map(_map)), max_leaves=2
)


VALUES = {
    "byte": st.integers(-128, 127),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(),
    "boolean": st.booleans(),
    "string": st.text(),
    "distance": st.builds(Distance, st.floats()),
    "duration": st.builds(Duration, st.integers(-(2**63), 2**63 - 1)),
    "timestamp": st.builds(Timestamp, st.integers(0, 10**12)),
    "location": st.builds(Location, st.floats(-90, 90), st.floats(-180, 180)),
}


@given(st.data())
def test_values_survive_the_way_in_and_out(data: st.DataObject) -> None:
    """What is encoded and loaded again encodes to the same text, for every type."""
    hint = read_hint(data.draw(HINTS))

    def value_of(datatype: Any) -> st.SearchStrategy[Any]:
        match datatype.kind.value:
            case "list":
                return st.lists(value_of(datatype.args[0]), max_size=3)
            case "map":
                return st.dictionaries(st.text(), value_of(datatype.args[1]), max_size=3)
            case kind:
                return VALUES[kind]

    text = Encoder(None).encode(hint.type, data.draw(value_of(hint.type)))
    again = load(hint, decode(hint.type, text), {}, Copies(Path()))
    assert Encoder(None).encode(hint.type, again) == text
    assert canonical(hint.type, decode(hint.type, text)) == text


def test_sets_and_keys_of_collections(tmp_path: Path) -> None:
    """Elements of sets and keys of maps may be collections themselves: they arrive hashable."""
    hint = read_hint(dict[tuple[int, ...], set[frozenset[int]]])
    assert hint.type == map_of(list_of(parse_type("integer")), set_of(set_of(parse_type("integer"))))
    value = {(1, 2): {frozenset({3})}}
    text = Encoder(tmp_path).encode(hint.type, value)
    assert load(hint, decode(hint.type, text), {}, Copies(Path())) == value


def test_duplicate_keys_are_refused(tmp_path: Path) -> None:
    """Two keys that are one in canonical form are a bad output."""
    found = failure(run(returning({math.nan: 1, float("nan"): 2}, dict[float, int]), tmp_path))
    assert "twice" in found.message
