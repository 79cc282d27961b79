"""An agent without processes: it announces any operators, keeps the work that it is given, and ends it as told."""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc

from accio.v1 import agents_pb2, agents_pb2_grpc, runs_pb2, values_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An attempt that the daemon wants."""

    attempt: int
    operator: str
    run: str
    node: str


class ScriptedAgent:
    """One session, from `with` to its end."""

    def __init__(
        self, address: str, token: str, operators: Sequence[values_pb2.Operator], name: str = "scripted"
    ) -> None:
        """Dial the daemon and offer *operators*."""
        self.work: queue.Queue[Work] = queue.Queue()
        self._operators = operators
        self._channel = grpc.insecure_channel(address)
        self._outbox: queue.Queue[agents_pb2.AgentMessage | None] = queue.Queue()
        self._seq = 0
        self._heartbeats = 0
        self._classes: dict[int, str] = {}
        self._ended = threading.Event()
        self._welcomed = threading.Event()
        self._outbox.put(agents_pb2.AgentMessage(hello=_hello(name, operators)))
        connect: Any = agents_pb2_grpc.AgentsStub(self._channel).Connect
        self._call = connect(self._messages(), metadata=(("authorization", f"Bearer {token}"),))
        self._threads = [threading.Thread(target=task) for task in (self._receive, self._beat)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        assert self._welcomed.wait(40), "the daemon doesn't welcome the scripted agent"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._outbox.put(agents_pb2.AgentMessage(goodbye=agents_pb2.AgentGoodbye(reason="the test ends")))
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(40)
        self._channel.close()

    def succeed(self, work: Work, outputs: Mapping[str, str], metrics: runs_pb2.Metrics | None = None) -> None:
        """Report a success: canonical JSON by port, and what it cost."""
        self._report(attempt=work.attempt, success=True, outputs=dict(outputs), metrics=metrics)

    def fail(self, work: Work) -> None:
        """Report a failure of the operator."""
        failure = runs_pb2.Failure(cause="exception", message="it was told to fail", exception="RuntimeError")
        self._report(attempt=work.attempt, failure=failure)

    def _report(self, **fields: Any) -> None:
        self._seq += 1
        report = agents_pb2.Report(seq=self._seq, started_at_ms=1, ended_at_ms=2, **fields)
        self._outbox.put(agents_pb2.AgentMessage(reports=agents_pb2.Reports(reports=[report])))

    def _messages(self) -> Iterator[agents_pb2.AgentMessage]:
        while (message := self._outbox.get()) is not None:
            yield message

    def _beat(self) -> None:
        while not self._ended.wait(1.0):
            self._heartbeats += 1
            self._outbox.put(agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=self._heartbeats)))

    def _receive(self) -> None:
        try:
            for message in self._call:
                if message.HasField("welcome"):
                    self._welcomed.set()
                elif message.HasField("work"):
                    self._take(message.work)
        except grpc.RpcError:
            assert self._ended.is_set(), "the daemon ended the session of the scripted agent"

    def _take(self, work: agents_pb2.Work) -> None:
        for each in work.classes:
            self._classes[each.id] = self._operators[each.operator].name
        for assignment in work.assignments:
            run, _, node = assignment.node.rpartition("/")
            operator = self._classes[getattr(assignment, "class")]
            self.work.put(Work(attempt=assignment.attempt, operator=operator, run=run, node=node))


def _hello(name: str, operators: Sequence[values_pb2.Operator]) -> agents_pb2.Hello:
    return agents_pb2.Hello(
        protocol_min=1,
        protocol_max=1,
        name=name,
        agent_id=f"id of {name}",
        incarnation=1,
        boot_id="boot",
        version="0",
        resources=values_pb2.Resources(milli_cpus=64_000, memory=1 << 40, disk=1 << 40),
        operators=operators,
    )
