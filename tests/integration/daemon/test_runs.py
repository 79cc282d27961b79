"""Runs from submission to deletion, through the real server, engine and database."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest

from accio.domain.validation import check_run
from accio.v1 import accio_pb2, agents_pb2, runs_pb2
from accio_daemon.services.calls import definitions
from tests.integration.daemon.harness import Serving, configured, refused, serving
from tests.integration.daemon.scripted_agent import DOUBLE, ScriptedAgent, joined
from tests.integration.daemon.workflows import DRAWING, FAILING, PAIR

SUCCESS = runs_pb2.RUN_STATE_SUCCESS


async def test_a_run_is_executed_and_described(daemon: Serving, agent: ScriptedAgent) -> None:
    """A single run goes from submission to success, and says everything about itself and its nodes."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair", "name": "n", "tags": ["b", "a"], "seed": "7", "params": {"x": 4}})
    assert (run.state, run.progress, run.seed, list(run.tags)) == (SUCCESS, 1.0, 7, ["a", "b"])
    described = await daemon.get(run.id[:10], nodes=True)
    assert [(node.name, node.state) for node in described.nodes] == [
        ("First", runs_pb2.NODE_STATE_SUCCESS),
        ("Second", runs_pb2.NODE_STATE_SUCCESS),
    ]
    node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node="Second"))
    assert node.inputs["x"].json == "8.0"
    assert [(each.port, each.json) for each in node.artifacts] == [("value", "16.0")]
    assert node.metrics.wall_us == 1500
    assert [(each.agent, each.state) for each in node.attempts] == [("agent", "success")]
    assert node.key.startswith("blake3:")


async def test_how_long_a_node_took_is_told_by_one_clock(daemon: Serving, agent: ScriptedAgent) -> None:
    """Both ends of a node that ran are its attempt's, by the clock of its agent, which may be years behind."""
    for workflow, name, state in ((FAILING, "Fail", "failed"), (PAIR, "First", "success")):
        await daemon.push(workflow)
        run = await daemon.finished({"workflow": workflow["id"]})
        node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node=name))
        (attempt,) = node.attempts
        assert (attempt.state, attempt.ended_at_ms - attempt.started_at_ms) == (state, 2)
        assert (node.node.started_at_ms, node.node.ended_at_ms) == (attempt.started_at_ms, attempt.ended_at_ms)


TWO = {
    "id": "two",
    "params": [{"name": "x", "kind": "double"}, {"name": "y", "kind": "double"}],
    "graph": [
        {"op": "Double", "name": "First", "inputs": {"x": {"param": "x"}}},
        {"op": "Double", "name": "Second", "inputs": {"x": {"param": "y"}}},
    ],
}


async def test_submit_answers_before_anything_ran(daemon: Serving) -> None:
    """The answer of a submission describes the run as it was made, and is durable."""
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "params": {"x": {"values": [1, 2, 3]}}, "repeat": 2})
    assert (run.kind, run.children, run.state) == (runs_pb2.RUN_KIND_PARENT, 6, runs_pb2.RUN_STATE_SCHEDULED)
    assert run.owner.name == "Ada"
    assert orjson.loads(run.params[0].form_json) == {"values": [1.0, 2.0, 3.0]}
    assert (await daemon.get(run.id)).run.id == run.id


async def test_a_sweep_says_which_points_it_has(daemon: Serving) -> None:
    """What the definition says of its points comes with the run; of listed ones the names, and of a range no count."""
    points = {"points": [{"y": 1}, {"y": 2}], "sample": {"method": "lhs", "n": 4}, "where": "x<0.9"}
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(TWO)
        run = await daemon.submit({"workflow": "two", "params": {"x": {"from": 0, "to": 1}}, **points})
        plain = await daemon.submit({"workflow": "two", "params": {"x": {"values": [1, 2]}, "y": 1}})
    assert orjson.loads(run.sweep_json) == points | {"points": ["y"]}
    assert orjson.loads(run.params[1].form_json) == {"from": 0.0, "to": 1.0}
    assert (await daemon.get(run.id)).run.sweep_json == run.sweep_json
    assert plain.sweep_json == ""


async def test_points_are_looked_at_off_the_event_loop(daemon: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short definition may ask for many points: it is checked in a thread, so that nobody waits for it."""
    threads: list[threading.Thread] = []

    def recorded(*arguments: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return check_run(*arguments, **options)

    monkeypatch.setattr(definitions, "check_run", recorded)
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(TWO)
        cases: list[dict[str, Any]] = [{}, {"sample": {"method": "lhs", "n": 4}}, {"where": "y=1"}, {"union": [{}]}]
        for keys in cases:
            await daemon.submit({"workflow": "two", "params": {"x": {"from": 0, "to": 1, "count": 5}, "y": 1}, **keys})
    assert [thread is threading.main_thread() for thread in threads] == [True, False, False, False]


async def test_a_key_makes_a_submission_repeatable(daemon: Serving, agent: ScriptedAgent) -> None:
    """The same request under the same key gives the same run, another request under it is refused."""
    await daemon.push(PAIR)
    first, again = [await daemon.submit({"workflow": "pair"}, idempotency_key="k") for _ in range(2)]
    assert first.id == again.id
    async with refused(grpc.StatusCode.ALREADY_EXISTS, "'k'"):
        await daemon.submit({"workflow": "pair", "seed": 3}, idempotency_key="k")


async def test_a_key_outlives_the_daemon(daemon: Serving, agent: ScriptedAgent) -> None:
    """A hundred submissions at once under one key make one run."""
    await daemon.push(PAIR)
    runs = await asyncio.gather(*(daemon.submit({"workflow": "pair"}, idempotency_key="k") for _ in range(100)))
    assert len({run.id for run in runs}) == 1


async def test_an_invalid_definition_creates_nothing(daemon: Serving, agent: ScriptedAgent) -> None:
    """Validate and Submit find the same errors, and no run appears."""
    await daemon.push(PAIR)
    bad = orjson.dumps({"workflow": "pair", "params": {"y": 1}, "repeat": 0})
    found = await daemon.accio.Validate(accio_pb2.SubmitRequest(definition=bad))
    assert not found.valid
    assert {issue.path for issue in found.errors} == {"/params/y", "/repeat"}
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "/params/y"):
        await daemon.accio.Submit(accio_pb2.SubmitRequest(definition=bad))
    assert (await daemon.accio.List(accio_pb2.ListRequest())).total == 0


async def test_a_check_shows_how_a_sweep_begins(daemon: Serving, agent: ScriptedAgent) -> None:
    """How many children there would be, and the first points, repetitions aside; of a single run nothing but that."""
    await daemon.push(PAIR)

    async def check(document: dict[str, Any]) -> tuple[int, list[dict[str, str]]]:
        found = await daemon.accio.Validate(accio_pb2.SubmitRequest(definition=orjson.dumps(document)))
        assert found.valid
        return found.children, [{each.name: each.value.json for each in point.values} for point in found.points]

    sweep = {"workflow": "pair", "params": {"x": {"from": 1, "to": 1_000_000, "step": 1}}, "repeat": 3, "where": "x>7"}
    points = [{"x": f"{x}.0"} for x in range(8, 13)]
    assert await check(sweep) == (3 * 999_993, points)
    assert await check({"workflow": "pair", "params": {"x": 2}}) == (1, [])
    assert await check({"workflow": "pair", "repeat": 2}) == (2, [])
    assert (await daemon.accio.List(accio_pb2.ListRequest())).total == 0


async def test_a_sweep_shows_the_nodes_of_its_own(daemon: Serving, agent: ScriptedAgent) -> None:
    """What gathers is described, explained and taken as an artifact under the sweep's id, apart from its children."""
    total = {"op": "Total", "inputs": {"xs": {"gather": "Double/value"}}}
    double = {"op": "Double", "inputs": {"x": {"param": "x"}}}
    await daemon.push({"id": "sum", "params": [{"name": "x", "kind": "double"}], "graph": [total, double]})
    run = await daemon.finished({"workflow": "sum", "params": {"x": {"values": [1, 2, 4]}}})
    assert run.state == runs_pb2.RUN_STATE_SUCCESS
    shown = await daemon.get(run.id, nodes=True)
    assert [(node.run, node.name) for node in shown.nodes] == [(run.id, "Total")]
    assert [node.name for node in (await daemon.get(f"{run.id}.1", nodes=True)).nodes] == ["Double"]
    details = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node="Total"))
    assert details.inputs["xs"].json == "[2.0,4.0,8.0]"
    assert details.artifacts[0].json == "14.0"
    (why,) = (await daemon.accio.Why(accio_pb2.WhyRequest(run=run.id))).answers
    assert (why.run, why.node, why.answer) == (run.id, "Total", "executed")
    async with refused(grpc.StatusCode.NOT_FOUND, "its children have it"):
        await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=run.id, node="Double"))


async def test_a_sweep_of_ten_million_costs_nothing(daemon: Serving) -> None:
    """A huge sweep is one row; any child can be named, listed and described before anything about it is stored."""
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "params": {"x": {"from": 1, "to": 10_000_000, "step": 1}}})
    child = (await daemon.get(f"{run.id}.123456", nodes=True)).run
    assert (child.kind, child.index, child.params[0].json) == (runs_pb2.RUN_KIND_CHILD, 123456, "123457.0")
    assert child.label == "x=123457.0"
    page = await daemon.accio.List(accio_pb2.ListRequest(parent=run.id, limit=3, cursor="9999998"))
    assert [each.index for each in page.runs] == [9_999_998, 9_999_999]
    assert (page.total, page.next) == (10_000_000, "")
    wanted = accio_pb2.ParameterFilter(name="x", text="777")
    sliced = await daemon.accio.List(accio_pb2.ListRequest(parent=run.id, params=[wanted]))
    assert [each.index for each in sliced.runs] == [776]
    killed = await daemon.accio.Kill(accio_pb2.RunsRequest(ids=[run.id]))
    assert killed.runs[0].changed
    assert (await daemon.get(f"{run.id}.9999999")).run.state == runs_pb2.RUN_STATE_KILLED
    for shared in ({"notes": "a"}, {"created_after_ms": 1}, {"created_before_ms": 1}):
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, "filtered by state and parameters only"):
            await daemon.accio.List(accio_pb2.ListRequest(parent=run.id, **shared))
    by_state = accio_pb2.ListRequest(parent=run.id, states=[runs_pb2.RUN_STATE_KILLED], limit=2)
    assert [each.index for each in (await daemon.accio.List(by_state)).runs] == [0, 1]


async def test_a_failure_is_told_and_cancels_what_follows(daemon: Serving, agent: ScriptedAgent) -> None:
    """A failed node ends its run as failed, names its cause, and its successors are cancelled."""
    await daemon.push(FAILING)
    updates = [
        update
        async for update in daemon.accio.SubmitAndWatch(accio_pb2.SubmitRequest(definition=b'{"workflow":"failing"}'))
    ]
    last = updates[-1]
    assert last.run.state == runs_pb2.RUN_STATE_FAILED
    assert (last.first_failure.node, last.first_failure.failure.message) == ("Fail", "boom")
    nodes = (await daemon.get(last.run.id, nodes=True)).nodes
    assert [node.state for node in nodes] == [runs_pb2.NODE_STATE_FAILED, runs_pb2.NODE_STATE_CANCELLED]
    assert nodes[1].failure.predecessor == "Fail"


async def test_what_is_over_at_once_is_told_of_once(daemon: Serving, agent: ScriptedAgent) -> None:
    """A run that has ended by the time that it is answered gets one update: its last state, with the warnings."""
    await daemon.push(DRAWING)
    document = {"workflow": "drawing", "seed": 5}
    await daemon.finished(document)
    await agent.send(stale=agents_pb2.Stale(operators=["Double"]))
    request = accio_pb2.SubmitRequest(definition=orjson.dumps(document))
    while not (await daemon.accio.Submit(request)).warnings:
        pass
    updates = [update async for update in daemon.accio.SubmitAndWatch(request)]
    assert [(update.run.state, len(update.warnings)) for update in updates] == [(SUCCESS, 1)]


async def test_equal_nodes_are_taken_from_the_memo(daemon: Serving, agent: ScriptedAgent) -> None:
    """A second equal run executes nothing, and `why` names the run that computed its results."""
    await daemon.push(DRAWING)
    document = {"workflow": "drawing", "seed": 5}
    first = await daemon.finished(document)
    executed = agent.executed
    rehearsed = await daemon.accio.DryRun(accio_pb2.SubmitRequest(definition=orjson.dumps(document)))
    assert (rehearsed.nodes, rehearsed.distinct_nodes, rehearsed.cached, rehearsed.to_execute) == (3, 3, 3, 0)
    second = await daemon.finished(document)
    assert (agent.executed, second.state) == (executed, SUCCESS)
    answers = (await daemon.accio.Why(accio_pb2.WhyRequest(run=second.id))).answers
    assert {(each.answer, getattr(each, "from")) for each in answers} == {
        ("cached", f"{first.id}/{node}") for node in ("Draw", "Double", "Plain")
    }


async def test_why_names_what_differs(daemon: Serving, agent: ScriptedAgent) -> None:
    """The nearest earlier key is found, and the one component that differs is shown with both values."""
    await daemon.push(PAIR)
    await daemon.finished({"workflow": "pair", "params": {"x": 1}})
    run = await daemon.finished({"workflow": "pair", "params": {"x": 5}})
    request = accio_pb2.WhyRequest(run=run.id, node="First")
    (answer,) = (await daemon.accio.Why(request)).answers
    assert answer.answer == "executed"
    assert [(each.component, each.before, each.after) for each in answer.differences] == [("input x", "2.0", "5.0")]


async def test_children_by_state_and_parameter(daemon: Serving, agent: ScriptedAgent) -> None:
    """Children are listed by state and by parameter, in order, by pages."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair", "params": {"x": {"from": 1, "to": 7, "step": 1}}, "repeat": 3})
    request = accio_pb2.ListRequest(parent=run.id, states=[SUCCESS], limit=20)
    first = await daemon.accio.List(request)
    assert [each.index for each in first.runs] == list(range(20))
    request.cursor = first.next
    assert [each.index for each in (await daemon.accio.List(request)).runs] == [20]
    wanted = accio_pb2.ParameterFilter(name="x", text="3")
    sliced = await daemon.accio.List(accio_pb2.ListRequest(parent=run.id, params=[wanted], states=[SUCCESS]))
    assert [(each.index, each.repeat) for each in sliced.runs] == [(6, 1), (7, 2), (8, 3)]


async def test_runs_are_found_by_every_filter(daemon: Serving, agent: ScriptedAgent) -> None:
    """Each filter finds the run that it describes and no other; a page says where the next begins."""
    await daemon.push(PAIR)
    await daemon.push(FAILING)
    wanted = await daemon.submit(
        {"workflow": "pair", "name": "needle", "notes": "in a haystack", "tags": ["t", "u"], "params": {"x": 42}}
    )
    sweep = await daemon.submit({"workflow": "pair", "params": {"x": {"from": 100, "to": 5000, "step": 1}}})
    other = await daemon.finished({"workflow": "failing"})
    filters: dict[str, Any] = {
        "tags": ["u", "t"],
        "name": "needle",
        "text": "haystack",
        "notes": "hay*",
        "params": [accio_pb2.ParameterFilter(name="x", text="42")],
    }
    for name, value in filters.items():
        found = await daemon.accio.List(accio_pb2.ListRequest(**{name: value}))
        assert [run.id for run in found.runs] == [wanted.id], name
        assert not found.HasField("total")
    assert not (await daemon.accio.List(accio_pb2.ListRequest(notes="needle"))).runs
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "expected words to look for"):
        await daemon.accio.List(accio_pb2.ListRequest(notes="*"))
    on_axis = accio_pb2.ListRequest(params=[accio_pb2.ParameterFilter(name="x", text="4999")])
    assert [run.id for run in (await daemon.accio.List(on_axis)).runs] == [sweep.id]
    by_owner = await daemon.accio.List(accio_pb2.ListRequest(owner="ada@"))
    assert [run.id for run in by_owner.runs] == [sweep.id, wanted.id]
    failed = await daemon.accio.List(accio_pb2.ListRequest(states=[runs_pb2.RUN_STATE_FAILED], workflow="failing"))
    assert [run.id for run in failed.runs] == [other.id]
    page = await daemon.accio.List(accio_pb2.ListRequest(limit=2))
    assert ([run.id for run in page.runs], page.total) == ([other.id, sweep.id], 3)
    rest = await daemon.accio.List(accio_pb2.ListRequest(limit=2, cursor=page.next))
    assert ([run.id for run in rest.runs], rest.next) == ([wanted.id], "")


async def test_metadata_is_edited_in_place(daemon: Serving, agent: ScriptedAgent) -> None:
    """An edit changes what is given and nothing else, a child's edit its parent; the search follows."""
    await daemon.push(PAIR)
    run = await daemon.submit({"workflow": "pair", "name": "old", "tags": ["x"], "repeat": 2})
    request = accio_pb2.UpdateMetadataRequest(id=f"{run.id}.1", name="new", tags=accio_pb2.TagSet(tags=["y"]))
    answer = await daemon.accio.UpdateMetadata(request)
    assert (answer.run.id, answer.changed, answer.run.name, list(answer.run.tags)) == (run.id, True, "new", ["y"])
    assert not (await daemon.accio.UpdateMetadata(request)).changed
    assert [each.id for each in (await daemon.accio.List(accio_pb2.ListRequest(text="new"))).runs] == [run.id]
    assert not (await daemon.accio.List(accio_pb2.ListRequest(tags=["x"]))).runs


async def test_an_ambiguous_prefix_lists_what_it_could_be(daemon: Serving, agent: ScriptedAgent) -> None:
    """A prefix of several ids is refused with the candidates; an unknown id is named."""
    await daemon.push(PAIR)
    runs = [await daemon.submit({"workflow": "pair", "seed": seed}) for seed in (1, 2)]
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, runs[0].id, runs[1].id):
        await daemon.get(runs[0].id[:3])
    async with refused(grpc.StatusCode.NOT_FOUND, "zzzz"):
        await daemon.get("zzzz")


async def test_delete_takes_a_child_or_all(daemon: Serving, agent: ScriptedAgent) -> None:
    """A deleted child is gone and its siblings stay; a deleted parent takes all; deleting again finds nothing."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair", "repeat": 3})
    assert (await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[f"{run.id}.1"]))).runs[0].changed
    left = await daemon.accio.List(accio_pb2.ListRequest(parent=run.id))
    assert ([each.index for each in left.runs], left.total) == ([0, 2], 2)
    async with refused(grpc.StatusCode.NOT_FOUND):
        await daemon.get(f"{run.id}.1")
    assert (await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))).runs[0].changed
    again = (await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))).runs[0]
    assert (again.changed, again.error) == (False, f"there is no run '{run.id}'")


async def test_a_killed_sweep_counts_its_nodes_as_its_children_do(daemon: Serving) -> None:
    """Of children that a kill never reached, roots are killed and the rest is cancelled: for the parent as for each."""
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair", "repeat": 20_000})
        await daemon.accio.Kill(accio_pb2.RunsRequest(ids=[run.id]))
        async for update in daemon.accio.Watch(accio_pb2.WatchRequest(id=run.id)):
            run = update.run
    found = {each.state: each.count for each in run.nodes_by_state}
    assert found == {"killed": 20_000, "cancelled": 20_000}
    last = (await daemon.get(f"{run.id}.19999")).run
    assert {each.state: each.count for each in last.nodes_by_state} == {"killed": 1, "cancelled": 1}


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Runs, their queue and idempotency keys survive the daemon; a new id is newer than all before."""
    document = {"workflow": "pair", "params": {"x": {"values": [1, 2]}}}
    async with serving(configured(tmp_path)) as first, joined(first.agents, behaviour=None):
        await first.push(PAIR)
        run = await first.submit(document, idempotency_key="k")
    async with serving(configured(tmp_path)) as reborn:
        assert (await reborn.get(run.id)).run.created_at_ms == run.created_at_ms
        assert (await reborn.submit(document, idempotency_key="k")).id == run.id
        assert (await reborn.submit({"workflow": "pair"})).id > run.id
        async with joined(reborn.agents):
            async for update in reborn.accio.Watch(accio_pb2.WatchRequest(id=run.id)):
                run = update.run
        assert run.state == SUCCESS


async def test_waiting_says_why(daemon: Serving) -> None:
    """Without an agent that offers the operator, a queued node says what it waits for."""
    async with joined(daemon.agents, operators=(DOUBLE,), behaviour=None):
        await daemon.push(PAIR)
    run = await daemon.submit({"workflow": "pair"})
    (first, second) = (await daemon.accio.Why(accio_pb2.WhyRequest(run=run.id))).answers
    assert (first.answer, second.answer) == ("waiting", "waiting")
    assert "Double" in first.reason
    assert "First" in second.reason


@pytest.mark.parametrize("cache", [accio_pb2.CACHE_MODE_NONE, accio_pb2.CACHE_MODE_REFRESH])
async def test_the_memo_can_be_left_out(daemon: Serving, agent: ScriptedAgent, cache: accio_pb2.CacheMode) -> None:
    """--no-cache and --refresh execute what has a result."""
    await daemon.push(PAIR)
    await daemon.finished({"workflow": "pair"})
    executed = agent.executed
    await daemon.finished({"workflow": "pair"}, cache=cache)
    assert agent.executed == executed + 2
