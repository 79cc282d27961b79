"""Sweeps: mixed radix both ways, labels that differ, exact storage."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.axes import Axis, _Kept
from accio.domain.datatypes import DOUBLE, LONG, STRING, DataType, parse_type
from accio.domain.ranges import WholePoints
from accio.domain.seeds import child_seed
from accio.domain.sweeps import Sweep
from accio.domain.values import canonical
from tests.unit.domain.forms import axis_of
from tests.unit.domain.strategies import texts, types, values

shapes = st.lists(st.integers(1, 5), max_size=4)


def sweep_of(shape: list[int], repeat: int) -> Sweep:
    axes = tuple(Axis(f"p{at}", LONG, tuple(map(str, range(size)))) for at, size in enumerate(shape))
    return Sweep(axes, repeat)


@given(shapes, st.integers(1, 4))
def test_children_are_the_cross_product_in_order(shape: list[int], repeat: int) -> None:
    """The first axis varies slowest, repetitions innermost, and coordinates and numbers are inverse."""
    sweep = sweep_of(shape, repeat)
    expected: list[tuple[tuple[int, ...], int]] = [((), 1)]
    for size in shape:
        expected = [((*indices, at), 1) for indices, _ in expected for at in range(size)]
    expected = [(indices, repetition) for indices, _ in expected for repetition in range(1, repeat + 1)]
    assert [sweep.coordinates(number) for number in range(sweep.size)] == expected
    assert [sweep.number(*coordinates) for coordinates in expected] == list(range(sweep.size))
    for number, (indices, repetition) in enumerate(expected):
        assert sweep.child(number) == {f"p{at}": str(index) for at, index in enumerate(indices)}
        assert sweep.repetition(number) == repetition


def test_there_is_no_child_outside() -> None:
    """A number that is no child's is an error, not another child."""
    sweep = sweep_of([2, 3], 2)
    for number in (-1, 12):
        for look in (sweep.child, sweep.coordinates, sweep.label):
            with pytest.raises(IndexError):
                look(number)
    for axis in (sweep.axes[0], Axis("x", LONG, WholePoints(start=0, step=1, size=3))):
        for index in (-1, 3):
            with pytest.raises(IndexError):
                axis.value_at(index)


def test_a_huge_sweep_costs_nothing() -> None:
    """Any child of 10^30 is computed from its number."""
    axes = tuple(Axis(name, LONG, WholePoints(start=0, step=1, size=10**10)) for name in "abc")
    sweep = Sweep(axes)
    assert sweep.size == 10**30
    assert sweep.child(10**20 * 3 + 10**10 * 4 + 5) == {"a": "3", "b": "4", "c": "5"}
    assert not sweep.is_single


def test_a_sweep_of_nothing_is_single() -> None:
    """No parameters and no repetitions are one child, without a label."""
    sweep = Sweep(())
    assert sweep.is_single
    assert sweep.child(0) == {}
    assert sweep.label(0) == ""
    assert sweep.varying == ()


@given(st.data(), types(1), types(1), st.integers(1, 2))
def test_labels_tell_all_children_apart(data: st.DataObject, one: DataType, two: DataType, repeat: int) -> None:
    """Labels are unique within a sweep, whatever the values look like."""
    axes = []
    for name, datatype in (("a", one), ("b", two)):
        listed = data.draw(st.lists(values(datatype), min_size=1, max_size=3))
        axes.append(Axis(name, datatype, tuple(dict.fromkeys(canonical(datatype, value) for value in listed))))
    sweep = Sweep(tuple(axes), repeat)
    labels = [sweep.label(number) for number in range(sweep.size)]
    assert len(set(labels)) == sweep.size


@given(st.lists(texts, min_size=2, max_size=4, unique=True), st.lists(texts, min_size=2, max_size=4, unique=True))
def test_texts_can_not_imitate_a_label(one: list[str], two: list[str]) -> None:
    """Texts with spaces, equal signs and quotation marks don't make two labels equal."""
    first, second = [*one, "1 b=2", "1"], [*two, "3", "2 b=3"]
    axes = tuple(
        Axis(name, STRING, tuple(dict.fromkeys(json.dumps(text) for text in listed)))
        for name, listed in (("a", first), ("b", second))
    )
    sweep = Sweep(axes)
    assert len({sweep.label(number) for number in range(sweep.size)}) == sweep.size


@pytest.mark.parametrize(
    ("kind", "listed", "labels"),
    [
        ("double", [0.1, 1e-07], ["p=0.1", "p=1e-07"]),
        ("boolean", [True, False], ["p=true", "p=false"]),
        ("string", ["a b", "plain-text"], ['p="a b"', "p=plain-text"]),
        ("string", ["", "x"], ['p=""', "p=x"]),
        ("distance", ["1.km", "1.5.m"], ["p=1000.meters", "p=1.5.meters"]),
        ("location", ["1,2", "3,4"], ["p=1,2", "p=3,4"]),
        ("list(integer)", [[1, 2], []], ["p=[1,2]", "p=[]"]),
        ("map(string,double)", [{"a": 1}, {}], ['p={"a":1.0}', "p={}"]),
        (
            "dataset",
            ["/" + "x" * 100 + "1", "/" + "x" * 100 + "2"],
            ["p=/" + "x" * 19 + "…" + "x" * 19 + "1[0]", "p=/" + "x" * 19 + "…" + "x" * 19 + "2[1]"],
        ),
    ],
)
def test_labels_show_the_users_form(kind: str, listed: list[Any], labels: list[str]) -> None:
    """Values look as people write them; long ones are shortened and numbered."""
    sweep = Sweep((axis_of(kind, {"values": listed}),))
    assert [sweep.label(number) for number in range(sweep.size)] == labels


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("double", {"from": 0, "to": 1, "step": 0.3333333333333333}),
        ("double", {"from": 1e-5, "to": 1, "log": True, "count": 17}),
        ("double", {"from": 3, "to": 50, "log2": True}),
        ("long", {"from": -(2**63), "to": 2**63 - 1, "step": 2**61}),
        ("timestamp", {"from": 0, "to": 10, "count": 3}),
        ("distance", {"from": "1.m", "to": "2.m", "step": "0.1.m"}),
        ("duration", {"from": 1, "to": 1000, "log": True}),
        ("map(string,double)", {"values": [{"a": 1}, {"b": 0.1}]}),
    ],
)
def test_sweeps_are_stored_exactly(kind: str, form: dict[str, Any]) -> None:
    """The stored text gives the same values, and a range stays a formula."""
    sweep = Sweep((axis_of(kind, form), Axis("q", DOUBLE, ("0.1",))), 3)
    again = Sweep.from_text(sweep.to_text())
    assert again == sweep
    assert hash(again) == hash(sweep)
    assert list(again.axes[0].values()) == list(sweep.axes[0].values())
    assert again.axes[0].is_formula == sweep.axes[0].is_formula
    assert again.to_text() == sweep.to_text()


def test_values_are_found_on_listed_axes() -> None:
    """A canonical text is found at its index, or nowhere."""
    axis = axis_of("list(double)", {"values": [[1], [2, 3]]})
    assert axis.index_of("[2.0,3.0]") == 1
    assert axis.index_of("[3.0,2.0]") is None


def test_the_cache_of_an_axis_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walking along an axis keeps a bounded number of texts."""
    monkeypatch.setattr("accio.domain.axes._KEPT", _Kept())  # the bound is that of all axes: others' texts count, too
    axis = Axis("x", LONG, WholePoints(start=0, step=1, size=100_000))
    assert [axis.value_at(at) for at in range(0, 100_000, 999)] == [str(at) for at in range(0, 100_000, 999)]
    for at in range(40_000):
        axis.value_at(at)
    assert len(axis._cache) <= 20_000


@given(shapes, st.integers(1, 3), st.integers(-(2**63), 2**63 - 1))
def test_child_seeds_are_those_of_the_definition(shape: list[int], repeat: int, seed: int) -> None:
    """The fast paths, for one child and for many, compute the documented seed."""
    sweep = sweep_of(shape, repeat)
    numbers = range(0, min(sweep.size, 20), 2)
    for number in numbers:
        params = {name: (LONG, text) for name, text in sweep.child(number).items()}
        assert sweep.child_seed(number, seed) == child_seed(seed, params, sweep.repetition(number))
    assert sweep.child_seeds(numbers, seed) == [sweep.child_seed(number, seed) for number in numbers]


def test_sweeps_say_what_they_are() -> None:
    """The representation shows sizes, for logs and failing tests."""
    sweep = sweep_of([2, 3], 4)
    assert repr(sweep) == "Sweep(24 = p0:2 × p1:3 × 4)"
    assert repr(sweep.axes[1]) == "Axis(p1: long, 3 values, 0 to 2)"
    assert sweep.axis("p1") is sweep.axes[1]
    assert sweep.axis("nope") is None
    assert sweep != sweep_of([2, 3], 3)
    assert parse_type("long") == sweep.axes[0].type
