"""One call for one submission after the other."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import orjson

from accio.v1 import accio_pb2, accio_pb2_grpc, runs_pb2
from tests.integration.daemon.harness import Serving, Stub, configured, refused, serving
from tests.integration.daemon.scripted_agent import ScriptedAgent, joined
from tests.integration.daemon.workflows import FAILING, PAIR

ENDS = (runs_pb2.RUN_STATE_SUCCESS, runs_pb2.RUN_STATE_FAILED)


async def submitted(call: Any, document: object, **fields: Any) -> list[accio_pb2.RunUpdate]:
    """Submit in a call that goes on; return the updates up to the last one."""
    await call.write(accio_pb2.SubmitRequest(definition=orjson.dumps(document), base_path="/base", **fields))
    updates = [await call.read()]
    while updates[-1].run.state not in ENDS:
        updates.append(await call.read())
    return updates


async def test_each_is_told_of_until_it_has_ended(daemon: Serving, agent: ScriptedAgent) -> None:
    """Runs that succeed, fail, or were submitted before follow each other; the call ends with its client's half."""
    await daemon.push(PAIR)
    await daemon.push(FAILING)
    call = daemon.accio.SubmitAndWatchEach()
    first = await submitted(call, {"workflow": "pair", "params": {"x": 1}}, idempotency_key="first")
    second = await submitted(call, {"workflow": "failing"})
    again = await submitted(call, {"workflow": "pair", "params": {"x": 1}}, idempotency_key="first")
    assert [each[-1].run.state for each in (first, second, again)] == [ENDS[0], ENDS[1], ENDS[0]]
    assert [{update.run.id for update in each} for each in (first, again)] == [{first[-1].run.id}] * 2
    assert {update.run.id for update in second} == {second[-1].run.id} != {first[-1].run.id}
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_one_that_is_refused_ends_the_call(daemon: Serving, agent: ScriptedAgent) -> None:
    """Its reason is the call's; what was submitted before stays."""
    await daemon.push(PAIR)
    call = daemon.accio.SubmitAndWatchEach()
    (*_, last) = await submitted(call, {"workflow": "pair"})
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "nonsense"):
        await submitted(call, {"workflow": "pair", "params": {"nonsense": 1}})
    assert (await daemon.get(last.run.id)).run.state == runs_pb2.RUN_STATE_SUCCESS


async def test_who_gives_up_leaves_the_run_alone(daemon: Serving, agent: ScriptedAgent) -> None:
    """A call that is given up in the middle of a submission ends; its run goes on, and is told of to whoever asks."""
    await daemon.push(PAIR)
    call = daemon.accio.SubmitAndWatchEach()
    await submitted(call, {"workflow": "pair"})
    request = accio_pb2.SubmitRequest(definition=b'{"workflow":"pair"}', base_path="/base", idempotency_key="given up")
    await call.write(request)
    call.cancel()
    updates = [update async for update in daemon.accio.SubmitAndWatch(request)]
    assert updates[-1].run.state == runs_pb2.RUN_STATE_SUCCESS


async def test_the_daemon_doesnt_wait_for_those_who_might_submit(tmp_path: Path) -> None:
    """A call in which nothing is submitted ends well when the daemon does; it isn't cut off after a time of grace."""
    async with AsyncExitStack() as stack:
        async with serving(configured(tmp_path / "data")) as daemon, joined(daemon.agents):
            await daemon.push(PAIR)
            token = daemon.config.token.read_text().split()[0]
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(daemon.daemon.address))
            accio = Stub(accio_pb2_grpc.AccioStub(channel), token)
            used, unused = accio.SubmitAndWatchEach(), accio.SubmitAndWatchEach()
            await submitted(used, {"workflow": "pair"})
        assert [await each.read() for each in (used, unused)] == [grpc.aio.EOF] * 2
        assert [await each.code() for each in (used, unused)] == [grpc.StatusCode.OK] * 2
