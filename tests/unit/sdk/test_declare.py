"""`@operator`: ports from signatures, and what is refused."""
# ruff: noqa: N802, ANN001 - operators are named as workflows name them; some hints are bad

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from accio import (
    Byte,
    Dataset,
    Distance,
    Duration,
    Help,
    InvalidDefinition,
    Location,
    Long,
    OperatorContext,
    Timestamp,
    WritableCopy,
    operator,
)
from accio.sdk.declare import Declaration, declaration_of
from accio.sdk.describe import spec_of
from tests.unit.sdk.refusing import refusal


class Pair(NamedTuple):
    """Two outputs.

    Attributes:
        first: the first one
    """

    first: int
    second: Annotated[float, Help("the second one")]


@dataclass
class Result:
    data: Dataset
    labels: dict[str, list[float]]


@dataclass
class Nothing:
    pass


def declared(thing: object) -> Declaration:
    """The declaration of what must be an operator."""
    found = declaration_of(thing)
    assert found is not None
    return found


def test_decorated_things_stay_what_they_were() -> None:
    """A decorated function is called, and a decorated class is instantiated, as if nothing had happened."""

    @operator
    def Twice(x: int) -> int:
        return 2 * x

    @operator(name="Other")
    class Thrice:
        def run(self, x: int) -> int:
            return 3 * x

    assert Twice(4) == 8
    assert Thrice().run(4) == 12
    assert (declared(Twice).name, declared(Thrice).name) == ("Twice", "Other")


def test_every_data_type_has_a_hint() -> None:
    """Ports take their types from hints: scalars, quantities, collections of them, in any standard container."""

    @operator
    def Op(
        a: Byte, b: int, c: Long, d: float, e: bool, f: str, g: Distance, h: Duration, i: Timestamp, j: Location,
        k: Dataset, q: list[int], m: tuple[float, ...], n: set[str], o: frozenset[Long], p: dict[str, list[Distance]],
    ) -> None:  # fmt: skip
        """Has one of each."""

    assert [str(port.type) for port in spec_of(declared(Op)).inputs] == [
        "byte", "integer", "long", "double", "boolean", "string", "distance", "duration", "timestamp", "location",
        "dataset", "list(integer)", "list(double)", "set(string)", "set(long)", "map(string,list(distance))",
    ]  # fmt: skip


def test_an_alias_of_a_type_stands_for_it() -> None:
    """`type X = …`, as NumPy's NDArray is since 2.5, generic or not; one that is made of itself is refused."""
    element = TypeVar("element")
    numbers = TypeAliasType("numbers", list[float])
    some = TypeAliasType("some", list[element], type_params=(element,))
    array = TypeAliasType("array", np.ndarray[tuple[Any, ...], np.dtype[element]], type_params=(element,))

    @operator
    def Aliased(a: numbers, b: some[int], c: array[np.int64], d: numbers | None = None) -> numbers:
        return [float(bool(a and b and d)) + c.size]

    declared = declaration_of(Aliased)
    assert declared is not None
    spec = spec_of(declared)
    assert [f"{port.name}: {port.type}" for port in spec.inputs] == [
        "a: list(double)", "b: list(integer)", "c: dataset", "d: list(double)"
    ]  # fmt: skip
    assert [str(port.type) for port in spec.outputs] == ["list(double)"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="an alias that is made of itself needs the statement `type`")
def test_an_alias_that_is_made_of_itself_is_refused() -> None:
    """It says so, in place of the interpreter's own RecursionError."""
    names: dict[str, Any] = {}
    exec("type Tree = list[Tree]\ndef endless(a: Tree) -> None: ...", names)  # noqa: S102 - the syntax of 3.12
    with pytest.raises(InvalidDefinition, match=r"list\[Tree\] is made of itself"):
        operator(names["endless"])


def test_only_datasets_have_copies() -> None:
    """A copy of anything else is refused where it is declared, and so is a name that leads elsewhere."""
    with pytest.raises(InvalidDefinition, match="WritableCopy is for a Dataset, not for int"):

        @operator
        def Op(x: Annotated[int, WritableCopy()]) -> None:
            """Never is one."""

    for name in ("a/b", "..", "."):
        with pytest.raises(ValueError, match="expected the name of a file or a folder"):
            WritableCopy(name)


def test_defaults_and_optional_inputs() -> None:
    """A default is a default, `| None` makes an input optional, and `= None` says no more than that."""

    @operator
    def Op(
        a: float = 1,
        b: int | None = None,
        c: str | None = "x",
        d: Distance = Distance(200.0),  # noqa: B008 - distances are immutable
        e: Annotated[int | None, Help("an E")] = None,
        *,
        f: tuple[int, ...] = (1, 2),
    ) -> None:
        """Has defaults."""

    ports = spec_of(declared(Op)).inputs
    assert [(port.name, port.default, port.optional) for port in ports] == [
        ("a", "1.0", False),
        ("b", None, True),
        ("c", '"x"', True),
        ("d", "200.0", False),
        ("e", None, True),
        ("f", "[1,2]", False),
    ]
    assert ports[4].help == "an E"


def test_context_is_no_port() -> None:
    """A first argument named ctx gets the context, whether it has a hint or not."""

    @operator(unstable=True)
    def Op(ctx, x: int) -> int:  # type: ignore[no-untyped-def]  # the hint is optional
        return x

    @operator
    class Other:
        def run(self, ctx: OperatorContext, x: int) -> int:
            return x

    for found in (declared(Op), declared(Other)):
        assert found.takes_context
        assert [port.name for port in found.inputs] == ["x"]


def test_outputs() -> None:
    """A NamedTuple or dataclass has a port per field, a single type one named value, None none."""

    @operator
    def A() -> Pair:
        return Pair(1, 2.0)

    @operator
    def B() -> Result:
        return Result(Dataset("x"), {})

    @operator
    def C() -> Annotated[list[str], Help("all")]:
        return []

    @operator
    def D() -> None:
        pass

    @operator
    def E() -> Nothing:
        return Nothing()

    @operator
    def F() -> Distance:
        return Distance(1.0)

    outputs = [[(p.name, str(p.type), p.help) for p in spec_of(declared(op)).outputs] for op in (A, B, C, D, E, F)]
    assert outputs == [
        [("first", "integer", "the first one"), ("second", "double", "the second one")],
        [("data", "dataset", ""), ("labels", "map(string,list(double))", "")],
        [("value", "list(string)", "all")],
        [],
        [],
        [("value", "distance", "")],
    ]


def test_options() -> None:
    """Options arrive in the spec, in its units."""

    @operator(
        name="Geo-I", unstable=True, cpus=1.5, memory="512MiB", disk="1GB", gpus=1, resources={"licence": 2},
        category="lppm", deprecated="use X", timeout="15.minutes", retries=2, retry_backoff=Duration(500),
        isolated=True, help="H", retry_memory=2.5, memory_limit="2GiB",
    )  # fmt: skip
    def anything() -> None:
        pass

    spec = spec_of(declared(anything))
    assert (spec.retry_memory, spec.memory_limit) == (2.5, 2 << 30)
    assert (spec.name, spec.unstable, spec.category, spec.deprecated) == ("Geo-I", True, "lppm", "use X")
    assert (spec.timeout_ms, spec.retries, spec.retry_backoff_ms) == (900_000, 2, 500)
    assert (spec.isolated, spec.help) == (True, "H")
    resources = {"cpus": 1.5, "memory": 512 * 2**20, "disk": 10**9, "gpus": 1, "custom": {"licence": 2}}
    assert spec.resources.to_json() == resources
    assert spec.problems() == ()


@pytest.mark.parametrize("option", ["timeout", "retry_backoff"])
def test_a_duration_has_a_unit(option: str) -> None:
    """A bare number, which would be milliseconds and is meant as seconds, is refused."""

    def anything() -> None:
        pass

    with pytest.raises(InvalidDefinition, match=f'{option}: expected a duration with its unit, such as "3.seconds"'):
        operator(**{option: 3})(anything)  # type: ignore[call-overload]  # that is what is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"retry_memory": 2.0, "retries": 1}, 'needs a limit to multiply: give memory, such as "2GiB"'),
        ({"memory_limit": "4GiB", "memory": "1GiB"}, "give retry_memory, such as 2.0"),
        ({"memory_limit": "1GiB", "memory": "1GiB", "retry_memory": 2.0}, "more than the 1.0 GiB that it begins with"),
        ({"memory_limit": "much", "memory": "1GiB", "retry_memory": 2.0}, "memory_limit: expected a size such as"),
        ({"retry_memory": 1.0, "memory": "1GiB", "retries": 1}, "expected a factor above 1, at most 1024, found 1"),
        ({"retry_memory": "much", "memory": "1GiB", "retries": 1}, "expected a factor such as 2.0"),
    ],
)
def test_a_factor_that_multiplies_nothing_is_refused(options: dict[str, Any], says: str) -> None:
    """More memory after a failure needs a limit to begin with, a factor above 1, and a limit above that to end with."""

    def anything() -> None:
        pass

    with pytest.raises(InvalidDefinition, match=says):
        operator(**options)(anything)


@pytest.mark.parametrize(
    "sections",
    [
        "Args:\n    x: The x,\n        in metres.\n    y (int): The y.\n\nReturns:\n    z: Not a port.",
        "Parameters\n----------\nx : float\n    The x,\n    in metres.\ny\n    The y.\n\nReturns\n-------\nz : int",
        ":param x: The x,\n    in metres.\n:param int y: The y.\n:returns: z",
    ],
    ids=["google", "numpy", "sphinx"],
)
def test_help_from_docstrings(sections: str) -> None:
    """Docstring sections give the ports their help, what stands before them is the operator's."""

    def Op(x: float, y: int) -> None:
        pass

    Op.__doc__ = f"Does it.\n\nAnd well.\n\n{sections}"
    spec = spec_of(declared(operator(Op)))
    assert spec.help == "Does it.\n\nAnd well."
    assert [port.help for port in spec.inputs] == ["The x, in metres.", "The y."]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: float
    y: float


@pytest.mark.parametrize(
    ("hint", "instead"),
    [
        (list[Point], "Annotated[Point, Whole()] there, or an input for each of its fields (x, y)"),
        (set[np.ndarray], "can be no element of a set"),
        (np.float32, "write float"),
        (np.int64, "write int, or Long for 64 bits"),
        (date, "write datetime, or str"),
        (bytes, "write Dataset"),
        (Any, "say which one of them it is"),
        (Iterator[int], "write list[int]"),
        (Literal["a", 1], "write Literal of texts, or of integers"),
        (tuple[float, str], "write tuple[T, ...]"),
        (threading.Lock, "data types are int, "),
    ],
    ids=str,
)
def test_another_hint_is_refused_with_the_spelling_that_does(hint: Any, instead: str) -> None:
    """Whoever writes what Python has and Accio hasn't learns what to write."""

    def Bad(x) -> None:  # type: ignore[no-untyped-def]  # set below
        """Never is one."""

    Bad.__annotations__["x"] = hint
    assert instead in refusal(Bad)


def test_listed_values_are_told_and_checked() -> None:
    """A Literal is a text or an integer; its values are in the help, and a default is one of them."""

    @operator
    def Op(mode: Annotated[Literal["fast", "exact"], Help("how")] = "fast", level: Literal[1, 2] = 1) -> None:
        """Has choices."""

    inputs = spec_of(declared(Op)).inputs
    assert [(str(port.type), port.help) for port in inputs] == [
        ("string", "how (one of 'fast', 'exact')"),
        ("integer", "(one of 1, 2)"),
    ]
    assert [port.choices for port in inputs] == [('"fast"', '"exact"'), ("1", "2")]

    @operator
    def Large(level: Literal[1, 5_000_000_000]) -> None:
        """Has a choice of more than 32 bits."""

    assert str(spec_of(declared(Large)).inputs[0].type) == "long"

    def Huge(level: Literal[1, 100_000_000_000_000_000_000]) -> None:  # type: ignore[valid-type]  # too large for mypy as well
        """Is refused."""

    assert "100000000000000000000 can be no value of a port" in refusal(Huge)

    def Bad(mode: Literal["fast", "exact"] = "slow") -> None:  # type: ignore[assignment]  # refused
        """Never is one."""

    assert "the default of input 'mode' is 'slow'; expected one of 'fast', 'exact'" in refusal(Bad)


def test_type_of_a_port_must_be_a_data_type() -> None:
    """A port of another type is refused, naming the operator and the port; all that is wrong is told at once."""

    def Bad(  # type: ignore[no-untyped-def]  # refused
        rows: Iterator[int],
        x,
        y: int | str,
        z: dict,  # type: ignore[type-arg]  # refused
        *args: int,
    ) -> Iterator[int]:
        return rows

    message = refusal(Bad)
    assert "Bad" in message
    for port in ("rows", "x", "y", "z", "args", "outputs"):
        assert f"/{port}" in message


def test_subclass_of_an_operator_is_none() -> None:
    """A declaration isn't inherited: a subclass that isn't decorated is no operator."""

    @operator
    class Base:
        def run(self) -> None:
            pass

    class Derived(Base):
        pass

    assert declaration_of(Derived) is None
