"""Whatever a caller or an agent says, it is answered, no bug shows, and the daemon serves everybody else.

ACCIO_FUZZ_MESSAGES is how many messages of each kind are sent; the soak sends more than the checks of a change. Each
is made of a seed alone, which is told when it finds something; at a desk each time of other ones. They are sent in
portions, each to a daemon of its own.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from functools import partial
from random import Random, SystemRandom
from typing import Any, TypeVar

import grpc
import grpc.aio
import orjson
import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import settings

from accio.v1 import accio_pb2, agents_pb2, pools_pb2, pools_pb2_grpc, runs_pb2, values_pb2
from accio_daemon.services.transport.server import ACCIO, ARTIFACTS, POOLS
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, hello, in_columns, joined, operator
from tests.integration.daemon.workflows import PAIR
from tests.property import messages

T = TypeVar("T")

MESSAGES = int(os.environ.get("ACCIO_FUZZ_MESSAGES", "150"))
PORTION = 5_000
SWEEP = 50
DOUBLES = ("1.0", "0.0", "-2.5e+300", "5e-324", "1.0 ")
NONE = ("true", "NaN", "1e999", '"1.0"', "[1.0]", "null", "", "1.0,2.0", "1" * 400)
SINGLE = {**PAIR, "id": "single", "graph": PAIR["graph"][:1]}
METHODS = [*ACCIO.methods, *ARTIFACTS.methods, *POOLS.methods]
PATIENCE = 60.0
# What callers are told of a bug, of an answer that never comes, and of a daemon that is gone.
BUGS = ("internal error", "Deadline Exceeded", "failed to connect", "Unexpected <class")
OPERATORS = (operator("Double"), operator("Other", outputs=(("a", "list(double)"), ("b", "map(string,dataset)"))))

FIRST = 0 if settings().derandomize else SystemRandom().randrange(2**32)

Run = Callable[[Callable[[Serving], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(scope="module", params=range(0, MESSAGES, PORTION))
def seeds(request: pytest.FixtureRequest) -> range:
    """Return what the messages of a portion are made of."""
    first: int = FIRST + request.param
    return range(first, min(first + PORTION, FIRST + MESSAGES))


@pytest.fixture(scope="module")
def on_daemon(seeds: range, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return what runs a coroutine beside a daemon that has a run, on an event loop of its own."""
    del seeds  # each portion has a daemon of its own
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = serving(configured(tmp_path_factory.mktemp("hostile")))

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    daemon: Serving = wait(context.__aenter__())
    wait(_is_served(daemon))
    yield lambda work: wait(work(daemon))
    wait(_is_served(daemon))
    wait(context.__aexit__(None, None, None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _is_served(daemon: Serving) -> None:
    """An honest agent joins, and a run ends well."""
    async with joined(daemon.agents, "honest", OPERATORS):
        await daemon.push(PAIR)
        run = await daemon.finished({"workflow": "pair"})
        assert (await daemon.get(run.id)).run.id == run.id


def _authorized(daemon: Serving) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {daemon.config.token.read_text().split()[0]}"),)


async def _call(daemon: Serving, method: MethodDescriptor, request: Message) -> str:
    """Call a method and take its first answer, whatever it is; give the words of its refusal."""
    service = method.containing_service
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    make = getattr(daemon.channel, kind)(
        f"/{service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    call = make(
        iter([request]) if method.client_streaming else request,
        metadata=_authorized(daemon),
        timeout=PATIENCE,
    )
    try:
        if method.server_streaming:
            await call.read()
            call.cancel()
            return ""
        await call
    except grpc.aio.AioRpcError as error:
        return error.details() or ""
    return ""


def test_every_call_is_answered(on_daemon: Run, seeds: range) -> None:
    """No message of a client is a bug of the daemon's."""
    for seed in seeds:
        random = Random(seed)  # noqa: S311 - it is to be the same again
        method = random.choice(METHODS)
        request = messages.made(method.input_type, random)
        if method.name == "Backup":
            request = GetMessageClass(method.input_type)()  # or it would write files anywhere
        words = on_daemon(partial(_call, method=method, request=request))
        assert not any(bug in words for bug in BUGS), (seed, words, method.name, request)


def _several(kind: Descriptor, random: Random) -> list[Any]:
    return [messages.made(kind, random) for _ in range(random.randint(0, 4))]


async def _session(daemon: Serving, first: agents_pb2.AgentMessage, said: list[agents_pb2.AgentMessage]) -> Any:
    """Open a session, say things, and end it; give the words of its end."""
    return await _said(daemon.agents.Connect(timeout=PATIENCE), (first, *said))


async def _said(call: Any, words: Iterable[Any]) -> str:
    """Say things on a stream, end it, and return the words of its end."""
    with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
        for message in words:
            await call.write(message)
        await call.done_writing()
        while await call.read() is not grpc.aio.EOF:
            pass
    return str(await call.details())


def test_every_session_ends_in_a_status(on_daemon: Run, seeds: range) -> None:
    """No message of an agent, before or after a proper hello, is a bug of the daemon's."""
    opening = agents_pb2.AgentMessage(hello=hello("hostile", OPERATORS))
    for seed in seeds:
        random = Random(seed)  # noqa: S311 - it is to be the same again
        said = _several(agents_pb2.AgentMessage.DESCRIPTOR, random)
        first, *rest = [opening, *said] if random.random() < 0.5 or not said else said
        words = on_daemon(partial(_session, first=first, said=rest))
        assert not any(bug in words for bug in BUGS), (seed, words, first, rest)


async def _serve(daemon: Serving, said: list[pools_pb2.PoolsMessage]) -> Any:
    """Serve pools by saying things, and end; give the words of the end."""
    stub = pools_pb2_grpc.PoolsStub(daemon.channel)
    return await _said(stub.Serve(timeout=PATIENCE, metadata=_authorized(daemon)), said)


def test_every_server_of_pools_ends_in_a_status(on_daemon: Run, seeds: range) -> None:
    """No message of a process that serves pools, before or after a proper hello, is a bug of the daemon's."""
    for seed in seeds:
        random = Random(seed)  # noqa: S311 - it is to be the same again
        said = _several(pools_pb2.PoolsMessage.DESCRIPTOR, random)
        if random.random() < 0.5:
            pools = [_pool(random) for _ in range(random.randint(0, 3))]
            said.insert(0, pools_pb2.PoolsMessage(hello=pools_pb2.PoolsHello(pools=pools)))
        words = on_daemon(partial(_serve, said=said))
        assert not any(bug in words for bug in BUGS), (seed, words, said)


def _pool(random: Random) -> pools_pb2.PoolDescription:
    return pools_pb2.PoolDescription(
        name=random.choice(("a", "w")),  # words that other messages say, too
        provider="local",
        host=values_pb2.Resources(milli_cpus=random.choice((0, 1000, 2**40))),
        max=random.randint(0, 3),
    )


def test_a_server_of_pools_is_told_what_was_wrong(on_daemon: Run) -> None:
    """What breaks a session that has begun is its status, not an internal error."""
    hello = pools_pb2.PoolsMessage(hello=pools_pb2.PoolsHello(server="s"))
    words = on_daemon(lambda daemon: _serve(daemon, [hello, hello]))
    assert words == "expected one hello per session, found a second"


async def _unless_it_ends(agent: ScriptedAgent, queue: asyncio.Queue[T]) -> T | None:
    """Return what comes next, or None if the session ends before."""
    if not queue.empty():
        return queue.get_nowait()
    taken = asyncio.get_running_loop().create_task(queue.get())
    await asyncio.wait((taken, agent.receiving), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    if taken.done():
        return taken.result()
    taken.cancel()
    assert agent.receiving.done(), f"nothing came for {PATIENCE} s, though the session goes on"
    return None


class _Liar:
    """Accepts the nodes of a sweep one after the other, and reports of each what it was given.

    A session that is ended for what was said is followed by another one, as by an agent that was started anew: it is
    sent what the one before hadn't reported. So a report that is only judged costs a message, not a session and a run.
    """

    def __init__(self, seeds: range) -> None:
        self._seeds = list(reversed(seeds))
        self.said: dict[float, tuple[int, Any]] = {}
        """What was said last of each child, by its parameter: the seed and the report."""
        self._started = 0

    async def tell(self, daemon: Serving) -> list[runs_pb2.Run]:
        """Submit a sweep that has nodes to spare, say everything of it, and return which children succeeded."""
        x = {"values": [float(x) for x in range(4 * len(self._seeds))]}
        run = await daemon.submit({"workflow": "single", "params": {"x": x}}, cache=accio_pb2.CACHE_MODE_NONE)
        while self._seeds:
            self._started += 1
            async with joined(
                daemon.agents, "liar", OPERATORS, behaviour=None, cpus=1, incarnation=self._started, prefetch_limit=1
            ) as agent:
                await self._report(agent)
        answer = await daemon.accio.Kill(accio_pb2.RunsRequest(ids=[run.id]))
        assert len(answer.runs) == 1
        asked = accio_pb2.ListRequest(parent=run.id, states=[runs_pb2.RUN_STATE_SUCCESS], limit=1000)
        return list((await daemon.accio.List(asked)).runs)

    async def _report(self, agent: ScriptedAgent) -> None:
        while self._seeds and (work := await _unless_it_ends(agent, agent.work)) is not None:
            seed = self._seeds.pop()
            random = Random(seed)  # noqa: S311 - it is to be the same again
            legal = random.random() < 0.8
            report: Any = messages.made(agents_pb2.Report.DESCRIPTOR, random, legal=legal)
            report.attempt = work.attempt
            if random.random() < 0.3:  # what could well be a result
                report.success = True
                for field in ("failure", "outputs", *random.choice(((), ("large_outputs", "contents", "series")))):
                    report.ClearField(field)
                report.outputs["value"] = random.choice(DOUBLES + NONE)
            self.said[orjson.loads(work.inputs_json)["x"]] = seed, report
            in_one = legal and random.random() < 0.2
            await agent.send(reports=in_columns(report) if in_one else agents_pb2.Reports(reports=[report]))
            if await _unless_it_ends(agent, agent.acked) is None:
                return  # what else was sent to it is sent to the next


def test_every_report_is_judged(on_daemon: Run, seeds: range) -> None:
    """What is said of an attempt that goes on becomes its result only if it is one of its operator's."""
    on_daemon(lambda daemon: daemon.push(SINGLE))
    succeeded = 0
    for first in range(seeds.start, seeds.stop, SWEEP):
        liar = _Liar(range(first, min(first + SWEEP, seeds.stop)))
        for child in on_daemon(liar.tell):
            seed, report = liar.said[float(child.index)]
            assert list(report.outputs) == ["value"], (seed, report)
            assert report.outputs["value"] not in NONE, (seed, report)
            succeeded += 1
    assert succeeded or len(seeds) < 100, "no report was one of a result: nothing was shown"
