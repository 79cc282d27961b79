"""Dataclasses that are finished late are the ones of `dataclasses` to everybody."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, ClassVar

import pytest

from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place."""

    x: int
    y: int = 0
    names: list[str] = dataclasses.field(default_factory=list, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    major: int
    minor: int = 0

    def __post_init__(self) -> None:
        if self.major < 0:
            raise ValueError(self.major)


@dataclass(slots=True)
class Base:
    a: int = 1


@dataclass(slots=True)
class Derived(Base):
    b: int = 2
    a: int = 3


@dataclass(frozen=True, slots=True)
class Counted:
    limit: ClassVar[int] = 7
    x: int


def _fresh() -> tuple[Any, Any]:
    """Return the same class twice: finished late, and made by `dataclasses`."""

    def make(decorator: Any) -> Any:
        class Sample:
            x: int
            y: str = "y"

        return decorator(frozen=True, slots=True, kw_only=True)(Sample)

    return make(dataclass), make(dataclasses.dataclass)


def test_instances_are_built_compared_hashed_and_shown_as_by_dataclasses() -> None:
    """Building, equality, hash, text, order and refusals are those of `dataclasses`."""
    late, plain = _fresh()
    assert repr(late(x=1)) == repr(plain(x=1))
    assert late(x=1) == late(x=1, y="y") != late(x=2)
    assert hash(late(x=1)) == hash(plain(x=1))
    assert isinstance(late(x=1), Hashable)
    assert Version(1, 2) < Version(1, 3)
    for wrong in ({}, {"x": 1, "z": 2}):
        with pytest.raises(TypeError) as told:
            late(**wrong)
        with pytest.raises(TypeError) as expected:
            plain(**wrong)
        assert str(told.value) == str(expected.value)
    with pytest.raises(TypeError):
        late(1)
    with pytest.raises(ValueError, match="-1"):
        Version(-1)


def test_a_class_tells_its_fields_and_its_signature_before_it_has_an_instance() -> None:
    """What asks a class itself finds the same as in a class of `dataclasses`."""
    late, plain = _fresh()
    assert inspect.signature(late) == inspect.signature(plain)
    late, plain = _fresh()
    assert late.__slots__ == plain.__slots__
    assert late.__qualname__ == plain.__qualname__
    assert dataclasses.is_dataclass(late)
    assert [field.name for field in dataclasses.fields(late)] == [field.name for field in dataclasses.fields(plain)]
    assert Point.__doc__ == "A place."


def test_a_frozen_instance_stays_as_it_is() -> None:
    """No attribute can be set or removed, and there is no room for another."""
    point = Point(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2  # type: ignore[misc]  # what is tested
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")
    assert dataclasses.replace(point, y=3) == Point(x=1, y=3)
    assert Point(x=1).names is not Point(x=1).names


def test_an_instance_survives_copies_and_pickles_whoever_reads_it_first() -> None:
    """A copy equals its original, even where the class has no instance yet."""
    for each in (Point(x=1, names=["a"]), Version(1, 2), Derived(b=5)):
        assert copy.copy(each) == copy.deepcopy(each) == pickle.loads(pickle.dumps(each)) == each  # noqa: S301 - our own
    late, _ = _fresh()
    made = late.__new__(late)
    made.__setstate__([4, "z"])
    assert made == late(x=4, y="z")


def test_a_derived_class_has_the_fields_of_its_base_in_their_order() -> None:
    """Fields are inherited, a default can be replaced, and no slot is there twice."""
    assert Derived() == Derived(3, 2)
    assert repr(Derived(b=4)).endswith("Derived(a=3, b=4)")
    assert vars(Derived)["__slots__"] == ("b",)
    match Derived(1, 2):
        case Derived(a, b):
            assert (a, b) == (1, 2)


def test_what_is_unusual_is_left_to_dataclasses() -> None:
    """A class with a class variable is made at once, and right."""
    assert Counted.limit == 7
    assert Counted(3) == Counted(3)
    assert [field.name for field in dataclasses.fields(Counted)] == ["x"]


def test_threads_that_make_the_first_instances_at_once_all_get_theirs() -> None:
    """Finishing a class twice at the same time does no harm."""
    for _ in range(20):
        late, _ = _fresh()
        gate = Barrier(8)

        def first(number: int, late: Any = late, gate: Barrier = gate) -> Any:
            gate.wait(30)
            return late(x=number)

        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(first, range(8)))
        assert made == [late(x=number) for number in range(8)]
        assert len(set(made)) == 8
