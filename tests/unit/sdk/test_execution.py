"""Running operators declared in Python: inputs, outputs, and every way to fail."""
# ruff: noqa: N802, ANN202 - operators are named as workflows name them; one gets its hint later

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio import (
    BadInputError,
    Byte,
    Dataset,
    Distance,
    Duration,
    Help,
    Location,
    Long,
    OperatorContext,
    Timestamp,
    WritableCopy,
    operator,
)
from accio.domain.canonical import canonical, decode
from accio.domain.datatypes import parse_type
from accio.domain.failures import TEXT_LIMIT, Failure
from accio.domain.states import Cause
from accio.sdk.copies import Copies
from accio.sdk.declare import declaration_of
from accio.sdk.describe import spec_of
from accio.sdk.encoding import Encoder, load
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.hints import read_hint
from accio.sdk.run import output_types, run_operator
from accio.sdk.sinks import ConsoleSinks
from tests.unit.domain.strategies import list_of, map_of, set_of


def run(thing: Callable[..., Any] | type, folder: Path, inputs: str = "{}", **request: Any) -> Finished | Failed:
    """Run a decorated thing once."""
    declaration = declaration_of(thing)
    assert declaration is not None
    return run_operator(declaration, Request(inputs=inputs, folder=folder, **request), ConsoleSinks())


def finished(outcome: Finished | Failed) -> Finished:
    """The outcome, which must be a success."""
    assert isinstance(outcome, Finished), outcome
    return outcome


def failure(outcome: Finished | Failed) -> Failure:
    """The failure of an outcome that must be one."""
    assert isinstance(outcome, Failed), outcome
    return outcome.failure


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


def test_inputs_arrive_as_hinted(tmp_path: Path) -> None:
    """Each input arrives in the type and the container that its hint asks for, datasets as paths here."""
    seen: dict[str, object] = {}

    @operator
    def Op(
        a: int, b: float, c: Distance, d: Duration, e: Timestamp, f: Location, g: Dataset, h: tuple[int, ...],
        i: frozenset[str], j: dict[int, list[Dataset]], k: set[tuple[int, ...]], m: str | None, n: int = 7,
    ) -> None:  # fmt: skip
        seen.update(locals())

    inputs = (
        '{"a":1,"b":2.0,"c":3.5,"d":4000,"e":5,"f":[48.85,2.35],"g":"blake3:g","h":[1,2],"i":["x","y"],'
        '"j":{"1":["blake3:h"]},"k":[[1],[2,3]]}'
    )
    paths = {"blake3:g": tmp_path / "g", "blake3:h": tmp_path / "h"}
    finished(run(Op, tmp_path, inputs, datasets=paths))
    del seen["seen"]
    assert seen == {
        "a": 1, "b": 2.0, "c": Distance(3.5), "d": Duration(4000), "e": Timestamp(5), "f": Location(48.85, 2.35),
        "g": Dataset(tmp_path / "g"), "h": (1, 2), "i": frozenset({"x", "y"}), "j": {1: [Dataset(tmp_path / "h")]},
        "k": {(1,), (2, 3)}, "m": None, "n": 7,
    }  # fmt: skip


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Shape(Enum):
    """Values that are no texts: names stand for them."""

    ROUND = (1.0, 2.0)
    FLAT = None


def test_pythons_own_types_arrive_as_hinted(tmp_path: Path) -> None:
    """Members of enumerations, moments, spans and pairs come and go as what Python has, also inside collections."""
    seen: dict[str, object] = {}

    @operator
    def Op(
        colour: Colour, level: Level, shapes: list[Shape], at: datetime, spans: dict[str, timedelta],
        pair: tuple[float, float], other: Colour = Colour.BLUE, pause: timedelta = timedelta(seconds=2),
    ) -> tuple[Shape, ...]:  # fmt: skip
        seen.update(colour=colour, level=level, shapes=shapes, at=at, spans=spans, pair=pair, other=other, pause=pause)
        return tuple(shapes)

    inputs = (
        '{"colour":"red","level":10,"shapes":["FLAT","ROUND"],"at":1500,"spans":{"a":90000},"pair":[1.0,2.5],'
        '"other":"blue","pause":2000}'
    )
    done = finished(run(Op, tmp_path, inputs))
    assert seen == {
        "colour": Colour.RED, "level": Level.HIGH, "shapes": [Shape.FLAT, Shape.ROUND],
        "at": datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), "spans": {"a": timedelta(seconds=90)},
        "pair": (1.0, 2.5), "other": Colour.BLUE, "pause": timedelta(seconds=2),
    }  # fmt: skip
    assert type(seen["level"]) is Level
    assert done.outputs == {"value": '["FLAT","ROUND"]'}
    declaration = declaration_of(Op)
    assert declaration is not None
    spec = spec_of(declaration)
    assert [(port.name, str(port.type), port.default) for port in spec.inputs] == [
        ("colour", "string", None), ("level", "integer", None), ("shapes", "list(string)", None),
        ("at", "timestamp", None), ("spans", "map(string,duration)", None), ("pair", "list(double)", None),
        ("other", "string", '"blue"'), ("pause", "duration", "2000"),
    ]  # fmt: skip
    assert spec.inputs[0].help == "(one of 'red', 'blue')"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ('{"colour":"green","pair":[1.0,2.0]}', "one of 'red', 'blue', found \"green\""),
        ('{"colour":"red","pair":[1.0]}', "expected 2 elements, found 1"),
    ],
)
def test_what_pythons_own_types_do_not_have_is_bad_input(tmp_path: Path, inputs: str, message: str) -> None:
    """A text that stands for no member, and a pair of one, never reach the operator."""

    @operator
    def Op(colour: Colour, pair: tuple[float, float]) -> None:
        raise AssertionError

    found = failure(run(Op, tmp_path, inputs))
    assert found.cause is Cause.BAD_INPUT
    assert message in found.message


def test_a_copy_may_be_written_to(tmp_path: Path) -> None:
    """Each input that asks for a copy gets one of its own, under its name, writable: what others use stays as it is."""
    store = tmp_path / "store"
    (store / "folder" / "deep").mkdir(parents=True)
    (store / "folder" / "deep" / "tool").write_text("kept")
    (store / "folder" / "deep" / "tool").chmod(0o555)
    (store / "ab12").write_text("kept")
    (store / "ab12").chmod(0o444)
    work = tmp_path / "work"
    work.mkdir()

    @operator
    def Op(
        folder: Annotated[Dataset, WritableCopy],
        file: Annotated[Dataset | None, WritableCopy(name="table.csv"), Help("a table")],
        several: list[Annotated[Dataset, WritableCopy()]],
        plain: Dataset,
    ) -> list[str]:
        assert file is not None
        assert os.access(folder / "deep" / "tool", os.X_OK)
        (folder / "deep" / "tool").write_text("changed")
        (folder / "deep" / "index").write_text("beside it")
        (folder / "index").write_text("beside it")
        for each in (file, *several):
            each.path.write_text("changed")
        return [folder.path.name, file.path.name, *(each.path.name for each in several), str(plain.path)]

    paths = {"a": store / "folder", "b": store / "ab12"}
    outcome = finished(run(Op, work, '{"folder":"a","file":"b","several":["b","b"],"plain":"b"}', datasets=paths))
    assert outcome.outputs == {"value": f'["folder","table.csv","ab12","ab12","{store / "ab12"}"]'}
    assert sorted(path.name for path in store.rglob("*")) == ["ab12", "deep", "folder", "tool"]
    assert {path.read_text() for path in store.rglob("*") if path.is_file()} == {"kept"}


def test_paths_and_listed_values_arrive(tmp_path: Path) -> None:
    """A dataset arrives as the path that was asked for, and only values that are listed arrive."""

    @operator
    def Op(data: Path, several: list[Path], mode: Literal["fast", "exact"], levels: set[Literal[1, 2]]) -> list[str]:
        return [data.name, *(each.name for each in several), mode, str(sorted(levels))]

    paths = {"a": tmp_path / "A", "b": tmp_path / "B"}
    inputs = '{"data":"a","several":["a","b"],"mode":"fast","levels":[1,2]}'
    assert finished(run(Op, tmp_path, inputs, datasets=paths)).outputs == {"value": '["A","A","B","fast","[1, 2]"]'}
    for name, wrong in (("mode", inputs.replace("fast", "slow")), ("levels", inputs.replace("1,2", "1,3"))):
        found = failure(run(Op, tmp_path, wrong, datasets=paths))
        assert found.cause is Cause.BAD_INPUT
        assert f"input '{name}': expected one of" in found.message


def test_what_cannot_be_copied_is_bad_input(tmp_path: Path) -> None:
    """A dataset that isn't there any more, or can't be read, is the input's fault, and says so."""

    @operator
    def Op(data: Annotated[Dataset, WritableCopy()]) -> None:
        """Never begins."""

    found = failure(run(Op, tmp_path, '{"data":"a"}', datasets={"a": tmp_path / "gone"}))
    assert found.cause is Cause.BAD_INPUT
    assert f"input 'data': can't copy {tmp_path / 'gone'}: No such file or directory" in found.message


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


def test_classes_are_made_anew(tmp_path: Path) -> None:
    """A class gets an instance for each execution."""

    @operator
    class Op:
        def __init__(self) -> None:
            self.calls = 0

        def run(self, ctx: OperatorContext) -> int:
            self.calls += 1
            return self.calls

    assert [finished(run(Op, tmp_path)).outputs["value"] for _ in range(2)] == ["1", "1"]


def test_seed_and_attempt(tmp_path: Path) -> None:
    """Unstable operators get the seed; a stable one that asks for it fails, and is told how to be declared."""

    def body(ctx: OperatorContext) -> str:
        return f"{ctx.seed} {ctx.attempt} {ctx.idempotency_key}"

    unstable = run(operator(unstable=True)(body), tmp_path, seed=-5, attempt=2, idempotency_key="r/n")
    assert finished(unstable).outputs == {"value": '"-5 2 r/n"'}
    found = failure(run(operator(name="Cheat")(body), tmp_path, seed=-5))
    assert found.cause is Cause.EXCEPTION
    assert "Cheat" in found.message
    assert "unstable=True" in found.message


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
    (Location(91.0, 0.0), Location, ["location"]),
    ("abc", list[str], ["list(string)", "abc"]),
    ([1, "x"], list[int], ["list(integer)", "element 1", "x"]),
    ({"a": [1, None]}, dict[str, list[int]], ["map(string,list(integer))", '"a"', "element 1", "null"]),
    ([1], set[int], ["set(integer)"]),
    ({1: 1}, dict[str, int], ["map(string,integer)", "key 1"]),
    (np.array([object()]), list[int], ["list(integer)"]),
    ("/nowhere/at/all", Dataset, ["dataset", "/nowhere/at/all"]),
    (3, Dataset, ["dataset", "3"]),
    (object(), float, ["double", "object"]),
]


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


@dataclass
class Partial:
    a: int
    b: int


@pytest.mark.parametrize(
    ("inputs", "mentions"),
    [
        ("{}", ["'x'", "no value"]),
        ('{"x":"a"}', ["'x'", "integer", "a"]),
        ('{"x":1,"y":2}', ["y"]),
        ("[]", ["object"]),
        ("{", ["JSON"]),
        ('{"x":1,"d":"blake3:a"}', ["'d'", "blake3:a"]),
    ],
)
def test_bad_inputs(tmp_path: Path, inputs: str, mentions: list[str]) -> None:
    """Inputs that don't fit the ports are a bad input, which names the port."""

    @operator
    def Op(x: int, d: Dataset | None = None) -> None:
        raise AssertionError("never called")

    found = failure(run(Op, tmp_path, inputs))
    assert found.cause is Cause.BAD_INPUT
    assert [text for text in ("Op", *mentions) if text not in found.message] == []


def test_null_is_no_value_of_an_optional_input(tmp_path: Path) -> None:
    """It arrives as None, whatever the default; an input that isn't optional refuses it."""

    @operator
    def Op(x: int = 3, limit: float | None = 0.5) -> str:
        return repr(limit)

    assert finished(run(Op, tmp_path, '{"limit":null}')).outputs == {"value": '"None"'}
    assert finished(run(Op, tmp_path)).outputs == {"value": '"0.5"'}
    assert "'x'" in failure(run(Op, tmp_path, '{"x":null}')).message


def test_an_operator_refuses_an_input(tmp_path: Path) -> None:
    """BadInputError from an operator is a bad input with its message; it shows no traceback, and keeps the metrics."""

    class TooSmallError(BadInputError):
        pass

    @operator
    def Op(ctx: OperatorContext, x: int) -> None:
        ctx.metric("seen", x)
        raise TooSmallError(f"x: expected at least 3, found {x}")

    outcome = run(Op, tmp_path, '{"x":1}')
    found = failure(outcome)
    assert (found.cause, found.message) == (Cause.BAD_INPUT, "operator Op: x: expected at least 3, found 1")
    assert not found.exception
    assert not found.traceback
    assert outcome.metrics == {"seen": 1}


class Spiteful(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "cause", "message"),
    [
        (ValueError("boom"), Cause.EXCEPTION, "ValueError: boom"),
        (KeyError(), Cause.EXCEPTION, "KeyError"),
        (MemoryError("big"), Cause.OUT_OF_MEMORY, "MemoryError: big"),
        (KeyboardInterrupt(), Cause.EXCEPTION, "KeyboardInterrupt"),
        (SystemExit(3), Cause.EXIT_CODE, "the operator ended with exit code 3"),
        (SystemExit(), Cause.EXIT_CODE, "the operator ended with exit code 0"),
        (Spiteful(), Cause.EXCEPTION, f"{Spiteful.__module__}.Spiteful: (its text can't be made: RuntimeError)"),
    ],
)
def test_what_is_raised(tmp_path: Path, error: BaseException, cause: Cause, message: str) -> None:
    """Whatever an operator raises is a failure with its cause, class and message, and with the metrics until then."""

    @operator
    def Op(ctx: OperatorContext) -> None:
        ctx.metric("so_far", 1)
        raise error

    outcome = run(Op, tmp_path)
    found = failure(outcome)
    assert (found.cause, found.message) == (cause, message)
    assert outcome.metrics == {"so_far": 1.0}
    if cause is not Cause.EXIT_CODE:
        assert found.exception.endswith(type(error).__name__)


def test_tracebacks_begin_in_the_operator(tmp_path: Path) -> None:
    """A traceback shows the operator's frames, not the machinery's, and its end if it is long."""

    def deep(n: int) -> int:
        return 1 // 0 if n == 0 else deep(n - 1) + len(str(n))

    @operator
    def Op(n: int) -> int:
        return deep(n)

    short, long = (failure(run(Op, tmp_path, f'{{"n":{n}}}')).traceback for n in (1, 500))
    assert "in deep" in short
    assert "accio/sdk/execution.py" not in short
    assert "ZeroDivisionError" in long
    assert len(long.encode()) <= TEXT_LIMIT

    @operator
    def Wide() -> None:
        raise ValueError("x" * 10_000)

    assert len(failure(run(Wide, tmp_path)).traceback.encode()) <= TEXT_LIMIT


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


def test_a_full_disk_is_told_apart_from_other_failures(tmp_path: Path) -> None:
    """Whatever an operator makes of it: the system's error for want of space, raised as it is or behind another one."""

    @operator
    def Full() -> None:
        with Path("/dev/full").open("w") as file:
            file.write("x")

    @operator
    def Hidden() -> None:
        try:
            Full()
        except OSError:
            raise ValueError("it can't be saved") from None

    @operator
    def Missing() -> None:
        (tmp_path / "missing").read_text()

    outcomes = [run(each, tmp_path) for each in (Full, Hidden, Missing)]
    assert [isinstance(each, Failed) and each.disk_full for each in outcomes] == [True, True, False]
