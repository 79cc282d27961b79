"""Messages of agents that come twice, backwards, late, or from a session that is over: each node takes one result."""

import asyncio
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from accio.v1 import agents_pb2
from accio_client import AsyncClient
from tests.acceptance.processes import Cluster, cluster, free_port
from tests.acceptance.simulated_agents import hello, stream

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

CHILDREN = 8
WRONG = "-1"
ECHO: dict[str, Any] = {
    "id": "echo",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Echo", "inputs": {"x": {"param": "x"}}}],
}
SWEEP: dict[str, Any] = {"workflow": "echo", "params": {"x": {"from": 1, "to": CHILDREN, "step": 1}}}


class Session:
    """A session of a fake agent, which says exactly what the test says."""

    def __init__(self, call: Any) -> None:
        """Keep an open stream."""
        self._call = call
        self.work: list[agents_pb2.Assignment] = []
        self.acked: list[int] = []
        self.goodbye = ""

    async def open(self, opening: agents_pb2.Hello) -> agents_pb2.Welcome:
        """Say Hello, and give the answer."""
        await self._call.write(agents_pb2.AgentMessage(hello=opening))
        message: agents_pb2.DaemonMessage = await self._call.read()
        return message.welcome

    async def report(self, reports: Iterable[agents_pb2.Report]) -> None:
        """Send reports in one message."""
        await self._call.write(agents_pb2.AgentMessage(reports=agents_pb2.Reports(reports=list(reports))))

    async def read_until(self, *, work: int = 0, acks: int = 0) -> None:
        """Read until so much work came, and so many acknowledgements."""
        async with asyncio.timeout(60):
            while len(self.work) < work or len(self.acked) < acks:
                message = await self._call.read()
                self.work += message.work.assignments
                self.acked += message.ack.seqs

    async def read_to_the_end(self) -> None:
        """Read until the daemon ends the session.

        What is written just as it does so ends the call on this side, with whatever hasn't been read: so read before.
        """
        async with asyncio.timeout(60):
            try:
                while (message := await self._call.read()) is not grpc.aio.EOF:
                    if message.HasField("goodbye"):
                        self.goodbye = message.goodbye.reason
            except grpc.aio.AioRpcError:
                if not self.goodbye:
                    raise


def _report(seq: int, assignment: agents_pb2.Assignment, value: str | None = None) -> agents_pb2.Report:
    found = assignment.inputs_json.removeprefix('{"x":').removesuffix("}") if value is None else value
    return agents_pb2.Report(
        seq=seq, attempt=assignment.attempt, success=True, outputs={"value": found}, started_at_ms=1, ended_at_ms=2
    )


def _start(made: Cluster, metrics: int) -> str:
    made.start_daemon("--metrics", f"127.0.0.1:{metrics}")
    return (made.data / "token").read_text(encoding="utf-8").split()[0]


def _late(metrics: int) -> int:
    """How many reports the daemon says that it ignored."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("accio_late_reports_total"))))


def _check(made: Cluster, run: str) -> None:
    """Assert that each node has its own value, given by one successful attempt."""
    with made.client() as client:
        assert client.wait(run, patience=90).state == "success"
        table = client.table([run], artifacts="ALL").to_arrow().to_pylist()
        assert sorted((row["x"], row["Echo/value"]) for row in table) == [(x, x) for x in range(1, CHILDREN + 1)]
        for index in range(CHILDREN):
            states = [attempt.state for attempt in client.get_node(f"{run}.{index}", "Echo").attempts]
            assert states.count("success") == 1


async def test_each_report_counts_once_in_whatever_order(tmp_path: Path) -> None:
    """Reports that come backwards, doubled, again with other outputs, or about attempts that never were."""
    metrics = free_port()
    with cluster(tmp_path / "made") as made:
        token = await asyncio.to_thread(_start, made, metrics)
        async with AsyncClient(made.address, token=token) as client, stream(made.address, token) as call:
            agent = Session(call)
            await agent.open(hello("a", cpus=CHILDREN))
            await client.push(ECHO)
            run = (await client.submit(SWEEP)).run.id
            await agent.read_until(work=CHILDREN)
            backwards = [_report(seq, each) for seq, each in enumerate(agent.work, 1)][::-1]
            never = agents_pb2.Report(seq=100, attempt=max(each.attempt for each in agent.work) + 7, success=True)
            await agent.report([never, *(each for report in backwards for each in (report, report))])
            await agent.report(backwards)
            await agent.report(_report(200 + n, each, WRONG) for n, each in enumerate(agent.work))
            await agent.read_until(acks=1 + 4 * CHILDREN)
            assert set(agent.acked) == {*range(1, CHILDREN + 1), 100, *range(200, 200 + CHILDREN)}
            await asyncio.to_thread(_check, made, run)
            assert await asyncio.to_thread(_late, metrics) == 1 + 3 * CHILDREN


async def test_a_session_that_is_over_says_nothing_any_more(tmp_path: Path) -> None:
    """Reports on the old stream, and reports of the old session replayed in the new one, give no node a result."""
    metrics = free_port()
    with cluster(tmp_path / "made") as made:
        token = await asyncio.to_thread(_start, made, metrics)
        async with (
            AsyncClient(made.address, token=token) as client,
            stream(made.address, token) as first_call,
            stream(made.address, token) as second_call,
        ):
            first, second = Session(first_call), Session(second_call)
            await first.open(hello("a", cpus=CHILDREN))
            await client.push(ECHO)
            run = (await client.submit(SWEEP)).run.id
            await first.read_until(work=CHILDREN)
            done, kept, *forgotten = first.work
            await first.report([_report(1, done)])
            await first.read_until(acks=1)
            again = hello("a", cpus=CHILDREN, incarnation=2)
            again.held.add(attempt=kept.attempt, state=agents_pb2.HeldAttempt.RUNNING)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(first.read_to_the_end())
                welcome = await second.open(again)
                assert list(welcome.keep) == [kept.attempt]
                with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the daemon may have hung up already
                    await first.report(_report(2 + n, each, WRONG) for n, each in enumerate((kept, *forgotten)))
            assert first.goodbye == "superseded by incarnation 2"
            # What the first session was given and the second doesn't know has been given again.
            await second.read_until(work=len(forgotten))
            assert not {each.attempt for each in second.work} & {each.attempt for each in first.work}
            await second.report(_report(1 + n, each, WRONG) for n, each in enumerate((done, *forgotten)))
            await second.read_until(acks=1 + len(forgotten))
            assert await asyncio.to_thread(_late, metrics) == 1 + len(forgotten)
            await second.report(_report(100 + n, each) for n, each in enumerate((kept, *second.work)))
            await second.read_until(acks=2 + len(forgotten) + len(second.work))
            await asyncio.to_thread(_check, made, run)
