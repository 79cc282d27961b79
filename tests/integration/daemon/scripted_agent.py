"""An agent without processes: it dials the daemon as real ones do, and does with its work what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import orjson

from accio.v1 import agents_pb2, runs_pb2, values_pb2

Outputs = dict[str, str]
Behaviour = Callable[[str, dict[str, Any], int | None], Outputs | runs_pb2.Failure]
"""What an operator does: its name, its inputs and its seed give outputs (canonical JSON by port), or a failure."""


def operator(
    name: str,
    inputs: Sequence[tuple[str, str, str | None]] = (("x", "double", "1.0"),),
    outputs: Sequence[tuple[str, str]] = (("value", "double"),),
    *,
    unstable: bool = False,
    digest: str = "a",
    **fields: Any,
) -> values_pb2.Operator:
    """Describe an operator; inputs are (name, type, default in JSON or None)."""
    return values_pb2.Operator(
        name=name,
        digest=f"blake3:{digest * 64}"[:71] if digest else "",
        unstable=unstable,
        inputs=[values_pb2.InputPort(name=port, type=kind, default_json=default) for port, kind, default in inputs],
        outputs=[values_pb2.OutputPort(name=port, type=kind) for port, kind in outputs],
        resources=values_pb2.Resources(milli_cpus=1000),
        **fields,
    )


DOUBLE = operator("Double")
DRAW = operator("Draw", unstable=True, digest="b")
FAIL = operator("Fail", digest="c")
LOAD = operator("Load", (("data", "dataset", None),), (("data", "dataset"),), digest="d")
TOTAL = operator("Total", (("xs", "list(double)", None),), digest="e")
OPERATORS = (DOUBLE, DRAW, FAIL, LOAD, TOTAL)


def compute(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs | runs_pb2.Failure:
    """Do what OPERATORS promise."""
    if name == "Double":
        return {"value": repr(2.0 * inputs["x"])}
    if name == "Total":
        return {"value": repr(float(sum(inputs["xs"])))}
    if name == "Draw":
        assert seed is not None
        return {"value": repr(float(seed % 1000))}
    if name == "Load":
        return {"data": orjson.dumps(inputs["data"]).decode()}
    return runs_pb2.Failure(cause="exception", message="boom", exception="ValueError", stderr_tail="last words\n")


class ScriptedAgent:
    """One session. Work is answered by `behaviour`, or kept in `work` if that is None; the rest is in `received`."""

    def __init__(self, call: Any, operators: Sequence[values_pb2.Operator], behaviour: Behaviour | None) -> None:
        self._call = call
        self._operators = operators
        self._classes: dict[int, agents_pb2.NodeClass] = {}
        self._seq = 0
        self._sending = asyncio.Lock()
        self.behaviour = behaviour
        self.welcomed: asyncio.Future[agents_pb2.Welcome] = asyncio.get_running_loop().create_future()
        self.work: asyncio.Queue[agents_pb2.Assignment] = asyncio.Queue()
        self.acked: asyncio.Queue[int] = asyncio.Queue()
        self.received: asyncio.Queue[agents_pb2.DaemonMessage] = asyncio.Queue()
        self.executed = 0
        self.receiving: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._receive())
        self.logs: dict[int, bytes] = {}
        self.endless = False  # whether each answer about a log has nothing, and promises more

    async def send(self, **kind: Any) -> None:
        """Send one message."""
        async with self._sending:
            await self._call.write(agents_pb2.AgentMessage(**kind))

    async def _receive(self) -> None:
        """Read what the daemon sends until it ends the session."""
        while (message := await self._call.read()) is not grpc.aio.EOF:
            match message.WhichOneof("kind"):
                case "welcome":
                    self.welcomed.set_result(message.welcome)
                case "ack":
                    self._note_acked(message.ack.seqs)
                case "work":
                    self._note_acked(message.work.acked)
                    self._classes.update((each.id, each) for each in message.work.classes)
                    await self._take(message.work.assignments)
                case "log":
                    data = self.logs.get(message.log.attempt, b"")
                    lines = [runs_pb2.LogLine(at_ms=1, data=data)] if data and not message.log.offset else []
                    answer = agents_pb2.LogAnswer(
                        request=message.log.request, lines=lines, next_offset=len(data), end=True
                    )
                    if self.endless:
                        answer = agents_pb2.LogAnswer(
                            request=message.log.request, next_offset=message.log.offset + 1, end=False
                        )
                    await self.send(logs=answer)
                case _:
                    self.received.put_nowait(message)

    def _note_acked(self, seqs: Iterable[int]) -> None:
        for seq in seqs:
            self.acked.put_nowait(seq)

    async def _take(self, assignments: Sequence[agents_pb2.Assignment]) -> None:
        if self.behaviour is None:
            for assignment in assignments:
                self.work.put_nowait(assignment)
            return
        await self.send(reports=agents_pb2.Reports(reports=[self.report(each) for each in assignments]))

    def class_of(self, assignment: agents_pb2.Assignment) -> agents_pb2.NodeClass:
        """Return the class of an assignment, which was described before."""
        return self._classes[getattr(assignment, "class")]

    def operator_of(self, assignment: agents_pb2.Assignment) -> str:
        """Name the operator of an assignment."""
        return self._operators[self.class_of(assignment).operator].name

    async def ended(self) -> None:
        """Wait until the daemon ends the session; its status is raised unless it is OK."""
        await asyncio.wait((self.receiving,))
        self.receiving.result()

    def report(
        self, assignment: agents_pb2.Assignment, outcome: Outputs | runs_pb2.Failure | None = None
    ) -> agents_pb2.Report:
        """Make the report of an assignment, with what the behaviour says unless *outcome* is given."""
        self._seq += 1
        self.executed += 1
        if outcome is None:
            behaviour = self.behaviour or compute
            seed = assignment.seed if assignment.HasField("seed") else None
            outcome = behaviour(self.operator_of(assignment), orjson.loads(assignment.inputs_json), seed)
        report = agents_pb2.Report(
            seq=self._seq,
            attempt=assignment.attempt,
            metrics=runs_pb2.Metrics(wall_us=1500, user_cpu_us=700, peak_memory=1 << 20),
            started_at_ms=1_700_000_000_000,
            ended_at_ms=1_700_000_000_002,
        )
        if isinstance(outcome, runs_pb2.Failure):
            report.failure.CopyFrom(outcome)
        else:
            report.success = True
            report.outputs.update(outcome)
        return report


def in_columns(*reports: agents_pb2.Report) -> agents_pb2.Reports:
    """Put reports of successes into columns."""
    columns = agents_pb2.ReportColumns(
        seq=[each.seq for each in reports],
        attempt=[each.attempt for each in reports],
        wall_us=[each.metrics.wall_us for each in reports],
        user_cpu_us=[each.metrics.user_cpu_us for each in reports],
        system_cpu_us=[each.metrics.system_cpu_us for each in reports],
        peak_memory=[each.metrics.peak_memory for each in reports],
        bytes_in=[each.metrics.bytes_in for each in reports],
        bytes_out=[each.metrics.bytes_out for each in reports],
        started_at_ms=[each.started_at_ms for each in reports],
        outputs_json=orjson.dumps([dict(each.outputs) for each in reports]).decode(),
    )
    return agents_pb2.Reports(columns=columns)


def hello(name: str, operators: Sequence[values_pb2.Operator], *, cpus: int = 4, **fields: Any) -> agents_pb2.Hello:
    """Open a session."""
    message = agents_pb2.Hello(
        protocol_min=1,
        protocol_max=1,
        name=name,
        agent_id=f"id of {name}",
        incarnation=1,
        version="1",
        resources=values_pb2.Resources(milli_cpus=1000 * cpus, memory=1 << 30),
        operators=operators,
    )
    message.MergeFrom(agents_pb2.Hello(**fields))
    return message


@asynccontextmanager
async def joined(
    agents: Any,
    name: str = "agent",
    operators: Sequence[values_pb2.Operator] = OPERATORS,
    behaviour: Behaviour | None = compute,
    **fields: Any,
) -> AsyncIterator[ScriptedAgent]:
    """Be an agent for as long as the context lasts."""
    call = agents.Connect()
    agent = ScriptedAgent(call, operators, behaviour)
    await agent.send(hello=hello(name, operators, **fields))
    try:
        await asyncio.wait((agent.receiving, agent.welcomed), return_when=asyncio.FIRST_COMPLETED)
        if agent.receiving.done():
            agent.receiving.result()
        yield agent
    finally:
        call.cancel()
        agent.receiving.cancel()
        await asyncio.wait((agent.receiving,))
