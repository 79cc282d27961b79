"""The states of children as bytes agree with their rows, for any sweep, deletions and sizes of chunks."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio_daemon.storage.codes import RUN_STATE_OF
from accio_daemon.storage.exports import child_states
from tests.builders import INTEGER
from tests.integration.daemon.test_children import database, parents, store


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(parent=parents(), limit=st.integers(1, 9), least=st.sampled_from([1, 3, 1_000]), data=st.data())
def test_states_are_those_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory,
    parent: tuple[Sweep, dict[int, RunState], list[tuple[int, int]], int, int],
    limit: int,
    least: int,
    data: st.DataObject,
) -> None:
    """However chunks are cut, and whether the few or all rows are read: each row's state is told once, in order."""
    sweep, rows, removed, closed, cursor = parent
    low = data.draw(st.integers(0, sweep.size - 1))
    high = data.draw(st.integers(low, sweep.size - 1))
    with pytest.MonkeyPatch.context() as patched, database(tmp_path_factory.mktemp("db") / "accio.db") as connection:
        patched.setattr(child_states, "_LEAST", least)
        run = store(connection, sweep, states=rows, removed=removed, closed=closed, cursor=cursor)
        found: list[tuple[int, RunState]] = []
        following: int | None = low
        while following is not None:
            indices, states, following = child_states.begun(connection, run.no, following, high, limit)
            assert len(indices) == len(states) <= limit
            assert not indices or following is None or following > indices[-1]
            found += [(index, RUN_STATE_OF[number]) for index, number in zip(indices, states, strict=True)]
        assert found == [(index, rows[index]) for index in sorted(rows) if low <= index <= high]


def test_of_children_of_whom_most_are_in_one_state_only_the_others_are_read(tmp_path: Path) -> None:
    """The steps of the database don't grow with the children that are in the state of most."""
    rows = dict.fromkeys(range(20_000), RunState.SUCCESS) | {7: RunState.FAILED, 19_999: RunState.RUNNING}
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(20_000)))),))
    with database(tmp_path / "accio.db") as connection:
        run = store(connection, sweep, states=rows, removed=[], cursor=20_000)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection.set_progress_handler(count, 100)
        indices, states, following = child_states.begun(connection, run.no, 0, 19_999, 50_000)
        assert steps < 20
        assert (indices, following) == (range(20_000), None)
        assert [RUN_STATE_OF[number] for number in states] == list(dict(sorted(rows.items())).values())
