"""Agents of the daemon's machine and user are asked for looks beside their sessions, where nothing is in doubt."""

import asyncio
import socket
from pathlib import Path

import orjson
import pytest

from accio.look_line import ANSWER, KEY_BYTES, UNSURE
from accio.v1 import accio_pb2, agents_pb2
from accio_daemon.core.terms import SessionNo
from accio_daemon.services.sessions.link import Link
from accio_daemon.services.sessions.look_lines import LookLines
from accio_daemon.services.sessions.registry import Looked, Session
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import DOUBLE, ScriptedAgent, joined
from tests.look_lines import answer, asked, line_of

pytestmark = pytest.mark.timeout(400)

ONE = {"id": "one", "graph": [{"op": "Double", "inputs": {"x": 1}}]}
REQUEST = accio_pb2.SubmitRequest(definition=orjson.dumps({"workflow": "one"}))


async def _asked_in_session(agent: ScriptedAgent) -> int:
    while not (message := await agent.received.get()).HasField("look"):
        continue
    return message.look.request


async def _push(daemon: Serving) -> None:
    """Push a workflow while there is only an agent that answers no looks."""
    async with joined(daemon.agents, "a0", [DOUBLE]):
        await daemon.push(ONE)


async def _submit(daemon: Serving) -> list[str]:
    answer: accio_pb2.SubmitResponse = await daemon.accio.Submit(REQUEST)
    return [each.message for each in answer.warnings]


async def test_a_submission_asks_by_the_line(daemon: Serving) -> None:
    """Nothing is asked in the session, and the answer is waited for."""
    await _push(daemon)
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent, asyncio.TaskGroup() as tasks:
        async with line_of(await agent.welcomed) as line:
            for number in (1, 2):
                submitting = tasks.create_task(_submit(daemon))
                assert await asked(line) == number
                assert not submitting.done()
                await answer(line, number, 0)
                assert await submitting == []
        assert not any(agent.received.get_nowait().HasField("look") for _ in range(agent.received.qsize()))


def _has_line(session: Session) -> bool:
    return session.line is not None


async def test_an_answer_that_has_come_is_taken_without_a_turn(tmp_path: Path) -> None:
    """Answers that came before it go to whoever waits for them; one that is unsure is no answer; nor is a hang-up."""
    lines = LookLines()
    session = Session(
        name="a1", number=SessionNo(1), link=Link(lambda _: agents_pb2.Welcome()), looks_key=bytes(KEY_BYTES)
    )
    with lines.listening(tmp_path), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        lines.expect(session)
        line.connect(lines.place)
        line.send(session.looks_key)
        while not _has_line(session):  # noqa: ASYNC110 - the event loop takes the connection, which sets no event
            await asyncio.sleep(0)
        first, second, third, fourth = (session.ask_look() for _ in range(4))
        assert first is not None
        assert second is not None
        assert third is not None
        assert fourth is not None
        session.take_answers(second)
        assert not first.done()
        for number, told in ((1, 0), (2, 0), (3, UNSURE)):
            line.send(ANSWER.pack(number, told))
        session.take_answers(second)
        assert (first.result(), second.result(), third.done()) == (Looked.DONE, Looked.DONE, False)
        session.take_answers(third)
        assert not third.done()
        line.close()
        session.take_answers(fourth)
        assert not fourth.done()
        assert not _has_line(session)
        session.take_answers(fourth)


@pytest.mark.parametrize("told", [UNSURE, 1])
async def test_what_an_agent_is_not_sure_of_is_asked_in_the_session(daemon: Serving, told: int) -> None:
    """So it is where it has told something that isn't there yet: the answer in the session comes after that."""
    await _push(daemon)
    async with (
        joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent,
        asyncio.TaskGroup() as tasks,
        line_of(await agent.welcomed) as line,
    ):
        submitting = tasks.create_task(_submit(daemon))
        await answer(line, await asked(line), told)
        request = await _asked_in_session(agent)
        assert not submitting.done()
        await agent.send(stale=agents_pb2.Stale(operators=["Double"]))
        await agent.send(looked=agents_pb2.CodeLooked(request=request))
        (warning,) = await submitting
        assert "the code of Double has changed on disk since a1 announced it" in warning
        submitting = tasks.create_task(_submit(daemon))
        await answer(line, await asked(line), 1)
        assert await submitting == [warning], "it says that nothing is new since it told that"


async def test_a_line_that_breaks_is_no_answer(daemon: Serving) -> None:
    """What was asked by it is asked in the session, and so is everything from then on."""
    await _push(daemon)
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent, asyncio.TaskGroup() as tasks:
        async with line_of(await agent.welcomed) as line:
            submitting = tasks.create_task(_submit(daemon))
            await asked(line)
        await agent.send(looked=agents_pb2.CodeLooked(request=await _asked_in_session(agent)))
        assert await submitting == []
        submitting = tasks.create_task(_submit(daemon))
        await agent.send(looked=agents_pb2.CodeLooked(request=await _asked_in_session(agent)))
        assert await submitting == []


async def test_nobody_is_heard_without_the_key_of_a_session(daemon: Serving) -> None:
    """A key is good for one connection, and for as long as its session lasts."""
    async with joined(daemon.agents, "a1", [DOUBLE], answers_looks=True) as agent:
        welcome = await agent.welcomed
        assert len(welcome.looks_key) == KEY_BYTES
        async with line_of(welcome) as line:
            for key in (welcome.looks_key, bytes(KEY_BYTES), b"?"):
                async with line_of(agents_pb2.Welcome(looks_at=welcome.looks_at, looks_key=key)) as other:
                    assert await asked(other) == 0
            await agent.send(goodbye=agents_pb2.AgentGoodbye(reason="tests"))
            assert await asked(line) == 0
        async with line_of(welcome) as line:
            assert await asked(line) == 0
    async with joined(daemon.agents, "a2", [DOUBLE]) as agent:
        assert ((await agent.welcomed).looks_at, (await agent.welcomed).looks_key) == ("", b"")
