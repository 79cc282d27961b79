"""The client against a real gRPC server: what it sends, what it gives, and what it survives."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from accio.content.digest import Digest
from accio.content.errors import DigestMismatch
from accio.content.manifest import FileEntry, of_folder
from accio.domain.issues import Issue
from accio.domain.states import RunState
from accio.errors import BadRequest, FailedPrecondition, InvalidDefinition, NotFound, Unauthenticated, Unavailable
from accio.v1 import accio_pb2, runs_pb2, workflows_pb2
from accio_client import AsyncClient, Client, RunFilter
from tests.integration.client.fake_daemon import RUN, FakeDaemon, export_chunk, interrupted, refuse, run, validation


def submitted(_: Any = None) -> accio_pb2.SubmitResponse:
    return accio_pb2.SubmitResponse(run=run(), created=True)


def test_a_repeated_submission_keeps_its_key(daemon: FakeDaemon) -> None:
    """A Submit that found the daemon away is sent again under the same idempotency key; another one has its own."""
    daemon.answers["Submit"] = submitted
    daemon.trouble["Submit"] = [Unavailable("shutting down"), Unavailable("shutting down")]
    with Client() as client:
        assert client.submit({"workflow": "w"}).run.id == RUN
        client.submit({"workflow": "w"})
    first, second, third, other = [request.idempotency_key for request in daemon.requests["Submit"]]
    assert first == second == third
    assert first != other


def test_a_submission_tells_who_where_and_what(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Caller, folder of relative paths and the document's own bytes travel along."""
    daemon.answers["Submit"] = submitted
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "run.json"
    file.write_bytes(b'{ "workflow": "w" }')
    with Client() as client:
        client.submit(file, cache="none")
    (request,) = daemon.requests["Submit"]
    assert request.definition == b'{ "workflow": "w" }'
    assert request.base_path == str(tmp_path / "sub")
    assert request.caller == "Ada <ada@example.org>"
    assert request.cache == accio_pb2.CACHE_MODE_NONE


@pytest.mark.parametrize("mode", ["off", False, None])
def test_a_cache_mode_that_there_is_none_of(daemon: FakeDaemon, mode: Any) -> None:
    """It is refused with those that there are, before anything is sent."""
    with Client() as client, pytest.raises(BadRequest, match="cache: expected use, none, refresh, found"):
        client.submit({"workflow": "w"}, cache=mode)
    assert "Submit" not in daemon.requests


def test_a_run_becomes_a_value(daemon: FakeDaemon) -> None:
    """Enums, times, absent fields and typed parameters arrive as Python values."""
    parameters = [
        runs_pb2.RunParameter(name="size", type="distance", json="250.0", values=1),
        runs_pb2.RunParameter(name="epsilon", type="double", json="0.1", values=2, form_json='{"values":[0.1,0.2]}'),
    ]
    daemon.answers["Get"] = accio_pb2.GetResponse(
        run=run(kind=runs_pb2.RUN_KIND_PARENT, children=2, params=parameters, name="N", tags=["a", "b"])
    )
    with Client() as client:
        found = client.get_run(RUN).run
    assert found.state is RunState.SUCCESS
    assert found.created_at == datetime(2014, 1, 2, 23, 58, 29, tzinfo=UTC)
    assert found.parent is None
    assert found.index is None
    assert found.params["size"].value == "250.meters"
    assert found.params["epsilon"].value == {"values": [0.1, 0.2]}
    assert found.params["epsilon"].varies
    assert (found.name, found.tags, found.seed) == ("N", ("a", "b"), -42)


def test_errors_keep_their_kind_and_text(daemon: FakeDaemon) -> None:
    """What the daemon raised is what the caller catches."""
    daemon.answers["Get"] = refuse(NotFound("there is no run zzz; did you mean zzy?"))
    with Client() as client, pytest.raises(NotFound, match="did you mean zzy"):
        client.get_run("zzz")
    with Client(token="wrong") as client, pytest.raises(Unauthenticated):
        client.get_run("zzz")


def test_errors_show_none_of_the_way_through_the_client(daemon: FakeDaemon) -> None:
    """A traceback ends where the client was called, and has one error: the rest is no news to who reads it."""
    daemon.answers["Get"] = refuse(NotFound("there is no run zz"))
    with Client() as client, pytest.raises(NotFound) as found:
        client.get_run("zz")
    assert [Path(str(entry.path)).name for entry in found.traceback] == [
        "test_client.py",
        "sync_calls.py",
        "blocking.py",
    ]
    assert found.value.__cause__ is None
    assert found.value.__suppress_context__


def test_every_issue_arrives_even_if_the_trailers_cant_hold_them(daemon: FakeDaemon) -> None:
    """A list of issues that was clipped on its way is completed by Validate."""
    error = InvalidDefinition([Issue(f"/params/p{at}", "unknown parameter " + "x" * 100, "p") for at in range(300)])
    daemon.answers["Submit"] = refuse(error)
    daemon.answers["Validate"] = validation(error)
    daemon.answers["PushWorkflow"] = refuse(error)
    daemon.answers["ValidateWorkflow"] = validation(error)
    with Client() as client:
        with pytest.raises(InvalidDefinition) as caught:
            client.submit({"workflow": "w"})
        assert caught.value.issues == error.issues
        with pytest.raises(InvalidDefinition) as caught:
            client.push({"graph": []})
        assert caught.value.issues == error.issues


def test_a_wrong_address_is_told_soon(daemon: FakeDaemon) -> None:
    """Where nothing listens, the error names the address and says how to start a daemon."""
    daemon.stop()
    with Client() as client, pytest.raises(Unavailable, match="accio up") as caught:
        client.list_agents()
    assert daemon.address in caught.value.message


def test_a_daemon_that_never_answers_ends_with_the_deadline(daemon: FakeDaemon) -> None:
    """A call waits no longer than its deadline."""
    hold = threading.Event()
    daemon.answers["ListAgents"] = lambda _: hold.wait(30) or accio_pb2.ListAgentsResponse()
    with Client(deadline=0.3) as client, pytest.raises(Unavailable, match=r"0\.3 s"):
        client.list_agents()
    hold.set()


def test_watch_survives_a_restart_of_the_daemon(daemon: FakeDaemon) -> None:
    """A watch whose daemon is killed goes on with the next one, to the end of the run."""
    going = accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING))
    ended = accio_pb2.RunUpdate(run=run())
    killed = threading.Event()

    def first(_: Any) -> Iterator[accio_pb2.RunUpdate]:
        yield going
        killed.wait(90)

    daemon.answers["Watch"] = first
    states = []
    with Client() as client:
        for update in client.watch(RUN):
            states.append(update.run.state)
            if not killed.is_set():
                threading.Thread(target=_restart, args=(daemon, killed, [ended])).start()
    assert states == [RunState.RUNNING, RunState.SUCCESS]
    assert len(daemon.requests["Watch"]) == 2


def _restart(daemon: FakeDaemon, killed: threading.Event, updates: list[accio_pb2.RunUpdate]) -> None:
    daemon.answers["Watch"] = updates
    daemon.stop()
    killed.set()
    daemon.start()


def test_submit_and_watch_submits_once(daemon: FakeDaemon) -> None:
    """A stream that breaks off is opened anew under the same key, so that no second run is made."""
    streams = [
        interrupted(accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING))),
        iter([accio_pb2.RunUpdate(run=run())]),
    ]
    daemon.answers["SubmitAndWatch"] = lambda _: streams.pop(0)
    with Client() as client:
        states = [update.run.state for update in client.submit_and_watch({"workflow": "w"})]
    assert states == [RunState.RUNNING, RunState.SUCCESS]
    first, second = daemon.requests["SubmitAndWatch"]
    assert first.idempotency_key == second.idempotency_key


def test_a_client_may_be_dropped_in_the_middle_of_a_stream(
    daemon: FakeDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing a client whose stream nobody has read to its end leaves no task behind, and says nothing."""
    hold = threading.Event()

    def endless(_: Any) -> Iterator[accio_pb2.RunUpdate]:
        yield accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING))
        hold.wait(90)

    daemon.answers["Watch"] = endless
    client = Client()
    updates = client.watch(RUN)
    assert next(updates).run.state is RunState.RUNNING
    client.close()
    client.close()
    del updates
    hold.set()
    assert not caplog.records


async def test_a_client_that_was_closed_says_so(daemon: FakeDaemon) -> None:
    """Not that an event loop or a channel is closed: calls and streams, with and without a loop, brief ones, too."""
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse()
    for brief in (False, True):
        with Client(brief=brief) as client:
            client.list_agents()
        with pytest.raises(FailedPrecondition, match="this client was closed: make another one"):
            client.list_agents()
        with pytest.raises(FailedPrecondition, match="this client was closed"):
            next(client.watch(RUN))
    async with AsyncClient() as other:
        await other.list_agents()
    with pytest.raises(FailedPrecondition, match="this client was closed"):
        await other.list_agents()
    with pytest.raises(FailedPrecondition, match="this client was closed"):
        await anext(other.watch(RUN))


def test_wait_gives_the_end_of_a_run(daemon: FakeDaemon) -> None:
    """`wait` returns the run as it ended."""
    daemon.answers["Watch"] = [
        accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING)),
        accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_FAILED)),
    ]
    with Client() as client:
        assert client.wait(RUN).state is RunState.FAILED


def test_log_lines_are_joined_and_told_once(daemon: FakeDaemon) -> None:
    """Pieces become lines, and a stream that is opened anew doesn't repeat what was told before."""
    one = log_chunk((b"one\n", False))
    rest = log_chunk((b"tw", False), (b"warn\n", True)), log_chunk((b"o\n", False), (b"three", False))
    streams = [interrupted(one), iter([one, *rest])]
    daemon.answers["Logs"] = lambda _: streams.pop(0)
    with Client() as client:
        lines = [(line.text, line.stderr) for line in client.logs(RUN, follow=True)]
    assert lines == [("one", False), ("warn", True), ("two", False), ("three", False)]


def log_chunk(*pieces: tuple[bytes, bool]) -> accio_pb2.LogChunk:
    lines = [runs_pb2.LogLine(data=data, stderr=stderr, at_ms=1) for data, stderr in pieces]
    return accio_pb2.LogChunk(run=RUN, node="A", attempt=1, lines=lines)


def test_filters_reach_the_daemon(daemon: FakeDaemon) -> None:
    """Every filter of a list has its place in the request."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run()], total=7, next="c")
    with Client() as client:
        page = client.list_runs(
            RunFilter(
                parent="p",
                states=(RunState.FAILED,),
                tags=("a", "b"),
                owner="ada",
                name="n",
                workflow="w:1",
                text="t",
                params={"epsilon": "0.1"},
                created_after=datetime(2024, 3, 1, tzinfo=UTC),
                created_before=datetime(2024, 3, 2, tzinfo=UTC),
            ),
            limit=3,
            cursor="x",
        )
    assert (len(page.runs), page.total, page.next) == (1, 7, "c")
    assert daemon.requests["List"] == [
        accio_pb2.ListRequest(
            parent="p",
            states=[runs_pb2.RUN_STATE_FAILED],
            tags=["a", "b"],
            owner="ada",
            name="n",
            workflow="w:1",
            text="t",
            params=[accio_pb2.ParameterFilter(name="epsilon", text="0.1")],
            created_after_ms=1_709_251_200_000,
            created_before_ms=1_709_337_600_000,
            limit=3,
            cursor="x",
        )
    ]


def test_metadata_that_is_absent_stays_absent(daemon: FakeDaemon) -> None:
    """None leaves a field as it is, an empty value clears it."""
    daemon.answers["UpdateMetadata"] = accio_pb2.UpdateMetadataResponse(run=run(), changed=True)
    with Client() as client:
        assert client.update(RUN, notes="", tags=[]).changed
    (request,) = daemon.requests["UpdateMetadata"]
    assert not request.HasField("name")
    assert request.HasField("notes")
    assert request.HasField("tags")


def test_a_dataset_is_fetched_whole_or_not_at_all(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Files arrive under their names; a damaged blob leaves nothing at the target."""
    content = b"some content that is longer than a piece"
    manifest = of_folder(
        [FileEntry(path="a/b.txt", size=len(content), digest=Digest(daemon.keep_blob(content)))], ["empty"]
    )
    digest = daemon.keep_blob(manifest.encoded)
    artifacts = [
        runs_pb2.Artifact(port="data", type="dataset", json=f'"{digest}"', size=40),
        runs_pb2.Artifact(port="x", type="list(distance)", json="[1.5]", size=5),
    ]
    daemon.answers["GetNode"] = runs_pb2.NodeDetails(node=node(), artifacts=artifacts)
    with Client() as client:
        place, size = client.fetch_artifact(RUN, "A", "data", tmp_path / "out")
        assert (place / "a" / "b.txt").read_bytes() == content
        assert (place / "empty").is_dir()
        assert size == len(content)
        place, _ = client.fetch_artifact(RUN, "A", "x", tmp_path / "out")
        assert place.read_text().split() == ["[", '"1.5.meters"', "]"]
        with pytest.raises(NotFound, match="data, x"):
            client.fetch_artifact(RUN, "A", "y", tmp_path / "out")
        daemon.blobs[manifest.files[0].digest] = b"damaged"
        with pytest.raises(DigestMismatch):
            client.fetch_artifact(RUN, "A", "data", tmp_path / "again")
    assert list((tmp_path / "again").iterdir()) == []


def node(**fields: Any) -> runs_pb2.Node:
    return runs_pb2.Node(run=RUN, name="A", operator="Op", state=runs_pb2.NODE_STATE_SUCCESS, attempts=1, **fields)


def test_a_table_has_a_row_per_run(daemon: FakeDaemon) -> None:
    """Parameters, outputs and metrics become columns; values kept as blobs don't hinder."""
    parent = run(
        kind=runs_pb2.RUN_KIND_PARENT,
        children=2,
        params=[
            runs_pb2.RunParameter(name="epsilon", type="double", json="0.1", values=2, form_json="{}"),
            runs_pb2.RunParameter(name="level", type="integer", json="15", values=1),
        ],
    )
    column = accio_pb2.ParameterColumn(name="epsilon", type="double", values=["0.1", "0.2"], value_of_row=[0, 1])
    results = accio_pb2.NodeColumn(
        node="Stat",
        outputs=[{"name": "x", "type": "double"}],  # type: ignore[list-item]  # protobuf takes dictionaries
        row=[0, 1],
        outputs_json=['{"x":1.0}', '{"x":2.0}'],
        metrics=[runs_pb2.Metrics(wall_us=5, custom_json='{"hits":2}'), runs_pb2.Metrics(wall_us=6)],
    )
    daemon.answers["Export"] = [export_chunk(parent, seeds=[101, 102], params=[column], nodes=[results])]
    with Client() as client:
        table = client.table(RUN, metrics="ALL")
    assert table.names[:9] == ("run", "label", "epsilon", "level", "repeat", "seed", "state", "cause", "Stat/x")
    first, second = table.rows()
    assert (first["run"], first["epsilon"], first["level"], first["Stat/x"]) == (f"{RUN}.0", 0.1, 15, 1.0)
    assert (second["Stat/wall_us"], second["Stat/hits"], first["Stat/hits"]) == (6, None, 2)
    frame = table.to_pandas()
    assert list(frame.columns) == list(table.names)
    assert frame["epsilon"].dtype == float
    assert table.to_polars()["epsilon"].to_list() == [0.1, 0.2]
    assert table.to_arrow().num_rows == 2


async def test_the_asynchronous_client_gives_the_same(daemon: FakeDaemon) -> None:
    """Several calls of one client run at the same time."""
    daemon.answers["Get"] = lambda request: accio_pb2.GetResponse(run=run(request.id))
    async with AsyncClient() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.get_run(f"{RUN}.{at}")) for at in range(20)]
    assert [task.result().run.id for task in tasks] == [f"{RUN}.{at}" for at in range(20)]


def test_a_push_names_the_workflow_after_its_file(daemon: FakeDaemon, tmp_path: Path) -> None:
    """The file's name without its extension is the default id."""
    answer = workflows_pb2.PushWorkflowResponse(workflow=workflow(), created=True)
    daemon.answers["PushWorkflow"] = answer
    (tmp_path / "my.flow.json").write_text('{"graph": []}')
    with Client() as client:
        assert client.push(Path("my.flow.json")).created
    (request,) = daemon.requests["PushWorkflow"]
    assert (request.default_id, request.base_path) == ("my.flow", str(tmp_path))


def workflow() -> workflows_pb2.Workflow:
    return workflows_pb2.Workflow(id="w", version="0123456789ab", versions=1, definition_json='{"graph":[]}')


def test_more_than_a_message_can_ask_for_is_all(daemon: FakeDaemon) -> None:
    """A limit of any size is sent as the largest that there is."""
    daemon.answers["Events"] = lambda _: accio_pb2.EventsResponse()
    with Client() as client:
        assert client.events(RUN, limit=99_999_999_999) == ()
    assert [request.limit for request in daemon.requests["Events"]] == [2**32 - 1]
