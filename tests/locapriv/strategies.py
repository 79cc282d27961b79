"""Random traces for property tests: places within some kilometres, any gaps in time, several traces."""

import numpy as np
from hypothesis import strategies as st

from accio_locapriv.geometry import Plane, degrees_of
from accio_locapriv.traces import Traces
from tests.locapriv.calling import of_events

steps = st.tuples(st.floats(-300, 300), st.floats(-300, 300), st.integers(0, 1_200_000))
centres = st.sampled_from([(48.85, 2.35), (0.0, 0.0), (-33.9, 179.999), (78.0, 15.0)])


@st.composite
def traces(draw: st.DrawFn, max_traces: int = 3, max_events: int = 40) -> Traces:
    """Random walks, some of them empty."""
    lat, lng, time, owners = list[float](), list[float](), list[int](), list[int]()
    ids = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=max_traces, unique=True))
    for owner in range(len(ids)):
        walk = np.asarray(draw(st.lists(steps, max_size=max_events)), dtype=np.float64).reshape(-1, 3).cumsum(axis=0)
        plane = Plane.at(*np.asarray(draw(centres)))
        own_lat, own_lng = degrees_of(plane.unproject(walk[:, :2]))
        lat += own_lat.tolist()
        lng += own_lng.tolist()
        time += walk[:, 2].astype(np.int64).tolist()
        owners += [owner] * len(walk)
    return of_events(ids, owners, lat, lng, time)
