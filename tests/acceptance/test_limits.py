"""Many agents at once, and peers that don't read or flood: they slow themselves down, and memory stays bounded."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest

from accio.errors import ResourceExhausted
from accio.v1 import accio_pb2, accio_pb2_grpc, agents_pb2
from accio_client import AsyncClient
from accio_daemon.services.transport.server import CALLS_PER_CONNECTION
from tests.acceptance.probing import probed
from tests.acceptance.processes import Process, cluster, moment, token
from tests.acceptance.simulated_agents import hello, serve, stream

pytestmark = [pytest.mark.acceptance, pytest.mark.quiet, pytest.mark.timeout(180)]

AGENTS = 500
MIB = 1 << 20
# Of another caller's call: in a flood that goes through, one takes less than a second on a machine with much to do.
BEARABLE_S = 3.0
ECHO: dict[str, Any] = {
    "id": "echo",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Echo", "inputs": {"x": {"param": "x"}}}],
}


def _memory(daemon: Process) -> int:
    return int(psutil.Process(daemon.popen.pid).memory_info().rss)


async def test_many_agents_come_back_at_once(tmp_path: Path) -> None:
    """After a restart of the daemon 500 agents are back within seconds, hold little memory, and work."""
    with cluster(tmp_path / "made") as made:
        daemon = await asyncio.to_thread(made.start_daemon)
        secret = token(made)
        welcomed: dict[int, set[str]] = {}
        everybody = asyncio.Event()

        def note(epoch: int, name: str) -> None:
            welcomed.setdefault(epoch, set()).add(name)
            if len(welcomed[epoch]) == AGENTS:
                everybody.set()

        async with asyncio.TaskGroup() as tasks:
            agents = [
                tasks.create_task(
                    serve(made.address, secret, hello(f"s{n}"), lambda epoch, name=f"s{n}": note(epoch, name))  # type: ignore[misc]
                )
                for n in range(AGENTS)
            ]
            async with asyncio.timeout(60):
                await everybody.wait()
            everybody.clear()
            daemon.kill()
            daemon.ended()
            daemon = await asyncio.to_thread(made.start_daemon)
            began = time.perf_counter()
            async with asyncio.timeout(60):
                await everybody.wait()
            took = time.perf_counter() - began
            async with AsyncClient(made.address, token=secret) as client:
                assert (await client.cluster_state()).agents == AGENTS
                await client.push(ECHO)
                sweep = {"workflow": "echo", "params": {"x": {"from": 1, "to": 2000, "step": 1}}}
                run = (await client.submit(sweep)).run.id
                assert (await client.wait(run, patience=90)).state == "success"
            assert _memory(daemon) < 300 * MIB
            for agent in agents:
                agent.cancel()
        assert took < 20, f"{AGENTS} agents were back after {took:.1f} s"
        assert "Traceback" not in daemon.output()


async def test_an_agent_that_does_not_read_harms_nobody(tmp_path: Path) -> None:
    """What is sent to an agent that never reads waits within bounds; when it is gone another one does its work."""
    with cluster(tmp_path / "made") as made:
        daemon = await asyncio.to_thread(made.start_daemon)
        secret = token(made)
        async with AsyncClient(made.address, token=secret) as client, probed(made) as probe:
            async with stream(made.address, secret) as deaf:
                await deaf.write(agents_pb2.AgentMessage(hello=hello("deaf", cpus=50_000)))
                await _until_connected(client)
                await client.push(ECHO)
                before = _memory(daemon)
                sweep = {"workflow": "echo", "params": {"x": {"from": 1, "to": 5_000, "step": 1}}}
                run = (await client.submit(sweep)).run.id
                async with asyncio.timeout(60):
                    while (await client.cluster_state()).queued_nodes:
                        await moment()
                assert _memory(daemon) - before < 150 * MIB
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(serve(made.address, secret, hello("s", cpus=64), lambda epoch: None))
                assert (await client.wait(run, patience=90)).state == "success"
                working.cancel()
        probe.check(BEARABLE_S)


async def test_a_flood_of_progress_harms_nobody(tmp_path: Path) -> None:
    """100,000 messages about progress leave others' calls as they are, and no memory behind: the latest wins."""
    with cluster(tmp_path / "made") as made:
        daemon = await asyncio.to_thread(made.start_daemon)
        before = _memory(daemon)
        async with probed(made) as probe, stream(made.address, token(made)) as call:
            await call.write(agents_pb2.AgentMessage(hello=hello("chatty")))
            for n in range(100_000):
                progress = agents_pb2.Progress(attempt=[n], fraction=[0.5])
                await call.write(agents_pb2.AgentMessage(progress=progress))
            await call.write(agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=1)))
            async with asyncio.timeout(60):
                while not (await call.read()).HasField("heartbeat"):
                    pass
        assert _memory(daemon) - before < 50 * MIB
        probe.check(BEARABLE_S)


async def test_callers_that_do_not_read_harm_nobody(tmp_path: Path) -> None:
    """Exports and watches that nobody reads wait with their callers: others' calls and memory stay as they are."""
    with cluster(tmp_path / "made") as made:
        daemon = await asyncio.to_thread(made.start_daemon)
        secret = token(made)
        metadata = (("authorization", f"Bearer {secret}"),)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(serve(made.address, secret, hello("s", cpus=64), lambda epoch: None))
            async with AsyncClient(made.address, token=secret) as client:
                await _until_connected(client)
                await client.push(ECHO)
                sweep = {"workflow": "echo", "params": {"x": {"from": 1, "to": 20_000, "step": 1}}}
                run = (await client.submit(sweep)).run.id
                assert (await client.wait(run, patience=90)).state == "success"
            before = _memory(daemon)
            async with probed(made) as probe, grpc.aio.insecure_channel(made.address) as channel:
                stub = accio_pb2_grpc.AccioStub(channel)
                request = accio_pb2.ExportRequest(ids=[run], outputs=True, metrics=True)
                exports: list[Any] = [stub.Export(request, metadata=metadata) for _ in range(20)]
                firsts = [await export.read() for export in exports]
                assert all(len(first.index) > 0 for first in firsts)
                for _ in range(100):
                    await moment()
                assert _memory(daemon) - before < 150 * MIB
                rows = len(firsts[0].index)
                while (chunk := await exports[0].read()) is not grpc.aio.EOF:  # whoever reads on gets the rest
                    rows += len(chunk.index)
                assert rows == 20_000
                for export in exports:
                    export.cancel()
            probe.check(BEARABLE_S)
            working.cancel()


async def test_a_caller_may_watch_many_runs(tmp_path: Path) -> None:
    """A client with more open watches than the daemon allows calls per connection gets all updates, and its calls."""
    watches = CALLS_PER_CONNECTION + 50
    with cluster(tmp_path / "made") as made:
        await asyncio.to_thread(made.start_daemon)
        secret = token(made)
        async with stream(made.address, secret) as deaf, AsyncClient(made.address, token=secret) as client:
            await deaf.write(agents_pb2.AgentMessage(hello=hello("deaf")))
            await _until_connected(client)
            await client.push(ECHO)
            run = (await client.submit({"workflow": "echo", "params": {"x": 1}})).run.id
            followed = [client.watch(run) for _ in range(watches)]
            async with asyncio.timeout(60):
                assert {(await anext(each)).run.id for each in followed} == {run}
                assert (await client.list_runs()).total == 1
                await client.kill([run])
                assert {[update.run.state async for update in each][-1] for each in followed} == {"killed"}


async def _until_connected(client: AsyncClient) -> None:
    async with asyncio.timeout(30):
        while (await client.cluster_state()).agents == 0:
            await moment()


async def test_a_flood_of_submissions_slows_itself_down(tmp_path: Path) -> None:
    """3,000 submissions at once are answered with a run or refused; others' calls go on, and nothing is half done."""
    with cluster(tmp_path / "made") as made:
        daemon = await asyncio.to_thread(made.start_daemon)
        secret = token(made)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(serve(made.address, secret, hello("s", cpus=64), lambda epoch: None))
            async with AsyncClient(made.address, token=secret) as client:
                await _until_connected(client)
                await client.push(ECHO)
                before = _memory(daemon)

                refusals: set[str] = set()

                async def submit(x: int) -> str | None:
                    try:
                        return (await client.submit({"workflow": "echo", "params": {"x": x}})).run.id
                    except ResourceExhausted as error:
                        refusals.add(error.message)
                        return None

                async with probed(made) as probe:
                    found = await asyncio.gather(*(submit(x) for x in range(3_000)))
                accepted = {run for run in found if run is not None}
                assert len(accepted) >= 1_000
                assert all("try again in a moment" in refusal for refusal in refusals)
                assert (await client.list_runs(limit=1)).total == len(accepted)
                async with asyncio.timeout(60):
                    while (await client.cluster_state()).active_runs:
                        await moment()
                assert _memory(daemon) - before < 200 * MIB
                probe.check(probe.lasted / 4)  # not behind the flood, however long it takes here
            working.cancel()
