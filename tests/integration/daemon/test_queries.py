"""Queries over stored runs and children agree with asking each of them, and lists come in any order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import INTEGER, STRING
from accio.domain.filters import Row, matches
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest
from accio.v1 import accio_pb2
from accio_daemon.storage.nodes import sorting
from accio_daemon.storage.nodes.sorting import Order, list_sorted
from accio_daemon.storage.runs import search
from accio_daemon.storage.runs.run_rows import read_run_query
from accio_daemon.storage.runs.search import Filters, Search, list_runs
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import ScriptedAgent
from tests.integration.daemon.test_search import OWNERS, RUNS, Known, database
from tests.integration.daemon.workflows import DRAWING, FAILING

NOW = 1_000
QUERIES = [
    "state=failed",
    "state in failed, killed",
    "not state=failed",
    "tag=a tag=b",
    "tag=a or tag=b",
    "tag!=a",
    "owner=Ada",
    "owner~x.org or name=one",
    "owner~X.ORG tag=a",
    "owner=ADA",
    "owner=nobody",
    "owner~a owner~ada",
    "name=one",
    'name="two words" not tag=c',
    "workflow=w",
    "workflow=w:v2",
    "workflow!=w",
    "words",
    "notes~some",
    "x=2",
    "x=2 x=3",
    "x=02",
    "x=2 tag=a",
    "x<2 x>2",
    "x!=2",
    "not x=2",
    "created>5ms",
    "created<1970-01-01T00:00:00.009Z created>=1970-01-01T00:00:00.004Z",
    "started>1h",
    "not ended>1h",
    "kind=single",
    "kind=parent",
    "progress<50%",
    "cause=exception",
    "state=failed state=success",
    "()",
    "not ()",
]
WORKFLOWS = ["w:v1", "w:v2", "v:v1"]


def as_row(no: int, run: Known) -> Row:
    """Say what queries may know of a run."""
    return {
        "state": run.state.value,
        "owner": (run.owner.name, run.owner.email),
        "tag": tuple(sorted(run.tags)),
        "workflow": WORKFLOWS[run.workflow - 1],
        "name": run.name,
        "notes": run.notes,
        "created": no,
        "kind": "single",
        "progress": 1.0 if run.state.value in ("success", "failed", "killed") else 0.0,
        "param.x": Axis("x", INTEGER, tuple(map(str, run.values))),
    }


@pytest.mark.parametrize("examined", [5, 20_000])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(runs=RUNS, query=st.sampled_from(QUERIES), limit=st.integers(1, 6))
def test_pages_of_a_query_have_every_run_that_matches(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    examined: int,
    runs: list[Known],
    query: str,
    limit: int,
) -> None:
    """Whichever index drives a query, its pages together hold the runs that match when each is asked."""
    monkeypatch.setattr(search, "EXAMINED", examined)
    monkeypatch.setattr(search, "_BATCH", 4)
    checked = read_run_query(query, NOW)
    numbered = list(enumerate(runs, start=1))
    expected = [no for no, run in reversed(numbered) if not run.deleted and matches(checked, as_row(no, run))]
    found: list[int] = []
    with database(tmp_path_factory.mktemp("db") / "accio.db", runs) as connection:
        before: int | None = None
        while True:
            page = list_runs(connection, Filters(query=checked), before, limit)
            found += [run.no for run in page.runs]
            before = page.before
            if before is None:
                break
    assert found == expected


PLAIN = Known(
    state=RunState.SUCCESS,
    owner=OWNERS[0],
    workflow=1,
    name="",
    notes="",
    tags=frozenset(),
    values=(2,),
    listed=True,
    deleted=False,
)


@pytest.mark.parametrize("query", ["owner=nobody", "owner~nobody state=failed", "x=7"])
def test_a_query_that_an_index_answers_looks_at_no_run(tmp_path: Path, query: str) -> None:
    """Where nobody owns a run, or no run has that number, none is looked at, however many there are."""
    run = replace(PLAIN, state=RunState.FAILED)
    with database(tmp_path / "accio.db", [run] * 20) as connection:
        found = Search(connection, Filters(query=read_run_query(query, NOW)))
        assert not found.possible or not list(found.candidates(2**62))


@pytest.mark.parametrize("examined", [5, 20_000])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    runs=RUNS, query=st.sampled_from(["", "tag=a", "not state=failed"]), column=st.sampled_from(["created", "name"]),
    down=st.booleans(), limit=st.integers(1, 6),
)  # fmt: skip
def test_pages_in_another_order_have_every_run_once(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    examined: int,
    runs: list[Known],
    query: str,
    column: str,
    down: bool,
    limit: int,
) -> None:
    """Sorted as a whole or read along an index, the pages are the same: all that match, in order."""
    monkeypatch.setattr(search, "EXAMINED", examined)
    monkeypatch.setattr(search, "_BATCH", 4)
    checked = read_run_query(query, NOW)
    rows = [(no, run) for no, run in enumerate(runs, start=1) if not run.deleted and matches(checked, as_row(no, run))]
    expected = sorted(((run.name if column == "name" else no, no) for no, run in rows), reverse=down)
    order = Order(column=column, descending=down)
    found: list[int] = []
    with database(tmp_path_factory.mktemp("db") / "accio.db", runs) as connection:
        after: sorting.Key | None = None
        while True:
            page = list_sorted(connection, Filters(query=checked if query else None), order, after, limit)
            found += [run.no for run in page.runs]
            after = page.after
            if after is None:
                break
    assert found == [no for _, no in expected]


@pytest.mark.parametrize("column", sorting.COLUMNS)
def test_few_runs_are_sorted_by_any_column(tmp_path: Path, column: str) -> None:
    """Each column of the list has a value to sort by, downwards the reverse of upwards."""
    runs = [known(name) for name in ("b", "a", "c")]
    with database(tmp_path / "accio.db", runs) as connection:
        up = list_sorted(connection, Filters(), Order.read(column), None, 10).runs
        down = list_sorted(connection, Filters(), Order.read(f"-{column}"), None, 10).runs
    assert len(up) == 3
    assert up == down[::-1]


def test_too_many_runs_are_not_sorted_without_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sorting would mean to look at too many, the refusal says by what they can be sorted."""
    monkeypatch.setattr(search, "EXAMINED", 2)
    with (
        database(tmp_path / "accio.db", [known("a")] * 3) as connection,
        pytest.raises(BadRequest, match=r"more than 2 runs .* by 'owner': say more .* created, started, ended, name"),
    ):
        list_sorted(connection, Filters(), Order.read("owner"), None, 10)


def test_filters_hold_also_where_an_index_gives_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are read along an index of the column are those that pass every filter, tags included."""
    monkeypatch.setattr(search, "EXAMINED", 2)
    with database(tmp_path / "accio.db", [known("ab"), known("a"), known("b"), known("bc")]) as connection:
        found: list[str] = []
        after: sorting.Key | None = None
        while True:
            page = list_sorted(connection, Filters(tags=("b",)), Order.read("-name"), after, 10)
            found += [run.name for run in page.runs]
            after = page.after
            if after is None:
                break
    assert found == ["bc", "b", "ab"]


def known(name: str) -> Known:
    """Return a run of a name."""
    return Known(
        state=RunState.SUCCESS,
        owner=OWNERS[0],
        workflow=1,
        name=name,
        notes="",
        tags=frozenset(name),
        values=(1,),
        listed=True,
        deleted=False,
    )


async def children(daemon: Serving, parent: str, where: str, **fields: Any) -> list[int]:
    """List the children that match, page after page."""
    found: list[int] = []
    cursor = ""
    while True:
        request = accio_pb2.ListRequest(parent=parent, where=where, limit=2, cursor=cursor, **fields)
        page = await daemon.accio.List(request)
        found += [run.index for run in page.runs]
        cursor = page.next
        if not cursor:
            return found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("x>1", [2, 3, 4, 5]),
        ("x>1 repeat=2", [3, 5]),
        ("Plain/value>=4 x<3", [2, 3]),
        ("not Plain/value>=4", [0, 1]),
        ("Plain.wall_us<1s index!=0", [1, 2, 3, 4, 5]),
        ("state=success x in (1, 3)", [0, 1, 4, 5]),
        ("state=failed or index=5", [5]),
        ("agent~a", [0, 1, 2, 3, 4, 5]),
        ("cause=exception", []),
        ("progress=1 started>1h ended>1h operator=Double", [0, 1, 2, 3, 4, 5]),
        ("owner~ada sweep", [0, 1, 2, 3, 4, 5]),
        ("owner~bob", []),
    ],
)
async def test_children_are_found_by_what_they_are_and_gave(
    daemon: Serving, agent: ScriptedAgent, where: str, found: list[int]
) -> None:
    """Parameters, repetitions, states, times, agents, outputs and metrics of children, and what their parent is."""
    await daemon.push(DRAWING)
    sweep = {"workflow": "drawing", "name": "sweep", "params": {"x": {"values": [1, 2, 3]}}, "repeat": 2}
    run = await daemon.finished(sweep, caller="Ada <ada@x.org>")
    assert await children(daemon, run.id, where) == found
    assert await children(daemon, run.id, where, sort="-index") == found[::-1]


async def test_too_many_children_are_not_sorted(
    daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal says how to have fewer, and what sorts all of them, by what it can sort."""
    monkeypatch.setattr(sorting, "EXAMINED", 2)
    await daemon.push(DRAWING)
    run = await daemon.finished({"workflow": "drawing", "params": {"x": {"values": [1, 2, 3]}}})
    assert await children(daemon, run.id, "x<3", sort="-took")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await children(daemon, run.id, "index>=0", sort="-took")
    assert "more than 2 children" in str(refused.value.details())
    assert "such as state=failed; `accio table" in str(refused.value.details())


async def test_failed_children_are_found_by_their_cause(daemon: Serving, agent: ScriptedAgent) -> None:
    """A cause finds the children of a sweep, and over all runs the sweep."""
    await daemon.push(FAILING)
    run = await daemon.finished({"workflow": FAILING["id"], "repeat": 2})
    assert await children(daemon, run.id, 'cause="exit code" or cause=exception') == [0, 1]
    page = await daemon.accio.List(accio_pb2.ListRequest(where='cause="exit code" or cause=exception'))
    assert [each.id for each in page.runs] == [run.id]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"where": "stat=failed or state=faild"}, "did you mean failed"),
        ({"where": "agent=a"}, "inside one sweep only"),
        ({"where": "Plain/value>1"}, "inside one sweep only"),
        ({"where": "a and"}, "expected"),
        ({"sort": "nmae"}, "did you mean name"),
        ({"sort": "name", "cursor": "12"}, "expected a cursor"),
    ],
)
async def test_a_query_that_cannot_be_read_says_where(daemon: Serving, fields: Any, message: str) -> None:
    """A bad query, column or cursor is a bad request with advice."""
    with pytest.raises(grpc.aio.AioRpcError, match=message) as caught:
        await daemon.accio.List(accio_pb2.ListRequest(**fields))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


WORDY = ("Straße", "STRASSE", "ﬁt at 3 K", "İzmir", "a\0strasse", "fit", "kelvin 3 k", "izmir", "x'\"\\y")


@pytest.mark.parametrize("part", ["strasse", "STRASSE", "ﬁ", "fi", "k", "K", "i̇zmir", "zmir", "'\"\\y", "%", "_", "v1"])
def test_words_are_found_whatever_their_letters(tmp_path: Path, part: str) -> None:
    """What the database leaves out before runs are looked at has no word, by the rules of case of every alphabet."""
    runs = [PLAIN, *(replace(PLAIN, name=each) for each in WORDY), *(replace(PLAIN, notes=each) for each in WORDY)]
    runs += [replace(PLAIN, tags=frozenset({each})) for each in WORDY]
    written = part.replace("\\", "\\\\").replace('"', '\\"')
    with database(tmp_path / "accio.db", runs) as connection:
        texts = len(runs)
        axis = Axis("word", STRING, (orjson.dumps("Straße").decode(),))
        connection.execute("UPDATE runs SET sweep = ? WHERE no = ?", (Sweep((axis,)).to_text(), texts))
        for query in (f'"{written}"', f'name~"{written}"', f'notes~"{written}" kind=single'):
            checked = read_run_query(query, NOW)
            found = [run.no for run in list_runs(connection, Filters(query=checked), None, 100).runs]
            rows: dict[int, Row] = {no: as_row(no, run) for no, run in enumerate(runs, start=1)}
            rows[texts] = {**rows[texts], "param.x": ("Straße",)}
            assert found == [no for no in sorted(rows, reverse=True) if matches(checked, rows[no])], query
