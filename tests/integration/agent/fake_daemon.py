"""A daemon that does what a test says: a real gRPC server with the services Agents and Artifacts, and no scheduler."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import grpc.aio

from accio.content.digest import Digest
from accio.content.store import FolderStore
from accio.v1 import agents_pb2, agents_pb2_grpc, artifacts_pb2, artifacts_pb2_grpc, runs_pb2, values_pb2

TOKEN = "accio-test-token"
PATIENCE_S = 120.0  # on a slow machine that does much else; what happens is seen at once


def one_by_one(columns: agents_pb2.ReportColumns) -> list[agents_pb2.Report]:
    """Return the reports of columns."""
    outputs = json.loads(columns.outputs_json or "[]")
    assert len(outputs) == len(columns.seq)
    return [
        agents_pb2.Report(
            seq=seq,
            attempt=columns.attempt[at],
            success=True,
            outputs=outputs[at],
            metrics=runs_pb2.Metrics(
                wall_us=columns.wall_us[at],
                user_cpu_us=columns.user_cpu_us[at],
                system_cpu_us=columns.system_cpu_us[at],
                peak_memory=columns.peak_memory[at],
                bytes_in=columns.bytes_in[at],
                bytes_out=columns.bytes_out[at],
            ),
            started_at_ms=columns.started_at_ms[at],
            ended_at_ms=columns.started_at_ms[at] + columns.wall_us[at] // 1000,
            log_bytes=columns.log_bytes[at] if columns.log_bytes else 0,
        )
        for at, seq in enumerate(columns.seq)
    ]


class FakeDaemon(agents_pb2_grpc.AgentsServicer, artifacts_pb2_grpc.ArtifactsServicer):
    """Records what agents say, and sends what it is told to."""

    def __init__(self, *, token: str = TOKEN, store: FolderStore | None = None) -> None:
        self.token = token
        self.store = store
        self.hello: agents_pb2.Hello | None = None
        self.hellos: list[agents_pb2.Hello] = []
        self.reports: dict[int, agents_pb2.Report] = {}  # by attempt
        self.duplicates: list[int] = []
        self.order: list[int] = []
        self.recalled: list[agents_pb2.RecallAnswer] = []
        self.others: list[agents_pb2.AgentMessage] = []
        self.heartbeats = 0
        self.acking = True
        self.answering = True  # heartbeats
        self.keep: Callable[[agents_pb2.Hello], tuple[list[int], list[int]]] = lambda hello: (
            [held.attempt for held in hello.held if held.state != agents_pb2.HeldAttempt.GONE],
            [held.attempt for held in hello.held if held.state == agents_pb2.HeldAttempt.GONE],
        )
        self.store_folder = ""
        self.store_nonce = ""
        self.history = ""  # as a daemon that knows of none
        self.looks_at = ""
        self.reads_columns = True
        self.in_columns: set[int] = set()  # attempts that were reported so
        self.lease_ms = 15000
        self.heartbeat_ms = 1000
        self.on_reports: Callable[[Iterable[agents_pb2.Report]], None] | None = None
        self.abort: tuple[grpc.StatusCode, str] | None = None
        self.welcoming = asyncio.Event()  # cleared, nobody is let in until it is set again
        self.welcoming.set()
        self.changed = asyncio.Condition()
        self.sessions = 0
        self._outgoing: deque[agents_pb2.DaemonMessage] = deque()
        self._filled = asyncio.Event()
        self._known: set[int] = set()
        self._server: grpc.aio.Server | None = None
        self._hang_up = asyncio.Event()
        self.port = 0

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        agents_pb2_grpc.add_AgentsServicer_to_server(self, self._server)
        artifacts_pb2_grpc.add_ArtifactsServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port or self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    # --- what tests say ----------------------------------------------------------------------------------------------

    def send(self, message: agents_pb2.DaemonMessage) -> None:
        self._outgoing.append(message)
        self._filled.set()

    def operator(self, name: str) -> int:
        assert self.hello is not None
        return [operator.name for operator in self.hello.operators].index(name)

    def node_class(
        self, operator: str, class_id: int = 1, *, timeout_ms: int = 0, **resources: int
    ) -> agents_pb2.NodeClass:
        demand = values_pb2.Resources(**({"milli_cpus": 1000} | resources))  # type: ignore[arg-type]  # fields by name
        return agents_pb2.NodeClass(
            id=class_id, operator=self.operator(operator), resources=demand, timeout_ms=timeout_ms
        )

    def assign(
        self,
        node_class: agents_pb2.NodeClass,
        attempts: Iterable[int],
        inputs: str = "{}",
        *,
        acked: Iterable[int] = (),
        **fields: Any,
    ) -> None:
        """Send attempts; reserved unless a field says otherwise."""
        work = agents_pb2.Work(acked=acked)
        if node_class.id not in self._known:
            self._known.add(node_class.id)
            work.classes.append(node_class)
        for no in attempts:
            options: dict[str, Any] = {"reserved": True, "node": f"r{no}/Node", "number": 1} | fields
            work.assignments.add(attempt=no, inputs_json=inputs, **{"class": node_class.id}, **options)
        self.send(agents_pb2.DaemonMessage(work=work))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that agents say or do: looked at after each message, and now and then."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                async with self.changed:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await self.changed.wait()

    async def report(self, attempt: int) -> agents_pb2.Report:
        await self.until(lambda: attempt in self.reports)
        return self.reports[attempt]

    async def connected(self, sessions: int = 1) -> agents_pb2.Hello:
        await self.until(lambda: self.sessions >= sessions)
        assert self.hello is not None
        return self.hello

    def hang_up(self) -> None:
        """End the session as a lost connection would."""
        self._hang_up.set()

    async def logs(self, attempt: int) -> tuple[bytes, bytes, str]:
        """The whole log of an attempt: stdout, stderr, note."""
        out, err, offset, number = b"", b"", 0, 1000 * attempt
        while True:
            number += 1
            request = agents_pb2.LogRequest(request=number, attempt=attempt, offset=offset)
            self.send(agents_pb2.DaemonMessage(log=request))
            await self.until(lambda number=number: any(m.logs.request == number for m in self.others))  # type: ignore[misc]  # a bound default isn't inferred
            answer = next(m.logs for m in self.others if m.logs.request == number)
            out += b"".join(line.data for line in answer.lines if not line.stderr)
            err += b"".join(line.data for line in answer.lines if line.stderr)
            offset = answer.next_offset
            if answer.end:
                return out, err, answer.note

    # --- Agents ------------------------------------------------------------------------------------------------------

    async def Connect(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # noqa: N802 - the contract's name
        del request_iterator
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization") != f"Bearer {self.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token isn't known")
        first = await context.read()
        if self.abort is not None:
            await context.abort(*self.abort)
        self.hello = first.hello
        self.hellos.append(first.hello)
        if self.history and first.hello.history not in ("", self.history):
            goodbye = agents_pb2.DaemonGoodbye(reason="another history", reconnect=True, history=self.history)
            await context.write(agents_pb2.DaemonMessage(goodbye=goodbye))
            return
        self._hang_up = asyncio.Event()
        self._known.clear()
        self._outgoing.clear()
        await self.welcoming.wait()
        keep, drop = self.keep(first.hello)
        welcome = agents_pb2.Welcome(
            protocol=1,
            epoch=1,
            session=len(self.hellos),
            lease_ms=self.lease_ms,
            heartbeat_ms=self.heartbeat_ms,
            keep=keep,
            drop=drop,
            store_folder=self.store_folder,
            store_nonce=self.store_nonce,
            history=self.history,
            looks_at=self.looks_at,
            looks_key=b"%d" % len(self.hellos),
            reads_columns=self.reads_columns,
        )
        await context.write(agents_pb2.DaemonMessage(welcome=welcome))
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(loop) for loop in (self._write(context), self._read(context), self._hang_up.wait())
            ]
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for loop in loops:
                loop.cancel()
        if self._hang_up.is_set():
            await context.abort(grpc.StatusCode.UNAVAILABLE, "hung up")

    async def _read(self, context: Any) -> None:
        while True:
            message = await context.read()
            if message is grpc.aio.EOF:
                return
            await self._take(message)
            if message.HasField("goodbye"):
                return

    async def _write(self, context: Any) -> None:
        while True:
            while self._outgoing:
                await context.write(self._outgoing.popleft())
            self._filled.clear()
            await self._filled.wait()

    async def _take(self, message: agents_pb2.AgentMessage) -> None:
        kind = message.WhichOneof("kind")
        if kind == "reports":
            reports = [*message.reports.reports, *one_by_one(message.reports.columns)]
            self.in_columns.update(message.reports.columns.attempt)
            for report in reports:
                if report.attempt in self.reports:
                    self.duplicates.append(report.attempt)
                self.reports[report.attempt] = report
                self.order.append(report.attempt)
            if self.acking:
                self.send(agents_pb2.DaemonMessage(ack=agents_pb2.Ack(seqs=[report.seq for report in reports])))
            if self.on_reports is not None:
                self.on_reports(reports)
        elif kind == "heartbeat":
            self.heartbeats += 1
            self.sessions = len(self.hellos)  # the agent has read the welcome
            if self.answering:
                self.send(agents_pb2.DaemonMessage(heartbeat=agents_pb2.HeartbeatAck(seq=message.heartbeat.seq)))
        elif kind == "recalled":
            self.recalled.append(message.recalled)
        else:
            self.others.append(message)
        async with self.changed:
            self.changed.notify_all()

    # --- Artifacts ---------------------------------------------------------------------------------------------------

    async def Missing(  # noqa: N802 - the contract's name
        self, request: artifacts_pb2.MissingRequest, context: Any
    ) -> artifacts_pb2.MissingResponse:
        del context
        assert self.store is not None
        there = self.store.has([Digest(digest) for digest in request.digests])
        return artifacts_pb2.MissingResponse(digests=[digest for digest in request.digests if digest not in there])

    async def Locate(  # noqa: N802 - the contract's name
        self, request: artifacts_pb2.LocateRequest, context: Any
    ) -> artifacts_pb2.LocateResponse:
        del request, context
        return artifacts_pb2.LocateResponse()

    async def Write(self, request_iterator: Any, context: Any) -> artifacts_pb2.WriteResponse:  # noqa: N802 - the contract's name
        del context
        assert self.store is not None
        pieces: dict[str, bytes] = {}
        digest = ""
        async for chunk in request_iterator:
            digest = chunk.digest or digest
            pieces[digest] = pieces.get(digest, b"") + chunk.data
        for digest, data in pieces.items():
            self.store.put(data, Digest(digest))
        return artifacts_pb2.WriteResponse(blobs=len(pieces))

    async def Read(  # noqa: N802 - the contract's name
        self, request: artifacts_pb2.ReadRequest, context: Any
    ) -> AsyncIterator[artifacts_pb2.ReadChunk]:
        assert self.store is not None
        digest = Digest(request.digest)
        if digest not in self.store.has([digest]):
            await context.abort(grpc.StatusCode.NOT_FOUND, f"the store lacks {digest}")
        data = self.store.read(digest)
        for start in range(0, max(1, len(data)), 1 << 20):
            yield artifacts_pb2.ReadChunk(data=data[start : start + (1 << 20)])


@asynccontextmanager
async def fake_daemon(**options: Any) -> AsyncIterator[FakeDaemon]:
    """A running FakeDaemon on a free port."""
    daemon = FakeDaemon(**options)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()
