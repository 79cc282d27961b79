"""Columns of a real daemon: what is read of a sweep, of one child, and again of what was open."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from accio.domain.states import RunState
from accio.errors import BadRequest, NotFound
from accio_client import AsyncClient, collected
from accio_client.analysis.columns import STATES
from accio_client.asked_pictures import Asked, draw
from accio_client.export.exporting import Options
from accio_daemon.services.calls import columns as calls
from accio_daemon.storage.codes import RUN_STATES
from accio_daemon.storage.exports import export
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import Outputs, ScriptedAgent, joined, operator
from tests.integration.daemon.workflows import DRAWING, FAILING

SWEEP = {"workflow": "drawing", "params": {"x": {"values": [3, 1, 2]}}, "repeat": 2}
POINTS = {"workflow": "drawing", "points": [{"x": 3}, {"x": 1}, {"x": 2}], "repeat": 2}

COUNTING = {
    "id": "counting",
    "params": [{"name": "n", "kind": "integer"}],
    "graph": [{"op": "Count", "inputs": {"n": {"param": "n"}}}],
}
COUNT = operator(
    "Count",
    (("n", "integer", None),),
    (("sizes", "map(string,double)"), ("names", "map(integer,string)"), ("even", "boolean")),
)


def count(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs:
    """Return maps with n members each, and whether n is even."""
    n = inputs["n"]
    sizes = {f"k.{each}": each / 2 for each in range(n)}
    names = {str(each): "x" * each for each in range(n)}
    documents = {"sizes": sizes, "names": names, "even": n % 2 == 0}
    return {port: orjson.dumps(each, option=orjson.OPT_SORT_KEYS).decode() for port, each in documents.items()}


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Serving]:
    """A daemon with an empty data folder."""
    async with serving(configured(tmp_path / "data")) as running:
        yield running


@pytest.fixture
async def agent(daemon: Serving) -> AsyncIterator[ScriptedAgent]:
    """An agent that computes what its operators promise."""
    async with joined(daemon.agents) as agent:
        yield agent


@pytest.fixture
async def client(daemon: Serving) -> AsyncIterator[AsyncClient]:
    """A client of the daemon."""
    token = daemon.config.token.read_text().split()[0]
    async with AsyncClient(daemon.daemon.address, token=token, user="Ada <ada@x.org>") as client:
        yield client


async def test_columns_hold_the_numbers_of_a_sweep(daemon: Serving, agent: ScriptedAgent, client: AsyncClient) -> None:
    """States and outputs stand at the children's places; without names, every output that is a number is there."""
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    found = await client.columns(run.id)
    assert set(found.table.numbers) == {"Draw/value", "Double/value", "Plain/value"}
    assert found.table.numbers["Plain/value"].values.tolist() == [6.0, 6.0, 2.0, 2.0, 4.0, 4.0]
    assert [STATES[code] for code in found.table.states] == [RunState.SUCCESS] * 6
    assert found.open == ()


async def test_many_chunks_make_the_same_columns(
    daemon: Serving, agent: ScriptedAgent, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of one child tell what one chunk of all tells."""
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    whole = await client.columns(run.id)
    monkeypatch.setattr(calls, "_ROWS", 1)
    pieces = await client.columns(run.id)
    for name, column in whole.table.numbers.items():
        assert pieces.table.numbers[name].values.tolist() == column.values.tolist()


@pytest.mark.parametrize("passed", [0, 8], ids=["looked up", "passed"])
async def test_deleted_children_and_missing_results_leave_the_others_in_their_places(
    daemon: Serving, agent: ScriptedAgent, client: AsyncClient, monkeypatch: pytest.MonkeyPatch, passed: int
) -> None:
    """Whichever way nodes are found, and in chunks of every size, each child has its own numbers and state."""
    monkeypatch.setattr(export, "_PASSED", passed)
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    await client.delete([f"{run.id}.1", f"{run.id}.4"])
    _set_aside(daemon, run.id, 3)
    for rows in (1, 2, 3, 100):
        monkeypatch.setattr(calls, "_ROWS", rows)
        found = await client.columns(run.id, ports=["Plain"])
        values = found.table.numbers["Plain/value"]
        assert values.valid.tolist() == [True, False, True, False, False, True]
        assert values.values[values.valid].tolist() == [6.0, 2.0, 4.0]
        states = [STATES[code] for code in found.table.states[[0, 2, 3, 5]]]
        assert states == [RunState.SUCCESS, RunState.SUCCESS, RunState.FAILED, RunState.SUCCESS]


def _set_aside(daemon: Serving, run: str, index: int) -> None:
    """Store that a child has failed at its last node."""
    with closing(sqlite3.connect(daemon.config.database)) as connection, connection:
        values = (RUN_STATES[RunState.FAILED], run, index)
        connection.execute(
            "UPDATE instances SET state = ? WHERE run_no = (SELECT no FROM runs WHERE id = ?) AND idx = ?", values
        )
        connection.execute(
            "UPDATE nodes SET result = NULL WHERE run_no = (SELECT no FROM runs WHERE id = ?) AND idx = ?", values[1:]
        )


async def test_a_child_and_a_single_run_have_columns_of_one_row(
    daemon: Serving, agent: ScriptedAgent, client: AsyncClient
) -> None:
    """A child's columns hold its own values, and its sweep its own parameters."""
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    child = await client.columns(f"{run.id}.2", ports=["Plain"])
    assert child.table.numbers["Plain/value"].values.tolist() == [2.0]
    assert child.head.sweep.child(0) == {"x": "1.0"}
    single = await daemon.finished({"workflow": "drawing", "params": {"x": 5}})
    found = await client.columns(single.id, ports=["Plain/value"], metrics=["Draw.wall_us"])
    assert found.table.numbers["Plain/value"].values.tolist() == [10.0]
    assert found.table.numbers["Draw.wall_us"].values.tolist() == [1500.0]


async def test_only_what_was_open_is_read_again(daemon: Serving, client: AsyncClient) -> None:
    """What hasn't ended is told as open; read again with that, the columns are those of a whole reading."""
    async with joined(daemon.agents):
        await daemon.push(DRAWING)
        done = await daemon.finished(SWEEP)
    waiting = await daemon.submit({"workflow": "drawing", "params": {"x": {"values": [7, 8]}}})
    before = await client.columns(waiting.id)
    assert before.open == ((0, 2),)
    async with joined(daemon.agents):
        await client.wait(waiting.id)
        after = await client.columns(waiting.id, before=before)
    whole = await client.columns(waiting.id)
    assert after.open == whole.open == ()
    assert after.table.numbers["Plain/value"].values.tolist() == [14.0, 16.0]
    assert whole.table.states.tolist() == after.table.states.tolist()
    ended = await client.columns(done.id)
    await client.update(done.id, tags=["told"])
    again = await client.columns(done.id, before=ended)
    assert again.table.numbers["Plain/value"] is ended.table.numbers["Plain/value"], "what has ended isn't copied"
    assert again.table.same_for_all["tag"] == ("told",)


async def test_deleted_children_are_left_out(daemon: Serving, agent: ScriptedAgent, client: AsyncClient) -> None:
    """A deletion counts the generation up, and columns that were read before are read anew."""
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    before = await client.columns(run.id)
    assert before.there is None
    await client.delete([f"{run.id}.1"])
    after = await client.columns(run.id, before=before)
    assert after.generation > before.generation
    assert after.there is not None
    assert np.flatnonzero(~after.there).tolist() == [1]
    frame = await client.frame(run.id, backend="arrow")
    assert frame["index"].to_pylist() == [0, 2, 3, 4, 5]


async def test_failures_come_with_their_reasons(daemon: Serving, agent: ScriptedAgent, client: AsyncClient) -> None:
    """Each node that failed is told with its cause; a query may ask for causes."""
    await daemon.push(FAILING)
    run = await daemon.finished({"workflow": "failing", "repeat": 3})
    found = await client.columns(run.id, outputs=False, failures=True)
    failed = list(found.failures.among(np.ones(3, dtype=np.bool_)))
    assert [(each.child, each.node) for each in failed] == [(0, "Fail"), (1, "Fail"), (2, "Fail")]
    cause = failed[0].cause
    chosen = await client.selected(run.id, where=f'cause="{cause}" repeat>1', outputs=False)
    assert np.flatnonzero(chosen.mask).tolist() == [1, 2]
    retried = await client.retry([run.id])
    assert [each.changed for each in retried] == [True]
    await client.wait(run.id)
    assert (await client.columns(run.id, outputs=False)).generation > found.generation


async def test_frames_select_children_by_queries(daemon: Serving, agent: ScriptedAgent, client: AsyncClient) -> None:
    """A query on parameters or outputs selects rows, in each kind of data frame."""
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    for backend in ("pandas", "polars", "arrow"):
        frame = await client.frame(run.id, where="x>=2 Plain/value>4", ports=["Draw"], backend=backend)
        assert list(map(float, frame["x"].to_numpy())) == [3.0, 3.0]
        assert list(map(int, frame["repeat"].to_numpy())) == [1, 2]
        assert "Plain/value" not in list(getattr(frame, "column_names", None) or frame.columns)


@pytest.mark.parametrize("definition", [SWEEP, POINTS], ids=["grid", "points"])
async def test_points_are_exported_from_columns_as_from_rows(
    daemon: Serving,
    agent: ScriptedAgent,
    client: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    definition: dict[str, Any],
) -> None:
    """Statistics of a sweep are computed without its rows, and are the same bytes as from them; some were deleted."""
    await daemon.push(DRAWING)
    run = await daemon.finished(definition)
    await client.delete([f"{run.id}.1", f"{run.id}.2", f"{run.id}.3"])
    by_rows = Options(folder=tmp_path / "rows", aggregate=True)
    rows = await client.export([run.id, run.id], by_rows)  # of several runs, child by child
    monkeypatch.setattr(AsyncClient, "export_chunks", None)
    columns = await client.export(run.id, Options(folder=tmp_path / "columns", aggregate=True))
    assert [each.path.name for each in columns] == [each.path.name for each in rows]
    assert [each.rows for each in columns] == [each.rows for each in rows] == [2, 2, 2]
    for one, other in zip(columns, rows, strict=True):
        assert one.path.read_bytes() == other.path.read_bytes()


async def test_statistics_of_maps_are_read_from_rows(counting: Serving, client: AsyncClient, tmp_path: Path) -> None:
    """What has a row per member has a mean per member, whichever children have it."""
    run = await counting.finished({"workflow": "counting", "params": {"n": {"values": [1, 2]}}})
    (file,) = await client.export(run.id, Options(folder=tmp_path, aggregate=True))
    assert [line.split(",")[1:5] for line in file.path.read_text().splitlines()] == [
        ["param.n", "key", "n", "mean"],
        ["1", "k.0", "1", "0.0"],
        ["2", "k.0", "1", "0.0"],
        ["2", "k.1", "1", "0.5"],
    ]


async def test_wrong_names_are_refused_with_advice(daemon: Serving, agent: ScriptedAgent, client: AsyncClient) -> None:
    """What there isn't is named, with what was probably meant; a query shows its place."""
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    with pytest.raises(NotFound, match="did you mean Plain/value"):
        await client.columns(run.id, ports=["Plain/valu"])
    with pytest.raises(BadRequest, match=r"Node\.metric"):
        await client.columns(run.id, metrics=["wall_us"])
    with pytest.raises(NotFound, match="did you mean Draw"):
        await client.columns(run.id, metrics=["Drew.wall_us"])
    with pytest.raises(BadRequest, match=r"\^"):
        await client.frame(run.id, where="xx>2")
    with pytest.raises(BadRequest, match="pandas, polars, arrow"):
        await client.frame(run.id, backend="excel")


@pytest.fixture
async def counting(daemon: Serving) -> AsyncIterator[Serving]:
    """A daemon with an agent whose operator gives maps."""
    async with joined(daemon.agents, operators=(COUNT,), behaviour=count):
        await daemon.push(COUNTING)
        yield daemon


async def test_members_of_maps_are_columns(counting: Serving, client: AsyncClient) -> None:
    """Without names, those of maps of numbers; also members that only later children have."""
    run = await counting.finished({"workflow": "counting", "params": {"n": {"values": [1, 3]}}})
    found = await client.columns(run.id)
    numbers = found.table.numbers
    assert set(numbers) == {"Count/even", "Count/sizes.k.0", "Count/sizes.k.1", "Count/sizes.k.2"}
    assert numbers["Count/sizes.k.2"].values[1] == 1.0
    assert numbers["Count/sizes.k.2"].valid.tolist() == [False, True]
    assert str(numbers["Count/sizes.k.2"].type) == "double"
    assert found.table.texts == {}


async def test_members_are_asked_for_by_name(counting: Serving, client: AsyncClient) -> None:
    """By the output's name all of them, else one; texts as well; and queries may ask about them."""
    run = await counting.finished({"workflow": "counting", "params": {"n": {"values": [1, 2, 3]}}})
    one = await client.columns(run.id, ports=["Count/sizes.k.1", "names"])
    assert set(one.table.numbers) == {"Count/sizes.k.1"}
    assert set(one.table.texts) == {"Count/names.0", "Count/names.1", "Count/names.2"}
    chosen = await client.selected(run.id, where="Count/sizes.k.1>0", ports=["even"])
    assert np.flatnonzero(chosen.mask).tolist() == [1, 2]
    assert chosen.numbers() == ["Count/even"]
    with pytest.raises(NotFound, match="did you mean Count/sizes"):
        await client.columns(run.id, ports=["Count/size"])
    with pytest.raises(NotFound, match=r"a member of the map Count/sizes is named Count/sizes\.loss$"):
        await client.columns(run.id, ports=["loss"])
    with pytest.raises(NotFound, match=r"has no node 'names'; .* is named Count/sizes\.loss$"):
        await client.columns(run.id, metrics=["names.loss"])


async def test_a_picture_of_a_member_needs_its_own_name_alone(counting: Serving, client: AsyncClient) -> None:
    """`k.1` is `Count/sizes.k.1`, as no other map has such a member; of two it is said which there are."""
    run = await counting.finished({"workflow": "counting", "params": {"n": {"values": [1, 2, 3]}}})
    found, meant = await client.picture_of(run.id, Asked(kind="cdf", y="k.1"))
    assert (meant.y, found.numbers()) == ("Count/sizes.k.1", ["Count/sizes.k.1"])
    assert str(draw(found, meant).head.counted) == "2 of 3 children, 1 without value"
    with pytest.raises(NotFound, match=r"a member of the map Count/sizes is named Count/sizes\.loss$"):
        await client.picture_of(run.id, Asked(kind="cdf", y="loss"))
    head = await client.column_head(run.id)
    head.types["Count/names.k.1"] = head.types["Count/names.0"]
    with pytest.raises(BadRequest, match=r"'k\.1' could be any of Count/sizes\.k\.1, Count/names\.k\.1: name one"):
        Asked(kind="cdf", y="k.1").with_members(head)


async def test_a_member_that_no_child_has_is_refused(counting: Serving, client: AsyncClient) -> None:
    """Tables, frames and pictures had no such column without a word, or called it a text; with children that have not
    even a map nobody knows yet.
    """
    run = await counting.finished({"workflow": "counting", "params": {"n": {"values": [1, 2]}}})
    for by in (None, ["n"]):
        with pytest.raises(NotFound, match=r"no child has a member 'l\.0' of the map Count/sizes; did you mean"):
            await client.frame(run.id, ports=["even", "Count/sizes.l.0"], by=by)
    with pytest.raises(NotFound, match=r"'weight' of the map Count/sizes; there are k\.0, k\.1$"):
        draw(*await client.picture_of(run.id, Asked(y="Count/sizes.weight")))
    assert "Count/sizes.k.1" in await client.frame(run.id, ports=["Count/sizes.k.1"])
    empty = await counting.finished({"workflow": "counting", "params": {"n": 0}})
    assert list(await client.frame(empty.id, ports=["Count/sizes.k.1"], by=[])) == []
    with pytest.raises(BadRequest, match=r"no child has a value of 'Count/sizes\.k\.1' yet"):
        draw(*await client.picture_of(empty.id, Asked(y="Count/sizes.k.1")))


async def test_a_map_of_too_many_members_is_told_instead(
    counting: Serving, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million children have no room for thousands of columns that nobody asked for; one can be asked for."""
    monkeypatch.setattr(calls, "_ROWS", 1)  # so that some columns were sent before there are too many
    run = await counting.finished({"workflow": "counting", "params": {"n": {"values": [2, 101, 1]}}})
    found = await client.columns(run.id)
    assert set(found.table.numbers) == {"Count/even"}
    assert found.crowded == ("Count/sizes",)
    again = await client.columns(run.id, before=found)
    assert (set(again.table.numbers), again.crowded) == ({"Count/even"}, ("Count/sizes",))
    named = await client.columns(run.id, ports=["Count/sizes.k.100"])
    assert named.table.numbers["Count/sizes.k.100"].valid.tolist() == [False, True, False]


async def test_a_sample_has_some_children_only(
    daemon: Serving, agent: ScriptedAgent, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large sweep of which nothing is kept, with and without a query; of what is kept, all of it is there."""
    monkeypatch.setattr(collected, "SAMPLED_FROM", 6)
    monkeypatch.setattr(collected, "sample_ranges", lambda size: ((0, 2), (size - 1, 1)))
    await daemon.push(DRAWING)
    run = await daemon.finished(SWEEP)
    kept: dict[collected.Reading, collected.Collected] = {}
    asked = Asked(kind="cdf", y="Plain/value")
    some, _ = await client.picture_of(run.id, asked, kept=kept, sample=True)
    assert (some.collected.is_sample, some.table.children().tolist(), kept) == (True, [0, 1, 5], {})
    assert some.table.numbers["Plain/value"].values.tolist() == [6.0, 6.0, 4.0]
    assert str(draw(some, asked).head.counted) == "3 of 6 children"
    few, _ = await client.picture_of(run.id, asked, where="x=2", kept=kept, sample=True)
    assert few.table.children(np.flatnonzero(few.mask)).tolist() == [5]
    shares, _ = await client.picture_of(run.id, Asked(kind="importance", y="Plain/value"), kept={}, sample=True)
    assert not shares.collected.is_sample
    states, _ = await client.picture_of(run.id, Asked(kind="states"), kept={}, sample=True)
    assert (states.collected.is_sample, int(states.mask.sum())) == (False, 6)
    whole, _ = await client.picture_of(run.id, asked, kept=kept)
    again, _ = await client.picture_of(run.id, asked, kept=kept, sample=True)
    assert (whole.collected.is_sample, again.collected.is_sample, int(again.mask.sum())) == (False, False, 6)
    monkeypatch.setattr(collected, "SAMPLED_FROM", 7)
    small, _ = await client.picture_of(run.id, asked, kept={}, sample=True)
    assert not small.collected.is_sample
