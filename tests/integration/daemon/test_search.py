"""Lists of runs agree with looking at each run, for any runs, filters and pages."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import INTEGER
from accio.domain.people import Person
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.file.database import prepare
from accio_daemon.storage.runs import search
from accio_daemon.storage.runs.search import Filters, ParamFilter, Search, fts_query, list_runs, text_condition

OWNERS = [Person(name="Ada", email="ada@x.org"), Person(name="Ada", email=""), Person(name="Bob", email="bob@y.org")]
_INSERT = """
INSERT INTO runs (no, id, kind, workflow_no, owner_name, owner_email, name, notes, seed, sweep, options,
                  operators, children, nodes, sequence, state, closed, cursor, removed, running, success, failed,
                  killed, nodes_ended, created_at)
VALUES (?, ?, 1, ?, ?, ?, ?, ?, 7, ?, '{"cache":"use"}', '[]', 1, 1, 1, ?, ?, 0, '[]', 0, 0, 0, 0, '{}', ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A run as the test knows it."""

    state: RunState
    owner: Person
    workflow: int
    name: str
    notes: str
    tags: frozenset[str]
    values: tuple[int, ...]
    listed: bool  # whether its values are in the index
    deleted: bool


RUNS = st.lists(
    st.builds(
        Known,
        state=st.sampled_from(list(RunState)),
        owner=st.sampled_from(OWNERS),
        workflow=st.integers(1, 3),
        name=st.sampled_from(["", "one", "two words"]),
        notes=st.sampled_from(["", "some words", "more"]),
        tags=st.frozensets(st.sampled_from("abc")),
        values=st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True).map(tuple),
        listed=st.booleans(),
        deleted=st.sampled_from([False, False, False, True]),
    ),
    max_size=30,
)
FILTERS = st.builds(
    Filters,
    states=st.frozensets(st.sampled_from(list(RunState)), max_size=2),
    tags=st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple),
    owner=st.sampled_from(["", "", "ada", "ADA@X", "<bob", "nobody"]),
    name=st.sampled_from([None, None, "one", "two words"]),
    workflow=st.sampled_from([None, None, ("w", ""), ("w", "v2"), ("v", ""), ("u", "")]),
    text=st.sampled_from(["", "", "words", "wor*", "more one", 'o"ne']),
    notes=st.sampled_from(["", "", "more", "wor* ", "one"]),
    params=st.sampled_from([(), (), (ParamFilter(name="x", texts=frozenset({"2"})),)]),
    created_after_ms=st.sampled_from([0, 0, 5, 12]),
    created_before_ms=st.sampled_from([0, 0, 9, 25]),
)


@contextmanager
def database(path: Path, runs: list[Known]) -> Iterator[sqlite3.Connection]:
    """Store runs numbered from 1, created at their number."""
    connection = prepare(path)
    connection.execute("BEGIN")
    for no, name, version in ((1, "w", "v1"), (2, "w", "v2"), (3, "v", "v1")):
        given = (no, name, version, '{"params": [{"name": "x", "kind": "integer"}]}')
        connection.execute("INSERT INTO workflows VALUES (?, ?, ?, ?, '', '', 'o', '', 1)", given)
    for no, run in enumerate(runs, start=1):
        axis = Axis("x", INTEGER, tuple(map(str, run.values)))
        values = (no, f"{no:016}", run.workflow, run.owner.name, run.owner.email, run.name, run.notes)
        closed = 3 if run.deleted else 0
        connection.execute(_INSERT, (*values, Sweep((axis,)).to_text(), RUN_STATES[run.state], closed, no))
        if run.name or run.notes:
            connection.execute("INSERT INTO run_text (rowid, name, notes) VALUES (?, ?, ?)", (no, run.name, run.notes))
        connection.executemany("INSERT INTO tags VALUES (?, ?)", [(tag, no) for tag in run.tags])
        texts = [str(value) for value in run.values] if run.listed else [None]
        connection.executemany("INSERT INTO run_params VALUES ('x', ?, ?)", [(text, no) for text in texts])
    connection.execute("COMMIT")
    try:
        yield connection
    finally:
        connection.close()


def passes(no: int, run: Known, filters: Filters) -> bool:
    """Say whether a run should be listed."""
    words = f"{run.name} {run.notes}".lower().split()
    wanted = [word.replace('"', " ") for word in filters.text.split()]
    texts = [part for word in wanted for part in word.split()]
    workflow = [("w", "v1"), ("w", "v2"), ("v", "v1")][run.workflow - 1]
    return (
        not run.deleted
        and (not filters.states or run.state in filters.states)
        and run.tags >= set(filters.tags)
        and filters.owner.lower() in f"{run.owner.name} <{run.owner.email}>".lower()
        and (filters.name is None or run.name == filters.name)
        and (filters.workflow is None or (workflow[0], filters.workflow[1] and workflow[1]) == filters.workflow)
        and all(_has(words, text) for text in texts)
        and all(_has(run.notes.lower().split(), word) for word in filters.notes.split())
        and (not filters.params or 2 in run.values)
        and no >= filters.created_after_ms
        and (not filters.created_before_ms or no < filters.created_before_ms)
    )


def _has(words: list[str], wanted: str) -> bool:
    return any(word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted for word in words)


@pytest.mark.parametrize("examined", [5, 20_000])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(runs=RUNS, filters=FILTERS, limit=st.integers(1, 6))
def test_pages_have_every_run_that_matches(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    examined: int,
    runs: list[Known],
    filters: Filters,
    limit: int,
) -> None:
    """However pages are cut, and however little each looks at, together they hold the matching runs, newest first."""
    monkeypatch.setattr(search, "EXAMINED", examined)
    monkeypatch.setattr(search, "_BATCH", 4)
    expected = [no for no, run in reversed(list(enumerate(runs, start=1))) if passes(no, run, filters)]
    with database(tmp_path_factory.mktemp("db") / "accio.db", runs) as connection:
        found: list[int] = []
        before: int | None = None
        while True:
            page = list_runs(connection, filters, before, limit)
            assert len(page.runs) <= limit
            found += [run.no for run in page.runs]
            if page.before is None:
                break
            assert before is None or page.before < before
            before = page.before
    assert found == expected


def test_indexes_answer_before_rows_are_read(tmp_path: Path) -> None:
    """What a filter asks of a candidate is looked up in an index alone: most candidates' rows are never read."""
    everything = Filters(
        states=frozenset({RunState.FAILED}), tags=("a",), owner="a", name="one", workflow=("w", ""), text="words"
    )
    with database(tmp_path / "accio.db", []) as connection:
        statement, values = Search(connection, everything, driven=False)._conditions
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", {**values, "nos": "[1]"})
        steps = [step for *_, step in plan if step.startswith("SEARCH s ")]
    assert len(steps) == 4, steps
    assert all("COVERING INDEX" in step and "rowid=?" in step for step in steps), steps


def test_words_are_only_words() -> None:
    """Whatever is typed is a query for words; only a star at the end means something else."""
    assert fts_query('a "b c* NOT OR') == '"a" """b" "c"* "NOT" "OR"'
    assert fts_query(" * ") == ""


@given(st.text(st.sampled_from("ab\"*'():^-+{}\0\x1b\n é")), st.text(st.sampled_from('a"*\0 ')))
def test_any_text_is_a_search(text: str, notes: str) -> None:
    """Whatever characters are typed, SQLite takes them for words: no syntax of its queries, and no end of one."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE VIRTUAL TABLE run_text USING fts5(name, notes)")
        connection.execute("INSERT INTO run_text VALUES ('a b', 'a')")
        if query := text_condition(text, notes):
            connection.execute("SELECT rowid FROM run_text WHERE run_text MATCH ?", (query,)).fetchall()
    connection.close()


def test_notes_are_looked_at_apart_from_names() -> None:
    """Words of both filters must be there; a filter without a word can't be met."""
    assert text_condition("a b", "c*") == '("a" "b") AND notes : ("c"*)'
    assert text_condition("a", "*") == text_condition("*", "a") == ""
