"""Lists of children agree with what each child says of itself, for any sweep, rows, deletions and filters."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accio.domain.access import Viewer
from accio.domain.axes import Axis
from accio.domain.datatypes import INTEGER
from accio.domain.people import Person
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, NotFound
from accio_daemon.core.terms import RunNo
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.file.database import prepare
from accio_daemon.storage.nodes import children
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.runs_query import RunRow, find, get_run
from accio_daemon.storage.runs.search import ParamFilter

ANYBODY = Viewer(me=Person(name="anybody"))

ID = "0123456789abcdef"
ENDED = [RunState.SUCCESS, RunState.FAILED, RunState.KILLED]
_INSERT = """
INSERT INTO runs (no, id, kind, workflow_no, owner_name, owner_email, name, notes, seed, sweep, options,
                  operators, children, nodes, sequence, state, closed, cursor, removed, running, success, failed,
                  killed, nodes_ended, created_at)
VALUES (1, ?, 2, 1, 'o', '', '', '', 7, ?, '{"cache":"use"}', '[]', ?, 1, 1, 2, ?, ?, ?, ?, ?, ?, ?, '{}', 1)
"""


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a new database with one workflow."""
    connection = prepare(path)
    try:
        connection.execute("INSERT INTO workflows VALUES (1, 'w', 'v', '{}', '', '', 'o', '', 1)")
        yield connection
    finally:
        connection.close()


def store(
    connection: sqlite3.Connection,
    sweep: Sweep,
    *,
    states: dict[int, RunState],
    removed: list[tuple[int, int]],
    closed: int = 0,
    cursor: int = 0,
) -> RunRow:
    """Replace the one parent by another."""
    connection.execute("DELETE FROM runs")
    connection.execute("DELETE FROM instances")
    counts = [sum(state is each for state in states.values()) for each in (RunState.RUNNING, *ENDED)]
    values = (ID, sweep.to_text(), sweep.size, closed, cursor, orjson.dumps(removed).decode(), *counts)
    connection.execute(_INSERT, values)
    connection.executemany(
        "INSERT INTO instances (run_no, idx, state, started_at) VALUES (1, ?, ?, 1)",
        [(index, RUN_STATES[state]) for index, state in states.items()],
    )
    run = get_run(connection, RunNo(1))
    assert run is not None
    return run


@st.composite
def parents(draw: st.DrawFn) -> tuple[Sweep, dict[int, RunState], list[tuple[int, int]], int, int]:
    """Draw a sweep, rows of some children, deleted intervals, how it is closed, and its cursor."""
    sizes = draw(st.lists(st.integers(1, 5), max_size=3))
    axes = tuple(Axis(f"a{n}", INTEGER, tuple(str(v) for v in range(size))) for n, size in enumerate(sizes))
    sweep = Sweep(axes, draw(st.integers(1, 4)))
    bounds = draw(st.lists(st.integers(0, sweep.size - 1), max_size=4, unique=True).map(sorted))
    removed = [(first, last) for first, last in zip(bounds[::2], bounds[1::2], strict=False)]
    present = [n for n in range(sweep.size) if not any(first <= n <= last for first, last in removed)]
    rows = draw(st.lists(st.sampled_from(present), unique=True)) if present else []
    closed = draw(st.sampled_from([0, 0, 1, 2]))
    begun = [RunState.RUNNING, *ENDED]
    states = {index: draw(st.sampled_from(ENDED if closed else begun)) for index in rows}
    cursor = next((n for n in range(sweep.size) if n in present and n not in states), sweep.size)
    return sweep, states, removed, closed, draw(st.integers(0, cursor))


def listed(
    connection: sqlite3.Connection,
    run: RunRow,
    states: frozenset[RunState],
    params: tuple[ParamFilter, ...],
    limit: int,
) -> list[tuple[int, RunState]]:
    """Read all pages."""
    found: list[tuple[int, RunState]] = []
    low: int | None = 0
    while low is not None:
        page = children.list_children(connection, run, states=states, params=params, low=low, limit=limit)
        assert len(page.children) <= limit
        assert page.low is None or page.low > low
        found += [(child.place, child.state) for child in page.children]
        low = page.low
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    parent=parents(),
    wanted=st.sets(st.sampled_from(list(RunState))),
    value=st.none() | st.tuples(st.integers(0, 2), st.integers(0, 5)),
    limit=st.integers(1, 7),
)
def test_pages_have_every_child_that_matches(
    tmp_path_factory: pytest.TempPathFactory,
    parent: tuple[Sweep, dict[int, RunState], list[tuple[int, int]], int, int],
    wanted: set[RunState],
    value: tuple[int, int] | None,
    limit: int,
) -> None:
    """However pages are cut, together they hold exactly the matching children, in order, in the right states."""
    sweep, rows, removed, closed, cursor = parent
    params = () if value is None else (ParamFilter(name=f"a{value[0]}", texts=frozenset({str(value[1])})),)
    with database(tmp_path_factory.mktemp("db") / "accio.db") as connection:
        run = store(connection, sweep, states=rows, removed=removed, closed=closed, cursor=cursor)
        found = listed(connection, run, frozenset(wanted), params, limit)
        expected = []
        for index in range(sweep.size):
            state = rows.get(index, run.implied)
            fits = value is None or sweep.child(index).get(f"a{value[0]}") == str(value[1])
            if run.has(index) and (not wanted or state in wanted) and fits:
                expected.append((index, state))
        assert found == expected
        counts = {state: count for state, count in run.children_by_state().items() if count}
        states = [rows.get(index, run.implied) for index in range(sweep.size) if run.has(index)]
        assert counts == {state: states.count(state) for state in set(states)}


def test_a_page_of_a_huge_sweep_looks_at_little(tmp_path: Path) -> None:
    """Among ten million children, pages by state, parameter and position take milliseconds, not a walk."""
    sweep = Sweep(
        (Axis("a", INTEGER, tuple(map(str, range(1000)))), Axis("b", INTEGER, tuple(map(str, range(1000))))), 10
    )
    rows = dict.fromkeys(range(5000), RunState.SUCCESS) | {9_000_000: RunState.FAILED}
    with database(tmp_path / "accio.db") as connection:
        run = store(connection, sweep, states=rows, removed=[(6000, 8_000_000)], cursor=5000)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection.set_progress_handler(count, 1000)
        failed = children.list_children(connection, run, states=frozenset({RunState.FAILED}), limit=50)
        assert [child.place for child in failed.children] == [9_000_000]
        scheduled = children.list_children(connection, run, states=frozenset({RunState.SCHEDULED}), low=5990, limit=50)
        assert [child.place for child in scheduled.children][:12] == [*range(5990, 6000), 8_000_001, 8_000_002]
        b = ParamFilter(name="b", texts=frozenset({"7"}))
        sliced = children.list_children(connection, run, params=(b,), low=8_500_000, limit=3)
        assert [child.place for child in sliced.children] == [8_500_070, 8_500_071, 8_500_072]
        assert steps < 100


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{ID}.12", 12),
        ("0123.12", 12),
        (f"{ID}.1", 1),
        (f"{ID}.5", 57),
        (ID, None),
        ("0", None),
    ],
)
def test_ids_and_prefixes_are_resolved(tmp_path: Path, text: str, found: int | None) -> None:
    """An exact index wins over longer ones that begin with it; a deleted one leaves the longer ones."""
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(58)))),))
    with database(tmp_path / "accio.db") as connection:
        store(connection, sweep, states={}, removed=[(5, 5), (50, 56)])
        assert find(connection, text, ANYBODY).index == found


@pytest.mark.parametrize(
    "text", [f"{ID}.58", f"{ID}.007", "9", "not an id", f"{ID}x", "", ".", f"{ID}.-1", f"{ID}." + "9" * 30]
)
def test_what_is_not_there_is_not_found(tmp_path: Path, text: str) -> None:
    """A text that no id begins with finds nothing, whatever it looks like."""
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(58)))),))
    with database(tmp_path / "accio.db") as connection:
        store(connection, sweep, states={}, removed=[])
        with pytest.raises(NotFound, match="no run"):
            find(connection, text, ANYBODY)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{ID}.58", f": the children of {ID} are 0 to 57"),
        (f"{ID}.007", f": the children of {ID} are 0 to 57"),
        ("0123.99", f": the children of {ID} are 0 to 57"),
        (f"{ID}." + "9" * 18, f": the children of {ID} are 0 to 57"),
        (f"{ID}.7", rf": the children of {ID} are 0 to 57 \(it was deleted\)"),
    ],
)
def test_a_child_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, text: str, told: str) -> None:
    """Whoever mistypes the number of a child reads which numbers there are."""
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(58)))),))
    with database(tmp_path / "accio.db") as connection:
        store(connection, sweep, states={}, removed=[(7, 7)])
        with pytest.raises(NotFound, match=f"^there is no run '{text}'{told}$"):
            find(connection, text, ANYBODY)


def test_an_ambiguous_index_lists_candidates(tmp_path: Path) -> None:
    """Several children that a text could mean are named."""
    sweep = Sweep((Axis("a", INTEGER, tuple(map(str, range(300)))),))
    with database(tmp_path / "accio.db") as connection:
        store(connection, sweep, states={}, removed=[(2, 2)])
        with pytest.raises(BadRequest, match=rf"{ID}\.20, .* …: give more"):
            find(connection, f"{ID}.2", ANYBODY)


def test_every_statement_is_named_once() -> None:
    """Statements are found by their names."""
    assert {"columns", "by_id", "instance", "nodes_of"} <= runs_query.SQL.keys()
