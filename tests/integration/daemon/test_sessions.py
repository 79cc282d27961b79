"""Sessions of agents: their beginning, what travels, and every way in which they end."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from accio.v1 import accio_pb2, agents_pb2, runs_pb2, values_pb2, workflows_pb2
from accio_daemon.core.numbering import ATTEMPT_BITS
from accio_daemon.services.sessions import link
from tests.integration.daemon.harness import Serving, configured, refused, serving
from tests.integration.daemon.scripted_agent import (
    DOUBLE,
    OPERATORS,
    ScriptedAgent,
    hello,
    in_columns,
    joined,
    operator,
)
from tests.integration.daemon.workflows import PAIR

QUEUED, RUNNING = runs_pb2.NODE_STATE_QUEUED, runs_pb2.NODE_STATE_RUNNING


async def say(daemon: Serving, **kind: Any) -> None:
    """Open a session with any first message, and read its answer."""
    call = daemon.agents.Connect()
    await call.write(agents_pb2.AgentMessage(**kind))
    while await call.read() is not grpc.aio.EOF:
        pass
    assert await call.code() is grpc.StatusCode.OK


async def agents(daemon: Serving) -> list[accio_pb2.Agent]:
    """List the agents that the daemon remembers."""
    return list((await daemon.accio.ListAgents(accio_pb2.ListAgentsRequest())).agents)


async def test_an_agent_is_welcomed_and_remembered(daemon: Serving) -> None:
    """The Welcome tells lease, heartbeat, epoch and store; the operators stay known without the agent."""
    async with joined(daemon.agents, "m1") as agent:
        welcome = agent.welcomed.result()
        assert (welcome.protocol, welcome.epoch, welcome.lease_ms, welcome.heartbeat_ms) == (1, 1, 15_000, 2_000)
        assert (daemon.config.store / "nonce").read_text() == welcome.store_nonce
        (known,) = await agents(daemon)
        assert (known.name, known.state, known.operators) == ("m1", "connected", len(OPERATORS))
    operators = (await daemon.accio.ListOperators(accio_pb2.ListOperatorsRequest())).operators
    assert [each.name for each in operators] == ["Double", "Draw", "Fail", "Load", "Total"]
    async with refused(grpc.StatusCode.NOT_FOUND, "Double"):
        await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Doubel"))


async def test_a_changed_operator_is_the_latest_at_once(daemon: Serving) -> None:
    """A version that an agent announces replaces the one that was known."""
    async with joined(daemon.agents):
        pass
    changed = operator("Double", digest="e", help="new")
    async with joined(daemon.agents, operators=(changed,)):
        found = await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Double"))
    assert (found.digest, found.help) == (changed.digest, "new")


async def test_a_wrong_hello_is_refused(daemon: Serving) -> None:
    """Foreign protocols, bad names, doubled or contradictory operators, another first message: each is told."""
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    async with refused(grpc.StatusCode.FAILED_PRECONDITION, "upgrade the daemon"):
        await say(daemon, hello=hello("m", OPERATORS, protocol_min=7, protocol_max=9))
    async with refused(invalid, "name"):
        await say(daemon, hello=hello("../m", OPERATORS))
    async with refused(invalid, "Double", "several times"):
        await say(daemon, hello=hello("m", (DOUBLE, DOUBLE)))
    bad_type = operator("Bad", (("x", "dubble", None),))
    async with refused(invalid, "Bad", "dubble"):
        await say(daemon, hello=hello("m", (bad_type,)))
    idle = values_pb2.Operator(name="Idle", resources=values_pb2.Resources())
    async with refused(invalid, "Idle", "CPUs above 0"):
        await say(daemon, hello=hello("m", (idle,)))
    async with refused(invalid, "hello"):
        await say(daemon, heartbeat=agents_pb2.Heartbeat(seq=1))
    assert await agents(daemon) == []


async def test_an_operator_that_an_earlier_version_let_in_ends_no_start(tmp_path: Path) -> None:
    """One that demands no processor was stored once, and no start could read it any more: it demands one now."""
    config = configured(tmp_path)
    async with serving(config) as daemon, joined(daemon.agents):
        pass
    with closing(sqlite3.connect(config.database)) as connection:
        changed = "UPDATE operators SET spec = json_set(spec, '$.resources.cpus', 0) WHERE name = 'Double'"
        assert connection.execute(changed).rowcount == 1
        connection.commit()
    async with serving(config) as daemon:
        found = await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Double"))
        assert found.resources.milli_cpus == 1000


async def test_heartbeats_are_answered(daemon: Serving, agent: ScriptedAgent) -> None:
    """Each heartbeat gets its number back, without waiting for anything."""
    for seq in range(1, 4):
        await agent.send(heartbeat=agents_pb2.Heartbeat(seq=seq))
        assert (await agent.received.get()).heartbeat.seq == seq


async def test_reports_are_acknowledged_once_durable(daemon: Serving) -> None:
    """A report is acknowledged, a second one about the same attempt changes nothing and is acknowledged too."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        first = await agent.work.get()
        assert (first.node, first.number, first.inputs_json) == (f"{run.id}/First", 1, '{"x":3.0}')
        report = agent.report(first)
        late = agent.report(first, {"value": "999.0"})
        for each in (report, late):
            await agent.send(reports=agents_pb2.Reports(reports=[each]))
        assert [await agent.acked.get() for _ in range(2)] == [report.seq, late.seq]
        second = await agent.work.get()
        assert second.inputs_json == '{"x":6.0}'


async def test_progress_is_shown(daemon: Serving) -> None:
    """What an operator says of its progress is shown with its node while it runs."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        work = await agent.work.get()
        await agent.send(progress=agents_pb2.Progress(attempt=[work.attempt], fraction=[0.25]))
        await agent.send(heartbeat=agents_pb2.Heartbeat(seq=1))  # answered behind what came before
        await agent.received.get()
        node = (await daemon.get(run.id, nodes=True)).nodes[0]
        assert (node.state, node.progress, node.agent) == (RUNNING, 0.25, "agent")


async def test_a_goodbye_gives_work_back_at_once(daemon: Serving) -> None:
    """What an agent holds goes back to the queue with its goodbye, and to the next agent."""
    async with joined(daemon.agents, "m1", behaviour=None) as leaving:
        await daemon.push(PAIR)
        await daemon.submit({"workflow": "pair"})
        first = await leaving.work.get()
        await leaving.send(goodbye=agents_pb2.AgentGoodbye(reason="maintenance"))
        async with joined(daemon.agents, "m2", behaviour=None) as other:
            again = await other.work.get()
    assert (again.node, again.number) == (first.node, 1)
    assert again.attempt > first.attempt
    assert [each.reason for each in await agents(daemon) if each.name == "m1"] == ["maintenance"]


async def test_a_kill_stops_the_attempt(daemon: Serving) -> None:
    """Killing a run tells the agent to stop what runs for it."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        work = await agent.work.get()
        await daemon.accio.Kill(accio_pb2.RunsRequest(ids=[run.id]))
        assert list((await agent.received.get()).stop.attempts) == [work.attempt]
    assert (await daemon.get(run.id)).run.state == runs_pb2.RUN_STATE_KILLED


async def test_output_that_is_no_json_is_a_failure(daemon: Serving, agent: ScriptedAgent) -> None:
    """An agent that sends what isn't JSON fails the node as bad output; nothing of it is stored."""
    agent.behaviour = lambda name, inputs, seed: {"value": "{not json"}
    await daemon.push(PAIR)
    run = await daemon.finished({"workflow": "pair"})
    node = (await daemon.get(run.id, nodes=True)).nodes[0]
    assert (node.state, node.failure.cause) == (runs_pb2.NODE_STATE_FAILED, "bad output")


async def test_a_malformed_report_ends_the_session(daemon: Serving) -> None:
    """A digest that is none ends the session with its reason; the daemon goes on."""
    async with joined(daemon.agents) as agent:
        report = agents_pb2.Report(seq=1, attempt=1, success=True)
        report.contents.add(digest="blake3:nonsense", bytes=1)
        await agent.send(reports=agents_pb2.Reports(reports=[report]))
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, "nonsense"):
            await agent.ended()
    async with joined(daemon.agents) as agent:
        columns = agents_pb2.ReportColumns(seq=[1, 2], attempt=[1], outputs_json="[{},{}]")
        await agent.send(reports=agents_pb2.Reports(columns=columns))
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, "columns of 2 reports"):
            await agent.ended()
    assert (await agents(daemon))[0].state != "connected"


async def test_a_node_whose_reports_cannot_be_read_ends(daemon: Serving) -> None:
    """An agent that hands over the same unreadable report in each session loses what it holds, at last for good."""
    async with joined(daemon.agents):
        await daemon.push(PAIR)
    run = await daemon.submit({"workflow": "pair"})
    held: list[agents_pb2.HeldAttempt] = []
    for _ in range(20):
        async with joined(daemon.agents, behaviour=None, held=held) as agent:
            node = await first_node(daemon, run)
            if node.state == runs_pb2.NODE_STATE_LOST:
                break
            if not held or held[0].attempt not in agent.welcomed.result().keep:
                attempt = (await asyncio.wait_for(agent.work.get(), 90)).attempt
                held = [agents_pb2.HeldAttempt(attempt=attempt, state=agents_pb2.HeldAttempt.FINISHED)]
            report = agents_pb2.Report(seq=1, attempt=held[0].attempt, success=True, log_bytes=1 << 60)
            await agent.send(reports=agents_pb2.Reports(reports=[report]))
            async with refused(grpc.StatusCode.INVALID_ARGUMENT, "log_bytes"):
                await agent.ended()
    node = await first_node(daemon, run)
    assert node.state == runs_pb2.NODE_STATE_LOST
    assert "what it reports can't be read (expected Report.log_bytes" in node.failure.message


async def first_node(daemon: Serving, run: runs_pb2.Run) -> runs_pb2.Node:
    """Get the first node of a run."""
    return (await daemon.get(run.id, nodes=True)).nodes[0]


async def test_an_agent_that_does_not_read_is_dropped(daemon: Serving) -> None:
    """A session whose queue is full ends; what waited for it doesn't pile up."""
    async with joined(daemon.agents, "slow", behaviour=None) as agent:
        session = daemon.daemon.sessions.of("slow")
        assert session is not None
        for _ in range(link.QUEUE_LIMIT + 1):
            session.link.send(agents_pb2.DaemonMessage(heartbeat=agents_pb2.HeartbeatAck(seq=1)))
        async with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "doesn't read"):
            await agent.ended()


async def test_draining_shows_and_holds_work_back(daemon: Serving, agent: ScriptedAgent) -> None:
    """A drained agent is told so and gets nothing new until the drain is taken back."""
    await daemon.push(PAIR)
    drained = await daemon.accio.DrainAgent(accio_pb2.DrainAgentRequest(name="agent"))
    assert drained.state == "draining"
    assert (await agent.received.get()).drain.draining
    run = await daemon.submit({"workflow": "pair"})
    assert (await daemon.get(run.id, nodes=True)).nodes[0].state == QUEUED
    await daemon.accio.DrainAgent(accio_pb2.DrainAgentRequest(name="agent", undo=True))
    async for update in daemon.accio.Watch(accio_pb2.WatchRequest(id=run.id)):
        run = update.run
    assert run.state == runs_pb2.RUN_STATE_SUCCESS
    async with refused(grpc.StatusCode.NOT_FOUND, "nobody"):
        await daemon.accio.DrainAgent(accio_pb2.DrainAgentRequest(name="nobody"))


async def test_the_cluster_has_numbers(daemon: Serving, agent: ScriptedAgent) -> None:
    """The state of the cluster sums up agents, reservations and work."""
    state = await daemon.accio.GetClusterState(accio_pb2.GetClusterStateRequest())
    assert (state.agents, state.resources.milli_cpus, state.reserved.milli_cpus) == (1, 4000, 0)
    assert (state.epoch, state.synchronous, state.refusing) == (1, "FULL", "")


async def test_agents_hear_that_the_daemon_stops(tmp_path: Any) -> None:
    """A daemon that stops says goodbye to its agents, who dial again."""
    async with serving(configured(tmp_path)) as daemon:
        call = daemon.agents.Connect()
        await call.write(agents_pb2.AgentMessage(hello=hello("m", OPERATORS)))
        assert (await call.read()).HasField("welcome")
        goodbye = asyncio.get_running_loop().create_task(call.read())
        daemon.daemon.sessions.say_goodbye("the daemon stops", reconnect=True)
        message = await goodbye
    assert message.goodbye.reconnect


async def test_an_agent_is_forgotten_on_request(daemon: Serving) -> None:
    """An agent that is gone can be removed; one that is connected can't."""
    async with joined(daemon.agents, "m1"):
        async with refused(grpc.StatusCode.FAILED_PRECONDITION):
            await daemon.accio.RemoveAgent(accio_pb2.RemoveAgentRequest(name="m1"))
        gone = daemon.daemon.sessions.of("m1")
    assert gone is not None
    await gone.ended.wait()
    await daemon.accio.RemoveAgent(accio_pb2.RemoveAgentRequest(name="m1"))
    assert await agents(daemon) == []


async def test_a_demand_travels_with_its_class(daemon: Serving) -> None:
    """The class of a node is described before its first node, with what it reserves."""
    heavy = operator("Heavy", timeout_ms=5000)
    heavy.resources.CopyFrom(values_pb2.Resources(milli_cpus=2500, memory=1 << 20))
    async with joined(daemon.agents, operators=(DOUBLE, heavy), behaviour=None) as agent:
        await daemon.push({"id": "w", "graph": [{"op": "Heavy", "inputs": {}}]})
        await daemon.submit({"workflow": "w"})
        work = await agent.work.get()
        node_class = agent.class_of(work)
        assert agent.operator_of(work) == "Heavy"
        assert (node_class.resources.milli_cpus, node_class.timeout_ms) == (2500, 5000)


LIFE: dict[str, Any] = {"life": "1", "place": "here"}
COPY: dict[str, Any] = {"life": "2", "place": "there", "predecessors": ["1"]}


async def beating(agent: ScriptedAgent) -> None:
    """Send heartbeats for as long as the session lasts."""
    for seq in range(1, 1000):
        await agent.send(heartbeat=agents_pb2.Heartbeat(seq=seq))
        await asyncio.wait((agent.receiving,), timeout=0.2)
        if agent.receiving.done():
            return


async def test_a_copy_of_an_agent_that_lives_is_refused(daemon: Serving) -> None:
    """A second agent of one identity is told what to do, however often it comes, and the first one notices nothing."""
    async with joined(daemon.agents, "m1", **LIFE) as first, asyncio.TaskGroup() as tasks:
        lives = tasks.create_task(beating(first))
        for incarnation in (1, 2, 7):
            async with refused(grpc.StatusCode.FAILED_PRECONDITION, "copied", "--name", "--state-dir"):
                await say(daemon, hello=hello("m1", OPERATORS, **COPY, incarnation=incarnation))
        assert not first.receiving.done()
        lives.cancel()


async def test_the_next_life_is_let_in_at_once(daemon: Serving) -> None:
    """An agent that was started again on its folder takes over, though its earlier connection seems to live."""
    async with joined(daemon.agents, "m1", **LIFE) as first, asyncio.TaskGroup() as tasks:
        tasks.create_task(beating(first))
        async with joined(daemon.agents, "m1", life="3", place="here", predecessors=["2", "1"], incarnation=3):
            await first.ended()


async def test_silence_makes_way(tmp_path: Path) -> None:
    """Where nobody can show the succession, as after a restart of the machine, a silent agent makes way."""
    async with (
        serving(configured(tmp_path, lease="1s")) as daemon,
        joined(daemon.agents, "m1", **LIFE),
        joined(daemon.agents, "m1", **COPY) as second,
    ):
        assert second.welcomed.result().session == 2


async def test_of_copies_that_come_at_once_one_is_let_in(daemon: Serving) -> None:
    """Agents of one identity that dial in the same moment are decided one after the other."""
    refusals: list[int] = []

    async def come(number: int) -> bool:
        with suppress(grpc.aio.AioRpcError):
            async with joined(daemon.agents, "m1", life=str(number), place="here") as agent:
                while len(refusals) < 3 and not agent.receiving.done():
                    await agent.send(heartbeat=agents_pb2.Heartbeat(seq=1))
                    await asyncio.wait((agent.receiving,), timeout=0.2)
                return not agent.receiving.done()
        refusals.append(number)
        return False

    assert sum(await asyncio.gather(*(come(number) for number in range(4)))) == 1


async def test_the_newer_incarnation_wins(daemon: Serving) -> None:
    """A restarted agent takes the place of the one before, who is told so; a copy of an older one is refused."""
    async with joined(daemon.agents, "m1", incarnation=2) as first:
        async with refused(grpc.StatusCode.FAILED_PRECONDITION, "m1"):
            await say(daemon, hello=hello("m1", OPERATORS, incarnation=1))
        assert (await agents(daemon))[0].state == "connected"
        async with joined(daemon.agents, "m1", incarnation=3):
            told = (await first.received.get()).goodbye
            await first.ended()
            assert not told.reconnect
            assert [each.state for each in await agents(daemon)] == ["connected"]
            session = daemon.daemon.sessions.of("m1")
            assert session is not None
            assert not session.ended.is_set()


async def test_a_message_that_is_too_large_ends_its_session_only(daemon: Serving, agent: ScriptedAgent) -> None:
    """An agent that sends more than a message may have loses its session; the daemon and other agents go on."""
    async with joined(daemon.agents, "large") as large:
        report = agents_pb2.Report(seq=1, attempt=1, success=True, outputs={"value": '"' + "x" * (5 << 20) + '"'})
        await large.send(reports=agents_pb2.Reports(reports=[report]))
        async with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max"):
            await large.ended()
    await daemon.push(PAIR)
    assert (await daemon.finished({"workflow": "pair"})).state == runs_pb2.RUN_STATE_SUCCESS


@pytest.mark.parametrize(
    "outputs",
    [{}, {"value": '"text"'}, {"value": "1.0", "other": "2.0"}, {"value": "[" * 900 + "]" * 900}],
)
@pytest.mark.parametrize("columns", [False, True])
async def test_what_can_be_no_result_fails_its_attempt_alone(
    daemon: Serving, outputs: dict[str, str], columns: bool
) -> None:
    """Outputs that aren't the operator's are neither stored nor remembered; a good report afterwards is both."""

    def reporting(report: agents_pb2.Report) -> agents_pb2.Reports:
        return in_columns(report) if columns else agents_pb2.Reports(reports=[report])

    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        first = await daemon.submit({"workflow": "pair"})
        assignment = await agent.work.get()
        await agent.send(reports=reporting(agent.report(assignment, outputs)))
        await agent.acked.get()
        (node, *_) = (await daemon.get(first.id, nodes=True)).nodes
        assert (node.state, node.failure.cause) == (runs_pb2.NODE_STATE_FAILED, "bad output")
        assert "the agent sent" in node.failure.message
        second = await daemon.submit({"workflow": "pair"})
        again = await agent.work.get()
        await agent.send(reports=reporting(agent.report(again, {"value": "2.0"})))
        await agent.acked.get()
        (node, *_) = (await daemon.get(second.id, nodes=True)).nodes
        assert (node.state, node.cached) == (runs_pb2.NODE_STATE_SUCCESS, False)


async def test_an_attempt_that_nobody_was_given_gets_no_result(daemon: Serving) -> None:
    """A success for a number that is only given afterwards doesn't become its result."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        guessed = agents_pb2.Assignment(attempt=(1 << ATTEMPT_BITS) + 1)
        early = agent.report(guessed, {"value": "666.0"})
        await agent.send(reports=agents_pb2.Reports(reports=[early]))
        await agent.acked.get()
        run = await daemon.submit({"workflow": "pair"})
        assert (await agent.work.get()).attempt == guessed.attempt
        (node, *_) = (await daemon.get(run.id, nodes=True)).nodes
        assert node.state == RUNNING


async def test_agents_that_differ_are_told_of(daemon: Serving) -> None:
    """A submission is warned, the list of agents and the operator's description say who gets nothing."""
    other = operator("Double", digest="e")
    async with joined(daemon.agents, "a1", behaviour=None), joined(daemon.agents, "a2", [other], behaviour=None):
        await daemon.push(PAIR)
        request = accio_pb2.SubmitRequest(definition=b'{"workflow": "pair"}')
        said = "a1 and a2 offer Double with different code: what a2 offers is used"
        (warning,) = (await daemon.accio.Submit(request)).warnings
        assert (warning.path, said in warning.message) == ("/workflow", True)
        assert said in (await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Double"))).differing
        first, second = await agents(daemon)
        assert first.reason == "gets no new nodes of Double: another agent announced other code since"
        assert second.reason == ""


async def test_operators_that_an_agent_cannot_load_are_told_of(daemon: Serving) -> None:
    """Whoever misses an operator is told which ones agents can't load: in definitions, descriptions, and of agents."""
    left_out = ["the operators of fits are left out: No module named 'torch'"]
    told = f"at a1 {left_out[0]}"
    async with joined(daemon.agents, "a0", behaviour=None):
        await daemon.push(PAIR)
    async with joined(daemon.agents, "a1", [operator("Other")], behaviour=None, left_out=left_out):
        assert [list(each.left_out) for each in await agents(daemon)] == [[], left_out]
        (warning,) = (await daemon.accio.Submit(accio_pb2.SubmitRequest(definition=b'{"workflow": "pair"}'))).warnings
        assert warning.message == f"no connected agent offers Double; {told}"
        async with refused(grpc.StatusCode.NOT_FOUND, told):
            await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Fit"))
        definition = b'{"id": "fits", "graph": [{"op": "Fit"}]}'
        checked = await daemon.accio.ValidateWorkflow(workflows_pb2.ValidateWorkflowRequest(definition=definition))
        assert [told in each.message for each in checked.errors] == [True]
    assert [list(each.left_out) for each in await agents(daemon)] == [[], []]


async def test_code_that_changed_on_disk_is_told_of(daemon: Serving) -> None:
    """A submission is warned, the list of agents and the operator's description say which agent to start again."""
    async with joined(daemon.agents, "a1", behaviour=None) as agent:
        await daemon.push(PAIR)
        request = accio_pb2.SubmitRequest(definition=b'{"workflow": "pair"}')
        assert not (await daemon.accio.Submit(request)).warnings
        await agent.send(stale=agents_pb2.Stale(operators=["Double"]))
        said = "the code of Double has changed on disk since a1 announced it"
        await agent.send(heartbeat=agents_pb2.Heartbeat(seq=1))
        while not (await agent.received.get()).HasField("heartbeat"):
            pass
        await daemon.accio.Submit(request)  # is decided after what the agent said
        (warning,) = (await daemon.accio.Submit(request)).warnings
        assert (warning.path, said in warning.message) == ("/workflow", True)
        assert said in (await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Double"))).stale
        (found,) = await agents(daemon)
        assert found.reason == "the code of Double has changed since it started: start it again"


async def test_a_session_ends_in_a_status_while_something_is_being_sent(daemon: Serving) -> None:
    """An agent that ends its half while its welcome is on the way isn't left waiting for the end of the session."""
    for _ in range(20):
        call = daemon.agents.Connect(timeout=30)
        await call.write(agents_pb2.AgentMessage(hello=hello("m1", OPERATORS)))
        await call.done_writing()
        while await call.read() is not grpc.aio.EOF:
            pass
        assert await call.code() is grpc.StatusCode.OK
