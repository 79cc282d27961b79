"""Seeds: the published vectors, and what must never change them."""

from hypothesis import given
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DOUBLE, LONG, parse_type
from accio.domain.seeds import MIN_SEED, SeedTemplate, child_seed, node_seed
from accio.domain.sweeps import Sweep
from tests.unit.domain.vectors import published

SEEDS = st.integers(MIN_SEED, -MIN_SEED - 1)


def assert_published_vectors_hold() -> None:
    """Fail unless the program computes what the documentation says."""
    (vectors,) = published("seeds.md")
    assert len(vectors) >= 8
    for vector in vectors:
        if "node" in vector:
            computed = node_seed(int(vector["run_seed"]), vector["node"])
        else:
            params = {name: (parse_type(kind), text) for name, (kind, text) in vector["params"].items()}
            computed = child_seed(int(vector["parent_seed"]), params, vector["repetition"])
        assert str(computed) == vector["seed"], vector


def test_published_vectors_hold() -> None:
    """The values of docs/seeds.md are those that the program computes."""
    assert_published_vectors_hold()


@given(seed=SEEDS, name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_seeds_are_signed_64_bit(seed: int, name: str) -> None:
    """Every node seed is a signed 64-bit integer."""
    assert MIN_SEED <= node_seed(seed, name) <= -MIN_SEED - 1


def test_datasets_do_not_enter() -> None:
    """Parameters whose type contains dataset, however deep, leave the seed alone."""
    double = {"x": (DOUBLE, "0.5")}
    for kind, text in (("dataset", '"/a"'), ("list(dataset)", '["/a"]'), ("map(string,set(dataset))", "{}")):
        assert child_seed(1, double | {"data": (parse_type(kind), text)}, 1) == child_seed(1, double, 1)


def test_order_of_parameters_does_not_matter() -> None:
    """Parameters enter by name."""
    one, two = (DOUBLE, "0.5"), (LONG, "7")
    assert child_seed(1, {"a": one, "b": two}, 1) == child_seed(1, {"b": two, "a": one}, 1)


def test_absent_parameters_are_left_out() -> None:
    """A template with a parameter that has no value computes the seed without it."""
    template = SeedTemplate({"a": DOUBLE, "b": LONG})
    assert template.seed(3, {"a": "0.5"}, 2) == child_seed(3, {"a": (DOUBLE, "0.5")}, 2)


values = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True)


@given(old=values, more=values, repeat=st.integers(1, 3), extra=st.integers(0, 3), seed=SEEDS)
def test_extending_a_sweep_keeps_seeds(old: list[int], more: list[int], repeat: int, extra: int, seed: int) -> None:
    """More values in any order, more repetitions, and a default written out leave the seeds of earlier points alone."""
    default = Axis("d", LONG, ("4",))
    before = Sweep((Axis("n", LONG, tuple(map(str, old))), default), repeat)
    wider = tuple(dict.fromkeys(map(str, [*more, *reversed(old)])))
    after = Sweep((Axis("d", LONG, ("9", "4")), Axis("n", LONG, wider)), repeat + extra)
    seeds = {}
    for number in range(after.size):
        child = after.child(number)
        seeds[child["n"], child["d"], after.repetition(number)] = after.child_seed(number, seed)
    for number in range(before.size):
        child = before.child(number)
        point = child["n"], child["d"], before.repetition(number)
        assert seeds[point] == before.child_seed(number, seed)
    assert len(set(seeds.values())) == after.size
