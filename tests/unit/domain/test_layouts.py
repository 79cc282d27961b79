"""Numbering points of digits, conditions and blocks: the same as by listing them, and so are queries over them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import LONG
from accio.domain.filters import matches, read_query, select, sweep_context
from accio.domain.filters.slices import kept_points
from accio.domain.layouts import Alike, Block, Digit, Layout, Listed
from accio.domain.sweeps import Sweep

SIZES = (3, 4, 2)
AXES = tuple(Axis(name, LONG, tuple(map(str, range(size)))) for name, size in zip("abc", SIZES, strict=True))
QUERIES = ("a<2", "b>=1 or c=1", "a=1 b<3", "not (a=0 and b=0)", "c=0 or a>b_", "repeat=2 or b=2", "index>3 a>0")


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    rows = draw(st.lists(st.tuples(*(st.integers(0, size - 1) for size in SIZES[:2])), min_size=1, unique=True))
    first = draw(st.sampled_from(["crossed", "listed", "alike"]))
    digits = [Digit((2,), Alike(1, SIZES[2]))]
    match first:
        case "crossed":
            digits = [Digit((1,), Alike(1, 4)), Digit((0,), Alike(1, 3)), *digits]
        case "listed":
            digits = [*digits, Digit((0, 1), Listed(list(zip(*rows, strict=True))))]
        case _:
            digits = [Digit((0, 1), Alike(2, 3)), *digits]
    kept = None
    if draw(st.booleans()):
        context = sweep_context(Sweep(AXES), now_ms=0)
        kept = kept_points(read_query(draw(st.sampled_from(["a<2", "b>0 or c=1", "not a=1"])), context), AXES, digits)
    whole = Block(digits, kept)
    if whole.size == 0:
        return Block(digits)
    gone = draw(st.sets(st.integers(0, whole.size - 1), max_size=whole.size - 1))
    return Block(digits, kept, [(at, at) for at in sorted(gone)])


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    """Draw a sweep of blocks of which none has a point of another."""
    made = draw(st.lists(blocks(), min_size=1, max_size=3))
    disjoint: list[Block] = []
    for block in made:
        there = [block.find(point) for other in disjoint for point in _points(other)]
        gone = sorted({*(at for at in there if at is not None)})
        if not block.removed and len(gone) < block.size:
            disjoint.append(Block(block.digits, block.kept, [(at, at) for at in gone]))
        elif not gone:
            disjoint.append(block)
    return Sweep(AXES, draw(st.integers(1, 3)), Layout(disjoint or made[:1]))


def _points(block: Block) -> list[tuple[int, ...]]:
    layout = Layout([block])
    return [layout.indices(point, len(AXES)) for point in range(layout.size)]


@given(sweeps())
def test_points_are_numbered_both_ways(sweep: Sweep) -> None:
    """No two children are the same, and a child's coordinates lead back to its number, also of a stored sweep."""
    children = [sweep.coordinates(number) for number in range(sweep.size)]
    assert len(set(children)) == sweep.size
    assert [sweep.number(*each) for each in children] == list(range(sweep.size))
    again = Sweep.from_text(sweep.to_text())
    assert again == sweep
    assert [again.coordinates(number) for number in range(sweep.size)] == children
    assert len({sweep.label(number) for number in range(sweep.size)}) == sweep.size


def row(sweep: Sweep, number: int) -> dict[str, Any]:
    child = {f"param.{name}": int(text) for name, text in sweep.child(number).items()}
    return {**child, "repeat": sweep.repetition(number), "index": number}


@settings(max_examples=200)
@given(sweeps(), st.sampled_from(QUERIES))
def test_queries_find_what_looking_at_each_child_finds(sweep: Sweep, query: str) -> None:
    """Size, order, membership and position agree; what isn't about parameters is left over."""
    checked = read_query(query.replace("b_", "1"), sweep_context(sweep, now_ms=0))
    selected = select(checked, sweep)
    children = list(map(selected.children.number, range(selected.children.size)))
    found = [number for number in children if matches(selected.rest, row(sweep, number))]
    assert found == [number for number in range(sweep.size) if matches(checked, row(sweep, number))]
    assert children == sorted(children)
    for number in range(sweep.size + 1):
        assert selected.children.first(number) == sum(child < number for child in children)
    assert [number for number in range(sweep.size) if selected.children.contains(number)] == children


@given(sweeps(), st.integers(0, 2), st.integers(0, 3), st.booleans())
def test_children_with_given_values_are_found(sweep: Sweep, a: int, b: int, both: bool) -> None:
    """By one value or two, on axes that go together or don't."""
    fixed = {0: a, 1: b} if both else {1: b}
    found = sweep.with_indices(fixed)
    assert [found.number(k) for k in range(found.size)] == [
        number
        for number in range(sweep.size)
        if all(sweep.coordinates(number)[0][axis] == index for axis, index in fixed.items())
    ]


@given(sweeps(), st.sets(st.integers(0, 2), min_size=1))
def test_a_stride_never_crosses_a_change(sweep: Sweep, axes: set[int]) -> None:
    """So many children from a multiple of it on agree on the axes."""
    stride = sweep.stride(frozenset(axes))
    for number in range(sweep.size):
        here, there = (sweep.coordinates(at)[0] for at in (number, number - number % stride))
        assert all(here[axis] == there[axis] for axis in axes)
