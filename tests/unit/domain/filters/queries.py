"""Queries that hypothesis makes up, and the sweep that they are asked of."""

from decimal import Decimal

from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DISTANCE, DOUBLE, LONG, STRING
from accio.domain.filters import (
    EVERYTHING,
    Comparison,
    Context,
    Filter,
    Not,
    OneOf,
    Op,
    Text,
    all_of,
    any_of,
    sweep_context,
)
from accio.domain.ranges import WholePoints, linear
from accio.domain.sweeps import Sweep

NOW = 1_769_860_800_000  # 2026-01-31T12:00:00Z

any_text = st.text(max_size=8)
names = st.one_of(any_text, st.sampled_from(["and", "OR", "not", "in", "a b", "Node/port", "x"]))


def combined(leaves: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    """Filters of at most some levels over these leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(all_of),
            st.lists(inner, min_size=2, max_size=3).map(any_of),
        ),
        max_leaves=10,
    )


filters = st.one_of(
    st.just(EVERYTHING),
    combined(
        st.one_of(
            names.map(Text),
            st.builds(Comparison, names, st.sampled_from(Op), any_text),
            st.builds(OneOf, names, st.lists(any_text, min_size=1, max_size=3).map(tuple)),
        )
    ),
)

SWEEP = Sweep(
    (
        Axis("n", LONG, WholePoints(start=9, step=-2, size=6)),
        Axis("x", DOUBLE, linear(Decimal("0"), Decimal("1"), Decimal("0.25"))),
        Axis("size", DISTANCE, ("100.0", "2000.0", "50.0")),
        Axis("uri", STRING, ('"/data/Geolife"', '"/data/other"')),
    ),
    repeat=3,
)
CONTEXT: Context = sweep_context(SWEEP, now_ms=NOW)

_ordered = st.sampled_from([op for op in Op if op is not Op.CONTAINS])
sweep_filters = combined(
    st.one_of(
        st.builds(Comparison, st.just("n"), _ordered, st.sampled_from(["-2", "0", "1", "4.5", "9", "12"])),
        st.builds(Comparison, st.just("x"), _ordered, st.sampled_from(["-1", "0", "0.25", "0.3", "1", "2"])),
        st.builds(Comparison, st.just("size"), _ordered, st.sampled_from(["50m", "0.1km", "2km", "3m"])),
        st.builds(
            Comparison,
            st.just("uri"),
            st.sampled_from([Op.CONTAINS, Op.DIFFERENT]),
            st.sampled_from(["geo", "/data/other"]),
        ),
        st.builds(Comparison, st.just("repeat"), _ordered, st.sampled_from(["1", "2", "7"])),
        st.builds(OneOf, st.just("n"), st.lists(st.sampled_from(["1", "3", "8"]), min_size=1).map(tuple)),
        st.sampled_from(["geolife", "data", "nowhere"]).map(Text),
        st.just(Comparison("owner", Op.EQUAL, "ada")),
    )
)
