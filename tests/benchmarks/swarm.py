"""A thousand idle agents that speak the real protocol, all in this process."""

import asyncio
import time
from collections.abc import Callable

import grpc
import grpc.aio

from accio.v1 import agents_pb2, values_pb2
from tests.benchmarks.bed import bed
from tests.benchmarks.rows import Context, Measured, Row

DIALLING = 32
_PATH = "/accio.v1.Agents/Connect"
_CHANNEL = [("grpc.use_local_subchannel_pool", 1)]  # a connection for each


async def _agent(
    address: str, token: str, number: int, *, dialling: asyncio.Semaphore, welcomed: asyncio.Semaphore
) -> None:
    """Be an agent: say hello, then heartbeats as often as the daemon wants them."""
    async with grpc.aio.insecure_channel(address, options=_CHANNEL) as channel:
        connect = channel.stream_stream(
            _PATH,
            request_serializer=agents_pb2.AgentMessage.SerializeToString,
            response_deserializer=agents_pb2.DaemonMessage.FromString,
        )
        async with dialling:
            call = connect(metadata=[("authorization", f"Bearer {token}")])
            await call.write(agents_pb2.AgentMessage(hello=_hello(number)))
            message = await call.read()
        if not isinstance(message, agents_pb2.DaemonMessage):
            raise ConnectionError(f"the daemon doesn't welcome agent {number}")
        interval = message.welcome.heartbeat_ms / 1000
        welcomed.release()
        beat = 0
        while True:
            await asyncio.sleep(interval)
            beat += 1
            await call.write(agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=beat)))
            await call.read()


def _hello(number: int) -> agents_pb2.Hello:
    return agents_pb2.Hello(
        protocol_min=1,
        protocol_max=1,
        name=f"swarm-{number}",
        agent_id=f"swarm {number}",
        incarnation=1,
        version="1",
        resources=values_pb2.Resources(milli_cpus=4000, memory=1 << 30),
        operators=[],
    )


async def _swarm(address: str, token: str, size: int, look: float, cpu: Callable[[], float]) -> tuple[float, float]:
    """Seconds until all are welcome, and per cent of a core that the daemon takes then."""
    # Real agents don't share one processor with each other: more at once would miss the time for their hello.
    dialling, welcomed = asyncio.Semaphore(DIALLING), asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()
        agents = [
            tasks.create_task(_agent(address, token, number, dialling=dialling, welcomed=welcomed))
            for number in range(size)
        ]
        for _ in range(size):
            await welcomed.acquire()
        attached = time.perf_counter() - began
        await asyncio.sleep(3)
        before, began = cpu(), time.perf_counter()
        await asyncio.sleep(look)
        share = 100 * (cpu() - before) / (time.perf_counter() - began)
        for agent in agents:
            agent.cancel()
    return attached, share


def _idle(context: Context) -> Measured:
    size, look = (100, 5.0) if context.quick else (1_000, 20.0)
    with bed(context.root) as ready:
        process = ready.daemon_process()
        token = (ready.cluster.data / "token").read_text(encoding="utf-8").split()[0]

        def cpu() -> float:
            times = process.cpu_times()
            return float(times.user + times.system)

        attach, share = asyncio.run(_swarm(ready.cluster.address, token, size, look, cpu))
        memory = round(process.memory_info().rss / 1e6, 1)
        return Measured(
            value=round(share, 1), details={"agents": size, "attach_s": round(attach, 2), "daemon_rss_mb": memory}
        )


ROWS = (
    Row(
        name="agents",
        title="1,000 agents attached, idle",
        unit="% of a core",
        must=25,
        wish=10,
        more=False,
        measure=_idle,
    ),
)
