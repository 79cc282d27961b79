"""Agents without workers, many to a process: each dials a real daemon and keeps a session open, as real ones do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from accio.v1 import agents_pb2, agents_pb2_grpc, values_pb2

OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # each agent has a connection of its own
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
ECHO = values_pb2.Operator(
    name="Echo",
    digest="blake3:" + "e" * 64,
    inputs=[values_pb2.InputPort(name="x", type="integer")],
    outputs=[values_pb2.OutputPort(name="value", type="integer")],
    resources=values_pb2.Resources(milli_cpus=1000),
)


def hello(name: str, *, cpus: int = 1, **fields: Any) -> agents_pb2.Hello:
    """Return the opening of a session of an agent that offers Echo."""
    made = agents_pb2.Hello(
        protocol_min=1,
        protocol_max=1,
        name=name,
        agent_id=f"id of {name}",
        incarnation=1,
        version="1",
        resources=values_pb2.Resources(milli_cpus=1000 * cpus, memory=1 << 30),
        operators=[ECHO],
        prefetch_limit=cpus,
    )
    for field, value in fields.items():
        setattr(made, field, value)
    return made


@asynccontextmanager
async def stream(address: str, token: str) -> AsyncIterator[Any]:
    """Open the stream of a session, and say nothing on it."""
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        call = agents_pb2_grpc.AgentsStub(channel).Connect(metadata=(("authorization", f"Bearer {token}"),))
        try:
            yield call
        finally:
            call.cancel()


async def serve(address: str, token: str, opening: agents_pb2.Hello, welcomed: Callable[[int], None]) -> None:
    """Be an agent until cancelled: answer all work with its input, and dial again when the session is lost.

    *welcomed* is told the epoch of each daemon that welcomes it.
    """
    seq = 0
    while True:
        try:
            async with stream(address, token) as call:
                await call.write(agents_pb2.AgentMessage(hello=opening))
                async with asyncio.TaskGroup() as tasks:
                    beating = tasks.create_task(_beat(call))
                    while (message := await call.read()) is not grpc.aio.EOF:
                        if message.HasField("welcome"):
                            welcomed(message.welcome.epoch)
                        elif message.HasField("work"):
                            reports = [_report(seq + n, each) for n, each in enumerate(message.work.assignments, 1)]
                            seq += len(reports)
                            await call.write(agents_pb2.AgentMessage(reports=agents_pb2.Reports(reports=reports)))
                    beating.cancel()
        except* (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        await asyncio.sleep(0.2)


async def _beat(call: Any) -> None:
    seq = 0
    while True:
        seq += 1
        await call.write(agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=seq)))
        await asyncio.sleep(2)


def _report(seq: int, assignment: agents_pb2.Assignment) -> agents_pb2.Report:
    x = assignment.inputs_json.removeprefix('{"x":').removesuffix("}")
    return agents_pb2.Report(
        seq=seq, attempt=assignment.attempt, success=True, outputs={"value": x}, started_at_ms=1, ended_at_ms=2
    )
