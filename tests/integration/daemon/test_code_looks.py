"""What pins operators, or checks against them, waits until agents have looked at their code, or have loaded it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from accio.v1 import accio_pb2, agents_pb2, workflows_pb2, workload_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import DOUBLE, FAIL, ScriptedAgent, joined, operator

pytestmark = pytest.mark.timeout(400)

ONE = {"id": "one", "graph": [{"op": "Double", "inputs": {"x": 1}}]}
OTHER = {"id": "one", "graph": [{"op": "Double", "inputs": {"y": 1}}]}
Y = (("y", "double", None),)
REQUEST = accio_pb2.SubmitRequest(definition=orjson.dumps({"workflow": "one"}))
SILENT = "a1 doesn't say whether operators' code on disk is still what was announced: this may run it as it was"


async def _asked(agent: ScriptedAgent) -> int:
    """Return the number of the next look that an agent is asked for."""
    while True:
        message = await agent.received.get()
        if message.HasField("look"):
            return message.look.request


async def test_a_submission_pins_what_is_announced_after_a_look(daemon: Serving) -> None:
    """An agent loads what was edited, and announces it by another session: the run is of that."""
    edited = operator("Double", digest="f")
    await _push(daemon)
    async with asyncio.TaskGroup() as tasks:
        async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent:
            submitting = tasks.create_task(_submit(daemon))
            await _asked(agent)
            await agent.send(stale=agents_pb2.Stale(operators=["Double"], loading=True))
            await agent.send(goodbye=agents_pb2.AgentGoodbye(reason="tests"))
            await agent.ended()
        async with joined(daemon.agents, "a1", [edited], answers_looks=True, incarnation=2) as agent:
            request = await _asked(agent)
            assert not submitting.done()
            await agent.send(looked=agents_pb2.CodeLooked(request=request))
            answer = await submitting
        assert [each.message for each in answer.warnings] == []
        node = accio_pb2.GetNodeRequest(run=answer.run.id, node="Double")
        assert (await daemon.accio.GetNode(node)).operator_digest == edited.digest


async def test_a_submission_waits_for_an_agent_that_is_between_two_sessions(daemon: Serving) -> None:
    """One that has found an edit by itself, and left to announce what it loaded, is no agent that isn't there."""
    edited = operator("Double", digest="f")
    await _push(daemon)
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent:
        await agent.send(stale=agents_pb2.Stale(operators=["Double"], loading=True))
        await agent.send(goodbye=agents_pb2.AgentGoodbye(reason="tests"))
        await agent.ended()
    async with asyncio.TaskGroup() as tasks:
        submitting = tasks.create_task(_submit(daemon))
        await daemon.accio.ListWindows(workload_pb2.ListWindowsRequest())  # which comes after it
        async with joined(daemon.agents, "a1", [edited], answers_looks=True, incarnation=2) as agent:
            request = await _asked(agent)
            assert not submitting.done()
            await agent.send(looked=agents_pb2.CodeLooked(request=request))
            answer = await submitting
    assert [*answer.warnings] == []
    node = accio_pb2.GetNodeRequest(run=answer.run.id, node="Double")
    assert (await daemon.accio.GetNode(node)).operator_digest == edited.digest


CHECKS: dict[str, Callable[[Serving], Awaitable[Any]]] = {
    "validate": lambda daemon: daemon.accio.Validate(REQUEST),
    "dry run": lambda daemon: daemon.accio.DryRun(REQUEST),
    "push": lambda daemon: daemon.accio.PushWorkflow(workflows_pb2.PushWorkflowRequest(definition=orjson.dumps(OTHER))),
    "validate a workflow": lambda daemon: daemon.accio.ValidateWorkflow(
        workflows_pb2.ValidateWorkflowRequest(definition=orjson.dumps(OTHER))
    ),
}


@pytest.mark.parametrize("check", CHECKS)
async def test_checks_are_made_against_what_is_announced_after_a_look(daemon: Serving, check: str) -> None:
    """What is right with the code as it has just been edited is right, though it wasn't with what was announced."""
    async with joined(daemon.agents, "a0", [operator("Double", Y, digest="f")]):
        await daemon.push(OTHER)
    async with asyncio.TaskGroup() as tasks:
        async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent:
            checking = tasks.create_task(_awaited(CHECKS[check](daemon)))
            await _loads(agent)
        async with joined(
            daemon.agents, "a1", [operator("Double", Y, digest="9")], answers_looks=True, incarnation=2
        ) as agent:
            await agent.send(looked=agents_pb2.CodeLooked(request=await _asked(agent)))
            answer = await checking
    assert getattr(answer, "valid", True)
    assert [*answer.warnings] == []


async def test_a_retry_with_the_latest_operators_waits_for_a_look(daemon: Serving) -> None:
    """It moves the run on to what was in the files as it came."""
    edited = operator("Fail", digest="f")
    run = await _failed(daemon)
    request = accio_pb2.RetryRequest(ids=[run], latest_operators=True)
    async with asyncio.TaskGroup() as tasks:
        async with joined(daemon.agents, "a1", [FAIL], answers_looks=True) as agent:
            retrying = tasks.create_task(_awaited(daemon.accio.Retry(request)))
            await _loads(agent)
        async with joined(daemon.agents, "a1", [edited], None, answers_looks=True, incarnation=2) as agent:
            await agent.send(looked=agents_pb2.CodeLooked(request=await _asked(agent)))
            (outcome,) = (await retrying).runs
            assert (outcome.changed, [*outcome.warnings]) == (True, [])
            node = accio_pb2.GetNodeRequest(run=run, node="Fail")
            assert (await daemon.accio.GetNode(node)).pinned_digest == edited.digest


async def test_a_retry_with_the_latest_operators_names_who_is_silent(daemon: Serving) -> None:
    """Of an agent that doesn't answer it isn't known whether its operators are the latest."""
    run = await _failed(daemon)
    async with joined(daemon.agents, "a1", [FAIL], None, answers_looks=True):
        (outcome,) = (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[run]))).runs
        assert (outcome.changed, [*outcome.warnings]) == (True, []), "which moves nothing on, and so asks nobody"
        await daemon.accio.Kill(accio_pb2.RunsRequest(ids=[run]))
        request = accio_pb2.RetryRequest(ids=[run], latest_operators=True)
        (outcome,) = (await daemon.accio.Retry(request)).runs
        assert (outcome.changed, [*outcome.warnings]) == (True, [SILENT])


async def test_what_an_agent_tells_before_its_answer_is_warned_of(daemon: Serving) -> None:
    """Code that has changed and isn't loaded: that very submission warns."""
    await _push(daemon)
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent, asyncio.TaskGroup() as tasks:
        submitting = tasks.create_task(_submit(daemon))
        request = await _asked(agent)
        await agent.send(stale=agents_pb2.Stale(operators=["Double"]))
        await agent.send(looked=agents_pb2.CodeLooked(request=request))
        (warning,) = (await submitting).warnings
        assert "the code of Double has changed on disk since a1 announced it" in warning.message


async def test_one_answer_is_for_all_that_was_asked_before(daemon: Serving) -> None:
    """An agent that is asked for many looks at once takes one, and answers the last."""
    await _push(daemon)
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent, asyncio.TaskGroup() as tasks:
        submitting = [tasks.create_task(_submit(daemon)) for _ in range(2)]
        assert [await _asked(agent) for _ in submitting] == [1, 2]
        await agent.send(looked=agents_pb2.CodeLooked(request=2))
        assert [list((await each).warnings) for each in submitting] == [[], []]


async def test_a_silent_agent_is_told_of_and_waited_for_once(daemon: Serving) -> None:
    """It delays one submission, is asked no more, and its name stands in a warning until it answers."""
    await _push(daemon)
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent, asyncio.TaskGroup() as tasks:
        for _ in range(2):
            (warning,) = (await _submit(daemon)).warnings
            assert (warning.path, warning.message) == ("/workflow", SILENT)
        assert await _asked(agent) == 1
        await agent.send(looked=agents_pb2.CodeLooked(request=1))
        await agent.send(heartbeat=agents_pb2.Heartbeat(seq=1))
        while not (found := await agent.received.get()).HasField("heartbeat"):
            assert not found.HasField("look"), "it was asked though it was silent"
        submitting = tasks.create_task(_submit(daemon))
        await agent.send(looked=agents_pb2.CodeLooked(request=await _asked(agent)))
        assert [*(await submitting).warnings] == []


async def test_agents_that_answer_no_looks_are_not_waited_for(daemon: Serving) -> None:
    """Such as those of earlier versions, and those on other machines that don't reload."""
    async with joined(daemon.agents, "a1", [DOUBLE]) as agent:
        await daemon.push(ONE)
        assert [*(await _submit(daemon)).warnings] == []
        await agent.send(heartbeat=agents_pb2.Heartbeat(seq=1))
        while not (found := await agent.received.get()).HasField("heartbeat"):
            assert not found.HasField("look")


async def _push(daemon: Serving) -> None:
    """Push a workflow, which asks for looks as well, while there is only an agent that answers none."""
    async with joined(daemon.agents, "a0", [DOUBLE]):
        await daemon.push(ONE)


async def _loads(agent: ScriptedAgent) -> None:
    """Find, when asked, code that was edited, and leave to announce it."""
    await _asked(agent)
    await agent.send(stale=agents_pb2.Stale(operators=["Double"], loading=True))
    await agent.send(goodbye=agents_pb2.AgentGoodbye(reason="tests"))
    await agent.ended()


async def _failed(daemon: Serving) -> str:
    """Return a run whose only node has failed, at an agent that is gone."""
    async with joined(daemon.agents, "a0", [FAIL]):
        await daemon.push({"id": "failing", "graph": [{"op": "Fail", "inputs": {"x": 1}}]})
        return (await daemon.finished({"workflow": "failing"})).id


async def _awaited(call: Awaitable[Any]) -> Any:
    """Make a call of gRPC something that a task can be made of."""
    return await call


async def _submit(daemon: Serving) -> accio_pb2.SubmitResponse:
    answer: accio_pb2.SubmitResponse = await daemon.accio.Submit(REQUEST)
    return answer
