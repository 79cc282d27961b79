"""Handles of runs, against a real gRPC server: what they ask, and how they show themselves."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from accio.domain.issues import Issue
from accio.domain.states import RunState
from accio.errors import BadRequest, FailedPrecondition, InvalidDefinition, NotFound
from accio.v1 import accio_pb2, runs_pb2, values_pb2, workflows_pb2
from accio_client import AsyncClient, Client, logspace
from tests.integration.client.fake_daemon import RUN, FakeDaemon, refuse, run

PARENT = runs_pb2.RUN_KIND_PARENT
RUNNING, FAILED = runs_pb2.RUN_STATE_RUNNING, runs_pb2.RUN_STATE_FAILED


def submitted(_: Any = None) -> accio_pb2.SubmitResponse:
    return accio_pb2.SubmitResponse(run=run(kind=PARENT, state=RUNNING), created=True)


def child(index: int) -> runs_pb2.Run:
    return run(f"{RUN}.{index}", kind=runs_pb2.RUN_KIND_CHILD)


def sweep(state: runs_pb2.RunState.ValueType, **counts: int) -> accio_pb2.RunUpdate:
    found = run(kind=PARENT, state=state)
    found.children_by_state.extend(runs_pb2.StateCount(state=name, count=count) for name, count in counts.items())
    return accio_pb2.RunUpdate(run=found)


def tagged(*tags: str) -> runs_pb2.Run:
    """The run with these tags."""
    found = run()
    found.tags[:] = tags
    return found


def definition(daemon: FakeDaemon) -> dict[str, Any]:
    """The last definition that was submitted."""
    found: dict[str, Any] = orjson.loads(daemon.requests["Submit"][-1].definition)
    return found


def test_parameters_are_arguments(daemon: FakeDaemon) -> None:
    """The name of a workflow with values and options makes the definition; what Python can't name goes into params."""
    daemon.answers["Submit"] = submitted
    with Client() as client:
        handle = client.submit("w", epsilon=logspace(1e-5, 1), n=range(3), repeat=3, params={"seed": 7, "a b": "x"})
        assert (handle.id, handle.created, handle.warnings, handle.state) == (RUN, True, (), RunState.RUNNING)
    assert definition(daemon) == {
        "workflow": "w",
        "repeat": 3,
        "params": {
            "seed": 7,
            "a b": "x",
            "epsilon": {"from": 1e-5, "to": 1, "log": True},
            "n": {"from": 0, "to": 2, "step": 1},
        },
    }


def test_a_definition_says_everything_itself(daemon: FakeDaemon) -> None:
    """Beside a document, options and values would be lost: they are refused, and nothing is sent."""
    with Client() as client, pytest.raises(BadRequest, match="expected repeat, x in the definition"):
        client.submit({"workflow": "w"}, repeat=3, x=1)
    assert not daemon.requests["Submit"]


def test_a_handle_knows_its_page(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is that of the web interface on this machine, or of the one that ACCIO_WEB names."""
    daemon.answers["Get"] = accio_pb2.GetResponse(run=run())
    monkeypatch.delenv("ACCIO_WEB", raising=False)
    with Client() as client:
        handle = client.run(RUN)
        assert handle.url == f"http://127.0.0.1:7616/runs/{RUN}"
        monkeypatch.setenv("ACCIO_WEB", "https://lab.example.org/accio/")
        assert handle.url == f"https://lab.example.org/accio/runs/{RUN}"


def test_an_operator_stands_for_its_workflow(daemon: FakeDaemon) -> None:
    """Where no workflow has the name, the operator's is stored and submitted; without an operator the error stays."""
    unknown = InvalidDefinition([Issue("/workflow", "there is no workflow 'op'")])
    answers: Iterator[Callable[[Any], Any]] = iter([refuse(unknown), submitted])
    daemon.answers["Submit"] = lambda request: next(answers)(request)
    port = values_pb2.InputPort(name="x", type="double")
    daemon.answers["GetOperator"] = values_pb2.Operator(name="op", inputs=[port])
    daemon.answers["GetWorkflow"] = refuse(NotFound("there is no workflow 'op'"))
    daemon.answers["PushWorkflow"] = lambda request: workflows_pb2.PushWorkflowResponse(
        workflow=workflows_pb2.Workflow(id="op", definition_json=request.definition.decode()), created=True
    )
    with Client() as client:
        assert client.submit("op", x=1).id == RUN
        assert orjson.loads(daemon.requests["PushWorkflow"][-1].definition)["graph"] == [
            {"op": "op", "inputs": {"x": {"param": "x"}}}
        ]
        daemon.answers["Submit"] = refuse(unknown)
        daemon.answers["GetOperator"] = refuse(NotFound("there is no operator 'op'"))
        with pytest.raises(InvalidDefinition, match="there is no workflow"):
            client.submit("op", x=1)


def test_each_child_comes_once_when_it_has_ended(daemon: FakeDaemon) -> None:
    """`as_completed` lists what has ended whenever that has become more, and yields each child once."""
    daemon.answers["Submit"] = submitted
    daemon.answers["Watch"] = [
        sweep(RUNNING, success=1, running=2),
        sweep(RUNNING, success=1, running=2),
        sweep(FAILED, success=2, failed=1),
    ]
    pages = iter([[child(1)], [child(0), child(1), child(2)]])
    daemon.answers["List"] = lambda request: accio_pb2.ListResponse(runs=next(pages))
    with Client() as client:
        handle = client.submit("w")
        assert [each.id for each in handle.as_completed()] == [f"{RUN}.1", f"{RUN}.0", f"{RUN}.2"]
        assert handle.state is RunState.FAILED


def test_children_are_found_by_queries(daemon: FakeDaemon) -> None:
    """`children` asks for those of this run, with the query."""
    daemon.answers |= {"Submit": submitted, "List": accio_pb2.ListResponse(runs=[child(4)])}
    with Client() as client:
        assert [each.id for each in client.submit("w").children(where="epsilon<1")] == [f"{RUN}.4"]
    (request,) = daemon.requests["List"]
    assert (request.parent, request.where) == (RUN, "epsilon<1")


def test_tags_are_added_and_removed(daemon: FakeDaemon) -> None:
    """`tag` changes those that are named alone, from what the run has at that moment."""

    def update(request: accio_pb2.UpdateMetadataRequest) -> accio_pb2.UpdateMetadataResponse:
        return accio_pb2.UpdateMetadataResponse(run=tagged(*request.tags.tags), changed=True)

    has = accio_pb2.GetResponse(run=tagged("draft", "kept"))
    daemon.answers |= {"Submit": submitted, "Get": has, "UpdateMetadata": update}
    with Client() as client:
        handle = client.submit("w")
        assert handle.tag(add=["paper", "kept"], remove=["draft", "unknown"]) == ("kept", "paper")
        assert handle.run.tags == ("kept", "paper")


def test_a_handle_says_why(daemon: FakeDaemon) -> None:
    """`why` asks about the run of the handle, and the node that is named."""
    daemon.answers |= {"Submit": submitted, "Why": accio_pb2.WhyResponse()}
    with Client() as client:
        assert client.submit("w").why("Node") == ()
    (request,) = daemon.requests["Why"]
    assert (request.run, request.node) == (RUN, "Node")


def test_what_could_not_be_done_is_an_error(daemon: FakeDaemon) -> None:
    """One run is acted on, so its outcome is returned, or raised."""
    outcome = accio_pb2.RunOutcome(id=RUN, changed=True)
    daemon.answers |= {"Submit": submitted, "Retry": accio_pb2.RunsResponse(runs=[outcome])}
    refused = accio_pb2.RunOutcome(id=RUN, error="it has ended")
    daemon.answers["Kill"] = accio_pb2.RunsResponse(runs=[refused])
    with Client() as client:
        handle = client.submit("w")
        assert handle.retry().changed
        with pytest.raises(FailedPrecondition, match="can't be killed: it has ended"):
            handle.kill()


def test_the_same_in_an_event_loop(daemon: FakeDaemon) -> None:
    """The asynchronous handle waits as a coroutine, and knows the last state."""
    daemon.answers |= {"Submit": submitted, "Watch": [sweep(RUNNING), sweep(FAILED, failed=3)]}

    async def wait() -> tuple[RunState, str]:
        async with AsyncClient() as client:
            handle = await client.submit("w", x=1)
            return (await handle.wait()).state, repr(handle)

    state, shown = asyncio.run(wait())
    assert state is RunState.FAILED
    assert shown == f"{RUN} of w: failed; 3 failed"


def test_a_handle_shows_itself_safely(daemon: FakeDaemon) -> None:
    """Names are escaped in HTML; the bar has a part for each state."""
    made = run(kind=PARENT, state=RUNNING, name="<script>")
    made.children_by_state.extend([runs_pb2.StateCount(state="success", count=3)])
    daemon.answers["Submit"] = accio_pb2.SubmitResponse(run=made, created=True)
    with Client() as client:
        html = client.submit("w")._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert '<rect x="0.00" width="400.00"' in html
