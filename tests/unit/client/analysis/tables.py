"""Sweeps with results, by hand and made up by hypothesis."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DOUBLE, LONG, STRING, DataType
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio_client.analysis.columns import STATES, Floats, Mask, Numbers, SweepTable

SUCCESS, FAILED = (STATES.index(state) for state in (RunState.SUCCESS, RunState.FAILED))
VALUE = "Node/value"


def sweep_of(*sizes: int, repeat: int = 1) -> Sweep:
    """A sweep over `a`, `b`, `c` … with the values 0, 1, 2 …"""
    axes = (Axis(name, LONG, tuple(map(str, range(size)))) for name, size in zip("abcdef", sizes, strict=False))
    return Sweep(tuple(axes), repeat)


def table_of(sweep: Sweep, values: Any, present: Mask | None = None, failed: Mask | None = None) -> SweepTable:
    """A table with one output, whose children succeeded but for *failed*."""
    states = np.full(sweep.size, SUCCESS, np.uint8)
    if failed is not None:
        states[failed] = FAILED
    flat: Floats = np.asarray(values, dtype=np.float64).reshape(-1)
    column = Numbers(name=VALUE, values=flat, present=present, type=DOUBLE)
    return SweepTable(run="01run", sweep=sweep, states=states, numbers={VALUE: column})


def axis_of(name: str, datatype: DataType, *texts: str) -> Axis:
    return Axis(name, datatype, texts)


def words_axis(name: str, *words: str) -> Axis:
    return Axis(name, STRING, tuple(f'"{word}"' for word in words))


@st.composite
def tables(draw: st.DrawFn, *, odd: bool = False) -> SweepTable:
    """Small sweeps with values, some of them missing, and with *odd* some of them not finite."""
    sizes = draw(st.lists(st.integers(1, 4), max_size=3))
    sweep = sweep_of(*sizes, repeat=draw(st.integers(1, 4)))
    plain = st.floats(-1e6, 1e6)
    value = st.one_of(plain, st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 1e-200])) if odd else plain
    values = draw(st.lists(value, min_size=sweep.size, max_size=sweep.size))
    present = draw(st.one_of(st.none(), st.lists(st.booleans(), min_size=sweep.size, max_size=sweep.size)))
    return table_of(sweep, values, None if present is None else np.array(present, dtype=np.bool_))
