"""Running operators declared in Python: inputs, outputs, and every way to fail."""
# ruff: noqa: N802 - operators are named as workflows name them; one gets its hint later

import os
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest

from accio import (
    BadInputError,
    Dataset,
    Distance,
    Duration,
    Help,
    Location,
    OperatorContext,
    Timestamp,
    WritableCopy,
    operator,
)
from accio.domain.failures import TEXT_LIMIT
from accio.domain.states import Cause
from accio.sdk.declare import declaration_of
from accio.sdk.describe import spec_of
from accio.sdk.execution import Failed
from tests.unit.sdk.executing import failure, finished, run


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


@pytest.mark.parametrize("refused", ["expected non-negative integer", "Seed must be between 0 and 2**32 - 1"])
def test_a_seed_that_a_library_does_not_take(tmp_path: Path, refused: str) -> None:
    """Who gives the seed to a library that refuses it is told what the library takes; nobody else is."""

    @operator(unstable=True)
    def Draw(ctx: OperatorContext) -> int:
        raise ValueError(refused if ctx.seed else "")

    @operator(unstable=True)
    def Check(ctx: OperatorContext, n: int = -1) -> int:
        raise ValueError(f"{refused} of {ctx.random.random() + n}")

    assert "ctx.seed % 2**32" in failure(run(Draw, tmp_path, seed=-5)).message
    assert "ctx.seed" not in failure(run(Check, tmp_path, seed=-5)).message


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


def test_a_long_text_leaves_the_name_of_what_was_raised(tmp_path: Path) -> None:
    """Of an exception whose text is too long the end is told, behind the name of its class."""

    @operator
    def Op() -> None:
        raise ValueError("x" * 100_000 + "the end")

    found = failure(run(Op, tmp_path))
    assert found.message.startswith("ValueError: [")
    assert found.message.endswith("the end")
    assert len(found.message) <= TEXT_LIMIT


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
