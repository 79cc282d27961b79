"""Sweeps that are no plain grid: values that go together, explicit points, conditions."""

from typing import Any

import pytest

from accio.domain.issues import Issue
from accio.domain.seeds import child_seed
from accio.domain.sweeps import Sweep
from tests.cases.language import check_a_run, library

MILLION = {"from": 1, "to": 1_000_000, "step": 1}


def sweep_of(**keys: Any) -> Sweep:
    checked = check_a_run({"workflow": "probe", **keys}, library())
    assert checked.value is not None, checked.errors
    return checked.value.sweep


def issue_of(**keys: Any) -> Issue:
    checked = check_a_run({"workflow": "probe", **keys}, library())
    (issue,) = checked.errors
    return issue


def rows(sweep: Sweep, *names: str) -> list[tuple[str, ...]]:
    return [tuple(sweep.child(number)[name] for name in names) for number in range(sweep.size)]


def test_zipped_parameters_go_together_and_cross_the_others() -> None:
    """They stand where the first of them does; the others vary as ever, repetitions innermost."""
    params = {"a": {"values": [1, 2]}, "b": {"values": [5, 6]}, "c": {"values": [10, 20]}}
    sweep = sweep_of(params=params, zip=["a", "c"], repeat=2)
    expected = [(1, 5, 10), (1, 6, 10), (2, 5, 20), (2, 6, 20)]
    assert rows(sweep, "a", "b", "c") == [tuple(map(str, each)) for each in expected for _ in range(2)]
    assert sweep.label(6) == "a=2 c=20 b=6 #1"
    assert [sweep.number(*sweep.coordinates(number)) for number in range(sweep.size)] == list(range(8))


def test_zipped_values_may_repeat_and_equal_rows_collapse() -> None:
    """A parameter keeps its equal values where the others differ."""
    params = {"a": {"values": [1, 1, 1]}, "b": {"values": [5, 6, 5]}}
    assert rows(sweep_of(params=params, zip=[["a", "b"]]), "a", "b") == [("1", "5"), ("1", "6")]


def test_zipped_ranges_stay_formulas() -> None:
    """A million pairs take a line in the database."""
    sweep = sweep_of(params={"a": MILLION, "b": {"from": 2_000_000, "to": 1_000_001, "step": -1}}, zip=["a", "b"])
    assert sweep.size == 1_000_000
    assert sweep.child(999_999) | {"a": "1000000", "b": "1000001"} == sweep.child(999_999)
    assert len(sweep.to_text()) < 1_000


@pytest.mark.parametrize(
    "points",
    [
        [{"a": 1, "epsilon": 0.5}, {"a": "2", "epsilon": 0.5}, {"a": 1, "epsilon": "0.5"}],
        {"a": [1, 2, 1], "epsilon": ["0.5", 0.5, 0.5]},
    ],
)
def test_points_are_rows_or_columns(points: Any) -> None:
    """Both mean the same, values are read by the parameters' types, and equal points collapse."""
    sweep = sweep_of(points=points, params={"b": {"values": [7, 8]}})
    assert rows(sweep, "a", "epsilon", "b") == [
        ("1", "0.5", "7"),
        ("1", "0.5", "8"),
        ("2", "0.5", "7"),
        ("2", "0.5", "8"),
    ]


def test_conditions_leave_points_out() -> None:
    """What is left is numbered through, in order."""
    params = {"a": {"from": 1, "to": 4, "step": 1}, "b": {"from": 1, "to": 4, "step": 1}}
    sweep = sweep_of(params=params, where="a<3 or b=4", repeat=3)
    expected = [(a, b) for a in range(1, 5) for b in range(1, 5) if a < 3 or b == 4]
    assert rows(sweep, "a", "b") == [(str(a), str(b)) for a, b in expected for _ in range(3)]


def test_conditions_on_huge_sweeps_are_computed() -> None:
    """Ten million million points less some: the n-th that is left is found at once, and so is its number."""
    sweep = sweep_of(
        params={"a": MILLION, "b": {"from": 1, "to": 12, "step": 1}}, where="(a<=10 or a>999990) and not b=6"
    )
    assert sweep.size == 20 * 11
    assert sweep.child(10 * 11) | {"a": "999991", "b": "1"} == sweep.child(10 * 11)
    assert Sweep.from_text(sweep.to_text()) == sweep


def test_a_point_is_the_same_however_it_is_written() -> None:
    """Seeds depend on values alone: a child has the same one by a grid, a pair, a row or a condition."""
    expected = sweep_of(params={"a": 3, "b": {"values": [4, 5]}}).child_seed(0, 7)
    grid = {"a": {"values": [3, 9]}, "b": {"values": [4, 5]}}
    assert sweep_of(params=grid, zip=["a", "b"]).child_seed(0, 7) == expected
    assert sweep_of(points=[{"a": 1, "b": 1}, {"b": 4, "a": 3}]).child_seed(1, 7) == expected
    filtered = sweep_of(params=grid, where="a=3")
    assert filtered.child_seeds([0, 1], 7)[0] == expected
    types = {axis.name: axis.type for axis in filtered.axes}
    child = {name: (types[name], text) for name, text in filtered.child(0).items()}
    assert child_seed(7, child, 1) == expected


def test_one_point_that_is_left_makes_a_single_run() -> None:
    """As if its values had been written down."""
    kept = sweep_of(params={"a": {"values": [1, 2]}, "b": {"values": [3, 4]}}, where="a=2 b=3")
    assert kept == sweep_of(params={"a": 2, "b": 3})


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        ({"zip": "a"}, "/zip", "names such as"),
        ({"zip": ["a"]}, "/zip", "two or more"),
        ({"zip": [["a", "c"], ["a", "b"]]}, "/zip/1/0", "'a' is zipped twice"),
        ({"zip": ["a", "x"]}, "/zip/1", "no parameter 'x'"),
        ({"zip": ["a", "level"]}, "/zip/1", "'params' has no values of 'level'"),
        ({"zip": ["a", "b"]}, "/zip", "a has 2, b has 3"),
        ({"where": "q<3"}, "/where", "column 1 of \"q<3\": there is no 'q' here"),
        ({"where": "a<"}, "/where", "column 3"),
        ({"where": "a>5"}, "/where", "none of the 12 points is left: a>5"),
        ({"where": "state=failed"}, "/where", "no 'state' here"),
        ({"where": "fast"}, "/where", "words to search for"),
        ({"where": 3}, "/where", "expected a text"),
        ({"points": []}, "/points", "at least one point"),
        ({"points": {"level": []}}, "/points", "at least one point"),
        ({"points": {"level": [1], "uri": ["x", "y"]}}, "/points", "level has 1, uri has 2"),
        ({"points": [{"level": 1}, {"levl": 1}]}, "/points/1", "expected a point with level"),
        ({"points": [{"level": 1}, {"level": "x"}]}, "/points/1/level", "expected integer"),
        ({"points": {"level": [1, 2.5]}}, "/points/level/1", "2.5"),
        ({"points": [{"a": 1}]}, "/params/a", "'points' gives parameter 'a' its values"),
        ({"points": "p.csv"}, "/points", "the name of a file"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(keys: dict[str, Any], path: str, message: str) -> None:
    """Each error has its place in the definition, and says what was expected and found."""
    grid = {"a": {"values": [1, 2]}, "b": {"values": [1, 2, 3]}, "c": {"values": [1, 2]}}
    issue = issue_of(params=grid, **keys)
    assert (issue.path, message in issue.message) == (path, True), issue


def test_a_condition_never_depends_on_the_day() -> None:
    """A time before now is refused: the same definition has the same points for ever."""
    from accio.domain.datatypes import parse_type
    from accio.domain.filters import FilterProblem
    from accio.domain.sweep_check import read_condition

    types = {"day": parse_type("timestamp")}
    assert isinstance(refused := read_condition("day>2d", types), FilterProblem)
    assert "changes with the day" in refused.message
    assert not isinstance(read_condition("day>2026-01-01", types), FilterProblem)


def test_too_many_children_are_counted_by_what_goes_together() -> None:
    """The message names the factors that make the size."""
    keys = {"params": {"a": MILLION, "b": MILLION, "c": {"from": 1, "to": 50, "step": 1}}, "zip": ["a", "b"]}
    assert "(a and b: 1000000 × c: 50)" in issue_of(**keys).message


@pytest.mark.parametrize("method", ["random", "lhs", "sobol"])
def test_samples_draw_from_ranges_and_lists(method: str) -> None:
    """A range without a step is continuous; what doesn't vary stays, and zipped parameters are crossed."""
    params = {
        "epsilon": {"from": 0.001, "to": 1, "log": True},
        "size": {"from": "100.meters", "to": "2.kilometers"},
        "level": {"from": 1, "to": 10},
        "uri": {"values": ["x", "y"]},
        "a": 7,
        "b": {"values": [1, 2]},
        "c": {"values": [3, 4]},
    }
    sweep = sweep_of(params=params, zip=["b", "c"], sample={"method": method, "n": 16, "seed": "5"}, repeat=2)
    assert sweep.size == 16 * 2 * 2
    children = [sweep.child(number) for number in range(0, sweep.size, 4)]
    epsilons = [float(child["epsilon"]) for child in children]
    assert len(set(epsilons)) == 16
    assert 0.001 <= min(epsilons) < 0.03
    assert all(100 <= float(child["size"]) <= 2000 and 1 <= int(child["level"]) <= 10 for child in children)
    assert {child["uri"] for child in children} == {'"x"', '"y"'}
    assert Sweep.from_text(sweep.to_text()).child(33) == sweep.child(33)
    assert sweep_of(params=params, zip=["b", "c"], sample={"method": method, "n": 16, "seed": 5}, repeat=2) == sweep


def test_some_parameters_are_drawn_and_others_crossed() -> None:
    """`params` of a sample names them; conditions leave points out as ever."""
    params = {"a": {"from": 1, "to": 5, "step": 1}, "b": {"from": 1, "to": 5}, "c": {"values": [1, 2]}}
    sweep = sweep_of(params=params, sample={"method": "random", "n": 5, "params": ["b"]}, where="a>3")
    assert sorted(rows(sweep, "a", "b", "c")) == [
        (a, b, c) for a in "45" for b in "12345" for c in "12"
    ]  # fmt: skip


def test_unions_have_their_points_once() -> None:
    """One sweep after the other, without what an earlier one has; what is given beside them is for all."""
    parts = [
        {"params": {"b": {"values": [1, 2]}}, "where": "b>1 or a=1"},
        {"params": {"b": {"values": [2, 3]}}},
        {"points": [{"b": 1}, {"b": 9}, {"b": 2}]},
    ]
    sweep = sweep_of(params={"a": {"values": [1, 2]}}, union=parts, where="not (a=2 b=9)", repeat=2)
    points = rows(sweep, "a", "b")[::2]
    assert points == [("1", "1"), ("1", "2"), ("2", "2"), ("1", "3"), ("2", "3"), ("2", "1"), ("1", "9")]
    again = Sweep.from_text(sweep.to_text())
    assert again == sweep
    assert [again.number(*again.coordinates(number)) for number in range(14)] == list(range(14))


def test_a_part_of_a_union_has_values_of_its_own() -> None:
    """What a part says counts in it, instead of what stands beside the union; that is warned of."""
    document = {"workflow": "probe", "params": {"a": 1, "b": 2}, "union": [{}, {"params": {"a": 5}}]}
    checked = check_a_run(document, library())
    assert checked.value is not None, checked.errors
    assert rows(checked.value.sweep, "a", "b") == [("1", "2"), ("5", "2")]
    assert [issue.path for issue in checked.warnings if "count here" in issue.message] == ["/union/1/params/a"]


def test_unions_of_formulas_stay_formulas() -> None:
    """A parameter with the same range in all parts isn't listed, whatever the others do; samples may be parts."""
    parts = [
        {"params": {"b": 1}},
        {"params": {"b": 2}},
        {"params": {"b": {"from": 3, "to": 10**9}}, "sample": {"method": "lhs", "n": 5, "params": ["b"]}},
    ]
    sweep = sweep_of(params={"a": MILLION}, union=parts, repeat=1)
    assert sweep.size == 7 * 1_000_000
    assert len(sweep.to_text()) < 2_000
    assert sweep.child(1_000_001) | {"a": "2", "b": "2"} == sweep.child(1_000_001)


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        ({"sample": 3}, "/sample", "'method' and 'n'"),
        ({"sample": {"method": "lsh", "n": 3}}, "/sample/method", "random, lhs, sobol"),
        ({"sample": {"method": "lhs"}}, "/sample/n", "1 to 100000"),
        ({"sample": {"method": "lhs", "n": 10**7}}, "/sample/n", "1 to 100000"),
        (
            {"sample": {"method": "lhs", "n": 3, "seed": "x"}},
            "/sample/seed",
            "expected a seed (a 64-bit integer), found",
        ),
        (
            {"sample": {"method": "lhs", "n": 3, "params": ["q"]}},
            "/sample/params/0",
            "expected a parameter of 'params'",
        ),
        ({"sample": {"method": "random", "n": 13}}, "/sample/n", "there are 12 points only"),
        ({"sample": {"method": "lhs", "n": 3, "params": []}}, "/params", "expected a parameter with several values"),
        ({"sample": {"method": "sobol", "n": 4}}, "/sample/n", "'random' never draws a point twice"),
        # The ranges that it would draw from lack nothing, however many points they have.
        (
            {"params": {"a": {"from": 1, "to": 10**9}}, "sample": {"method": "lsh", "n": 3}, "where": "a>3"},
            "/sample/method",
            "random, lhs, sobol",
        ),
        ({"union": []}, "/union", "at least one"),
        ({"union": {}}, "/union", "an array"),
        ({"union": [{"param": {}}]}, "/union/0/param", "no key"),
        ({"union": [{"params": {"q": 1}}]}, "/union/0/params/q", "no parameter 'q'"),
        ({"union": [{"params": {"level": 1}}, {}]}, "/union", "sweep 0 gives 'level' a value, and sweep 1 doesn't"),
        ({"union": [{}], "zip": ["a", "b"]}, "/zip", "in the parts of 'union'"),
        ({"union": [{}, {"points": [{"a": 1}]}]}, "/params/a", "'points' gives parameter 'a' its values"),
        ({"union": None}, "/union", "found null"),
        ({"union": [{"params": None}]}, "/union/0/params", "found null"),
        ({"zip": None}, "/zip", "found null"),
        ({"where": None}, "/where", "expected a text, found null"),
        ({"points": None}, "/points", "found null"),
        ({"sample": None}, "/sample", "found null"),
        ({"sample": {"method": "lhs", "n": "3"}}, "/sample/n", 'found "3"'),
        ({"sample": {"method": "lhs", "n": True}}, "/sample/n", "found true"),
        ({"sample": {"method": "lhs", "n": 3, "seed": 1.5}}, "/sample/seed", "found 1.5"),
        ({"sample": {"method": "lhs", "n": 3, "params": "a"}}, "/sample/params", 'found "a"'),
        ({"union": [{"where": "a>7"}]}, "/union/0/where", "none of the 12 points"),
        ({"union": [{}], "where": "a>7"}, "/union", "none of the points"),
    ],
)
def test_wrong_samples_and_unions_are_told_where_they_stand(keys: dict[str, Any], path: str, message: str) -> None:
    """Each error has its place in the definition, those of a part in the part."""
    grid = {"a": {"values": [1, 2]}, "b": {"values": [1, 2, 3]}, "c": {"values": [1, 2]}}
    issue = issue_of(**({"params": grid} | keys))
    assert (issue.path, message in issue.message) == (path, True), issue


def test_a_sweep_remembers_what_was_written() -> None:
    """For people, also once it was stored; a plain grid has nothing to remember."""
    parts = [{"zip": ["a", "b"]}, {"where": "a=2", "x-why": "ours"}]
    grid = {"a": {"values": [1, 2]}, "b": {"values": [1, 2]}}
    sweep = sweep_of(params=grid, union=parts)
    assert sweep.origin == {"union": [{"zip": ["a", "b"]}, {"where": "a=2"}]}
    assert Sweep.from_text(sweep.to_text()).origin == sweep.origin
    assert sweep_of(params=grid).origin == {}
