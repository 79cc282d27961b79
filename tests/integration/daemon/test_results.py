"""What is kept of runs, and what is told of it: exports, histories, the memo, garbage, backups."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import grpc
import orjson
import pytest

from accio.content.digest import digest_bytes
from accio.content.manifest import of_file, of_folder
from accio.v1 import accio_pb2, agents_pb2, artifacts_pb2, runs_pb2
from accio_daemon.storage.exports import export
from tests.integration.daemon.harness import Serving, refused
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined
from tests.integration.daemon.workflows import DRAWING, FAILING, LOADING, PAIR


async def chunks(daemon: Serving, *ids: str, **fields: object) -> list[accio_pb2.ExportChunk]:
    """Export runs."""
    request = accio_pb2.ExportRequest(ids=ids, outputs=True, **fields)  # type: ignore[arg-type]  # each test gives what it means
    return [chunk async for chunk in daemon.accio.Export(request)]


async def test_an_export_has_a_row_per_child(daemon: Serving, agent: ScriptedAgent) -> None:
    """Parameters, seeds, repetitions, outputs and metrics of a sweep come column by column, in its order."""
    await daemon.push(DRAWING)
    run = await daemon.finished({"workflow": "drawing", "params": {"x": {"values": [1, 2]}}, "repeat": 2})
    (chunk,) = await chunks(daemon, run.id, metrics=True)
    assert list(chunk.index) == [0, 1, 2, 3]
    assert list(chunk.repetition) == [1, 2, 1, 2]
    (x,) = chunk.params
    assert [x.values[place] for place in x.value_of_row] == ["1.0", "1.0", "2.0", "2.0"]
    nodes = {node.node: node for node in chunk.nodes}
    assert [orjson.loads(text)["value"] for text in nodes["Plain"].outputs_json] == [2.0, 2.0, 4.0, 4.0]
    assert [metrics.wall_us for metrics in nodes["Draw"].metrics] == [1500] * 4
    assert len(set(chunk.seed)) == 4


async def test_outputs_come_port_by_port_if_asked_for(daemon: Serving, agent: ScriptedAgent) -> None:
    """Port by port and row by row tell the same."""
    await daemon.push(DRAWING)
    run = await daemon.finished({"workflow": "drawing", "params": {"x": {"values": [1, 2]}}, "repeat": 2})
    (rows,) = await chunks(daemon, run.id)
    (ports,) = await chunks(daemon, run.id, by_port=True)
    for node, same in zip(rows.nodes, ports.nodes, strict=True):
        assert list(node.row) == list(same.row) == [0, 1, 2, 3]
        assert not same.outputs_json
        (port,) = same.ports
        assert (port.port, orjson.loads(port.values_json)) == (
            "value",
            [orjson.loads(text)["value"] for text in node.outputs_json],
        )


async def test_operators_of_two_runs_are_compared(daemon: Serving, agent: ScriptedAgent) -> None:
    """Equal operators are left out; nodes that only one of the runs has are named."""
    await daemon.push(PAIR)
    first = await daemon.finished({"workflow": "pair"})
    again = await daemon.finished({"workflow": "pair"})
    same = await daemon.accio.CompareOperators(accio_pb2.CompareOperatorsRequest(first=first.id, second=again.id))
    assert not same.nodes
    await daemon.push(DRAWING)
    other = await daemon.finished({"workflow": "drawing"})
    found = await daemon.accio.CompareOperators(accio_pb2.CompareOperatorsRequest(first=first.id, second=other.id))
    assert [(each.node, each.first, each.second) for each in found.nodes] == [
        ("First", "Double", ""),
        ("Second", "Double", ""),
        ("Draw", "", "Draw"),
        ("Double", "", "Double"),
        ("Plain", "", "Double"),
    ]


async def test_an_export_can_be_narrowed(daemon: Serving, agent: ScriptedAgent) -> None:
    """Nodes and ports are chosen by name; unknown names are refused with what was probably meant."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair"})
    (chunk,) = await chunks(daemon, run.id, artifacts=["Second/value"])
    assert [(node.node, list(node.outputs_json)) for node in chunk.nodes] == [("Second", ['{"value":12.0}'])]
    async with refused(grpc.StatusCode.NOT_FOUND, "Second"):
        await chunks(daemon, run.id, artifacts=["Secnd"])


async def test_an_export_names_what_only_some_runs_have(daemon: Serving, agent: ScriptedAgent) -> None:
    """A name may be a node, an output of a node, or an output of any node; it's wrong only if no run has it."""
    await daemon.push(PAIR)
    await daemon.push(DRAWING)
    pair = await daemon.finished({"workflow": "pair"})
    drawing = await daemon.finished({"workflow": "drawing"})
    both = pair.id, drawing.id
    found = await chunks(daemon, *both, artifacts=["Draw", "Second/value"])
    assert [[node.node for node in chunk.nodes] for chunk in found] == [["Second"], ["Draw"]]
    found = await chunks(daemon, *both, artifacts=["value"])
    assert [len(chunk.nodes) for chunk in found] == [2, 3]
    for wrong, meant in (("valeu", "value"), ("Draw/valu", "value"), ("Drew", "Draw")):
        async with refused(grpc.StatusCode.NOT_FOUND, meant):
            await chunks(daemon, *both, artifacts=["value", wrong])


async def test_metrics_are_told_of_every_node(daemon: Serving, agent: ScriptedAgent) -> None:
    """Naming some outputs doesn't take the metrics of the other nodes away."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair"})
    (chunk,) = await chunks(daemon, run.id, artifacts=["Second/value"], metrics=True)
    told = {node.node: (len(node.metrics), [port.name for port in node.outputs]) for node in chunk.nodes}
    assert told == {"First": (1, []), "Second": (1, ["value"])}


async def test_an_export_tells_how_runs_ended(daemon: Serving, agent: ScriptedAgent) -> None:
    """Label, state and the first cause of each row come if they are asked for, also of a run without a result."""
    await daemon.push(FAILING)
    await daemon.push(DRAWING)
    failed = await daemon.finished({"workflow": "failing", "name": "first"})
    sweep = await daemon.finished({"workflow": "drawing", "params": {"x": {"values": [1, 2]}}})
    one, both = await chunks(daemon, failed.id, sweep.id, outcomes=True)
    assert (list(one.label), list(one.state), list(one.cause)) == (
        ["first"],
        [runs_pb2.RUN_STATE_FAILED],
        ["exception"],
    )
    assert (list(both.label), list(both.state), list(both.cause)) == (
        ["x=1.0", "x=2.0"],
        [runs_pb2.RUN_STATE_SUCCESS] * 2,
        ["", ""],
    )
    (child,) = await chunks(daemon, f"{sweep.id}.1", outcomes=True)
    assert list(child.label) == ["x=2.0"]
    (silent,) = await chunks(daemon, sweep.id)
    assert not silent.label
    assert not silent.state


async def test_a_run_is_exported_once(daemon: Serving, agent: ScriptedAgent) -> None:
    """However often a run is named, and beside its parent, it has one row; children stand in the order of the sweep."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair", "params": {"x": {"values": [1, 2, 3, 4]}}})
    single = await daemon.finished({"workflow": "pair"})

    async def rows(*ids: str) -> list[tuple[str, int]]:
        return [(chunk.run.id, index) for chunk in await chunks(daemon, *ids) for index in chunk.index]

    everything = [(run.id, index) for index in range(4)]
    assert await rows(f"{run.id}.2", run.id, single.id, run.id, single.id) == [*everything, (single.id, 0)]
    assert await rows(f"{run.id}.3", f"{run.id}.0", f"{run.id}.3") == [everything[0], everything[3]]


async def test_a_large_export_comes_in_pieces(daemon: Serving, agent: ScriptedAgent) -> None:
    """No chunk is larger than a message may be, and together they have every row once."""

    def many(name: str, inputs: dict[str, object], seed: int | None) -> dict[str, str]:
        return {"value": "1.0" + "0" * 60_000}

    agent.behaviour = many
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair", "params": {"x": {"from": 1, "to": 150, "step": 1}}})
    for by_port in (False, True):
        found = await chunks(daemon, run.id, by_port=by_port)
        assert [index for chunk in found for index in chunk.index] == list(range(150))
        assert max(chunk.ByteSize() for chunk in found) < 4 << 20


async def test_children_with_too_much_come_one_by_one(
    daemon: Serving, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where many children hold more than a text of the database may, fewer are read at a time."""
    monkeypatch.setattr(export, "LONGEST", 1_000)
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair", "params": {"x": {"from": 1, "to": 150, "step": 1}}})
    found = await chunks(daemon, run.id)
    assert [index for chunk in found for index in chunk.index] == list(range(150))
    assert len(found) > 2


async def test_a_history_is_in_order(daemon: Serving, agent: ScriptedAgent) -> None:
    """Events tell what happened to a run from its submission to its end."""
    await daemon.push(FAILING)
    run = await daemon.finished({"workflow": "failing"})
    events = (await daemon.accio.Events(accio_pb2.EventsRequest(run=run.id))).events
    kinds = [(event.kind, event.node) for event in events]
    assert ("submitted", "") in kinds
    assert ("failed", "Fail") in kinds
    assert ("cancelled", "After") in kinds
    assert kinds[-1][0] in ("ended", "cancelled")


async def test_the_memo_has_numbers_and_can_be_emptied(daemon: Serving, agent: ScriptedAgent) -> None:
    """Results, hits and misses are counted; a result that was removed isn't hit any more."""
    await daemon.push(PAIR)
    for _ in range(2):
        await daemon.finished({"workflow": "pair"})
    cache = await daemon.accio.GetCache(accio_pb2.GetCacheRequest(operator="Double", entries=True))
    (double,) = cache.operators
    assert (double.results, double.hits, double.misses) == (2, 2, 2)
    assert double.took_s == 0.0015
    first = cache.entries[-1]
    assert getattr(first, "from").endswith("/First")
    await daemon.accio.RemoveFromCache(accio_pb2.RemoveFromCacheRequest(key=first.key))
    executed = agent.executed
    await daemon.finished({"workflow": "pair"})
    assert agent.executed == executed + 1
    async with refused(grpc.StatusCode.NOT_FOUND, "no operator"):
        await daemon.accio.RemoveFromCache(accio_pb2.RemoveFromCacheRequest(operator="Nothing"))


async def test_garbage_is_what_nothing_refers_to(daemon: Serving, agent: ScriptedAgent) -> None:
    """A result stays as long as a run refers to it; then gc names it, and a dry run changes nothing."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair"})
    collect = daemon.accio.CollectGarbage
    assert not (await collect(accio_pb2.CollectGarbageRequest())).freed
    await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))
    await daemon.finished({"workflow": "pair"})  # still hits
    assert agent.executed == 2
    assert not (await collect(accio_pb2.CollectGarbageRequest())).freed
    (again,) = (await daemon.accio.List(accio_pb2.ListRequest())).runs
    await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[again.id]))
    for dry_run, executed in ((True, 2), (False, 2)):
        freed = (await collect(accio_pb2.CollectGarbageRequest(dry_run=dry_run))).freed
        assert len(freed) == 2, dry_run
        assert agent.executed == executed
    await daemon.finished({"workflow": "pair"})
    assert agent.executed == 4


async def test_content_is_freed_at_once_unless_work_may_have_put_it(daemon: Serving) -> None:
    """What was put a moment ago and nothing refers to goes, but for what has been put since work began that goes on."""

    async def put(folder: str) -> str:
        dataset = of_folder((), (folder,))
        await daemon.artifacts.Write(iter([artifacts_pb2.WriteChunk(digest=dataset.digest, data=dataset.encoded)]))
        return dataset.digest

    async def freed() -> list[str]:
        answer = await daemon.accio.CollectGarbage(accio_pb2.CollectGarbageRequest())
        return [each.digest for each in answer.freed]

    async with joined(daemon.agents, behaviour=None) as agent, asyncio.TaskGroup() as tasks:
        loose = await put("of an attempt that failed")
        await asyncio.sleep(0.05)  # time passes: the resolution of the file system's clock
        assert await freed() == [loose]
        await daemon.push(LOADING)

        async def work_of(data: str) -> tuple[agents_pb2.Assignment, "asyncio.Task[runs_pb2.Run]"]:
            run = tasks.create_task(daemon.finished({"workflow": "loading", "params": {"data": data}}))
            return await agent.work.get(), run

        async def end(assignment: agents_pb2.Assignment, digest: str) -> None:
            report = agent.report(assignment, {"data": f'"{digest}"'})
            report.contents.add(digest=digest, bytes=26)
            await agent.send(reports=agents_pb2.Reports(reports=[report]))

        assignment, ending = await work_of(loose)
        output = await put("of an attempt that goes on")
        assert await freed() == []
        await end(assignment, output)
        run = await ending
        assert await freed() == []
        assignment, ending = await work_of(output)
        await end(assignment, await put("of another one"))
        named = await ending
        await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))
        assert output not in await freed()  # the other run names it
        await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[named.id]))
        assert output in await freed()


async def test_blobs_travel_in_both_directions(daemon: Serving) -> None:
    """What was stored is read back; a wrong digest is refused, an unknown one not found, missing ones are named."""
    contents = [b"one", b"", b"x" * (3 << 20)]
    digests = [digest_bytes(content) for content in contents]

    def pieces() -> list[artifacts_pb2.WriteChunk]:
        chunk = artifacts_pb2.WriteChunk
        big = contents[2]
        first = [chunk(digest=digests[0], data=contents[0]), chunk(digest=digests[1], data=contents[1])]
        return [
            *first,
            chunk(digest=digests[2], data=big[: 1 << 20]),
            chunk(data=big[1 << 20 : 2 << 20]),
            chunk(data=big[2 << 20 :]),
        ]

    written = await daemon.artifacts.Write(iter(pieces()))
    assert (written.blobs, written.bytes) == (3, sum(map(len, contents)))
    for digest, content in zip(digests, contents, strict=True):
        read = [chunk.data async for chunk in daemon.artifacts.Read(artifacts_pb2.ReadRequest(digest=digest))]
        assert b"".join(read) == content
    absent = digest_bytes(b"absent")
    missing = await daemon.artifacts.Missing(artifacts_pb2.MissingRequest(digests=[*digests, absent]))
    assert list(missing.digests) == [absent]
    async with refused(grpc.StatusCode.INVALID_ARGUMENT):
        await daemon.artifacts.Write(iter([artifacts_pb2.WriteChunk(digest=absent, data=b"another")]))
    async with refused(grpc.StatusCode.NOT_FOUND):
        [chunk async for chunk in daemon.artifacts.Read(artifacts_pb2.ReadRequest(digest=absent))]


async def test_an_artifact_of_a_run_is_an_input(daemon: Serving, agent: ScriptedAgent) -> None:
    """`accio:RUN/NODE/PORT` stands for the content of that output; a wrong name is refused with its place."""
    await daemon.push(LOADING)
    manifest = of_file(size=7, digest=digest_bytes(b"content"))
    for digest, data in ((digest_bytes(b"content"), b"content"), (manifest.digest, manifest.encoded)):
        await daemon.artifacts.Write(iter([artifacts_pb2.WriteChunk(digest=digest, data=data)]))
    first = await daemon.finished({"workflow": "loading", "params": {"data": manifest.digest}})
    name = f"accio:{first.id}/Load/data"
    second = await daemon.finished({"workflow": "loading", "params": {"data": name}})
    node = await daemon.accio.GetNode(accio_pb2.GetNodeRequest(run=second.id, node="Load"))
    assert (node.node.cached, node.inputs["data"].json) == (True, f'"{name}"')
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "/params/data", "no node 'Lod'"):
        await daemon.submit({"workflow": "loading", "params": {"data": f"accio:{first.id}/Lod/data"}})


def size_and_names(path: Path) -> tuple[int, list[str]]:
    """Return the size of a file, and what stands beside it."""
    return path.stat().st_size, sorted(each.name for each in path.parent.iterdir())


async def test_a_backup_is_a_database(daemon: Serving, agent: ScriptedAgent, tmp_path: Path) -> None:
    """A backup made while the daemon works can be opened and holds every run; it never replaces a file."""
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair"})
    target = tmp_path / "copy.db"
    answer = await daemon.accio.Backup(accio_pb2.BackupRequest(path=str(target)))
    assert size_and_names(target) == (answer.bytes, ["copy.db", "data"])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    connection = sqlite3.connect(target)
    assert connection.execute("SELECT id FROM runs").fetchall() == [(run.id,)]
    connection.close()
    async with refused(grpc.StatusCode.ALREADY_EXISTS, str(target)):
        await daemon.accio.Backup(accio_pb2.BackupRequest(path=str(target)))
    assert size_and_names(target) == (answer.bytes, ["copy.db", "data"])
    async with refused(grpc.StatusCode.PERMISSION_DENIED, "--backups"):
        await daemon.accio.Backup(accio_pb2.BackupRequest(path=str(tmp_path.parent / "copy.db")))
    named = await daemon.accio.Backup(accio_pb2.BackupRequest(path="copy.db"))
    assert named.path == str(daemon.config.data / "backups" / "copy.db")


async def test_a_large_sweep_is_rehearsed_by_a_sample(daemon: Serving, agent: ScriptedAgent) -> None:
    """A dry run counts distinct nodes exactly and looks a sample of them up."""
    await daemon.push(DRAWING)
    document = {"workflow": "drawing", "seed": 1, "params": {"x": {"from": 1, "to": 1000, "step": 1}}, "repeat": 100}
    answer = await daemon.accio.DryRun(accio_pb2.SubmitRequest(definition=orjson.dumps(document)))
    # Draw and what follows it are each child's own; Plain differs by x only.
    assert (answer.children, answer.nodes, answer.distinct_nodes) == (100_000, 300_000, 201_000)
    assert (answer.cached, answer.to_execute, answer.sampled) == (0, 201_000, True)
