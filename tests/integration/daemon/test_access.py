"""Who may call, and what callers are told when something goes wrong."""

import gc
import weakref
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from accio.errors import NotFound
from accio.v1 import accio_pb2, agents_pb2, workflows_pb2
from accio_daemon.services.transport.auth import Tokens
from accio_daemon.services.transport.server import ACCIO, AGENTS, ARTIFACTS, POOLS, Server
from accio_daemon.short_calls import ShortCalls
from tests.integration.daemon.harness import Serving, Stub, refused
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.workflows import PAIR

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]
REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
METHODS = [method for service in (ACCIO, AGENTS, ARTIFACTS, HEALTH, REFLECTION) for method in service.methods]


async def call(channel: grpc.aio.Channel, method: MethodDescriptor, token: str | None) -> None:
    """Call any method with an empty request, and read its first answer."""
    service: ServiceDescriptor = method.containing_service
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    make = getattr(channel, kind)(
        f"/{service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    metadata = None if token is None else (("authorization", token),)
    request = GetMessageClass(method.input_type)()
    started = make(iter([request]) if method.client_streaming else request, metadata=metadata, timeout=30)
    if method.server_streaming:
        await started.read()
    else:
        await started


@pytest.mark.parametrize("token", [None, "Bearer wrong-token-of-enough-letters", "Basic abc", "Bearer "])
async def test_every_method_wants_a_token(daemon: Serving, token: str | None) -> None:
    """Without a token that the daemon knows, no method of any service does anything."""
    for method in METHODS:
        async with refused(grpc.StatusCode.UNAUTHENTICATED, "token"):
            await call(daemon.channel, method, token)


async def test_without_a_token_nothing_is_read(daemon: Serving) -> None:
    """Bytes that are no message are refused for want of a token; with one, for what they are."""
    known = (("authorization", f"Bearer {daemon.config.token.read_text().split()[0]}"),)
    for method in ("/accio.v1.Accio/Kill", "/accio.v1.Accio/SubmitAndWatch"):
        send: Any = daemon.channel.unary_stream(method)
        async with refused(grpc.StatusCode.UNAUTHENTICATED, "token"):
            await send(b"\xff\xff\xff", timeout=30).read()
        async with refused(grpc.StatusCode.INVALID_ARGUMENT, "expected a message"):
            await send(b"\xff\xff\xff", metadata=known, timeout=30).read()


async def test_one_bad_message_ends_its_session_alone(daemon: Serving) -> None:
    """An agent whose message breaks the contract's bounds is told so; another one goes on."""
    async with joined(daemon.agents, name="good") as good, joined(daemon.agents, name="bad") as bad:
        await bad.send(heartbeat=agents_pb2.Heartbeat(seq=2**64 - 1))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await bad.receiving
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "Heartbeat.seq" in (raised.value.details() or "")
        await good.send(heartbeat=agents_pb2.Heartbeat(seq=3))
        assert (await good.received.get()).heartbeat.seq == 3


class Broken:
    """Parts of a service whose every method has a bug."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        async def buggy(*_: object) -> None:
            raise RuntimeError("a secret of the daemon")

        return buggy


@pytest.mark.timeout(300)  # each bug is written to the log with its traceback, which takes a busy machine a second
async def test_a_bug_stays_in_the_log() -> None:
    """An unexpected exception of any method becomes INTERNAL with a reference; its text isn't told."""
    server = Server(
        tokens=Tokens([("t" * 20, None)]), accio=(Broken(),), agents=Broken(), artifacts=Broken(), pools=(Broken(),)
    )
    (address,) = await server.start(("127.0.0.1:0",))
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            for method in (*ACCIO.methods, *AGENTS.methods, *ARTIFACTS.methods, *POOLS.methods):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await call(channel, method, f"Bearer {'t' * 20}")
                assert raised.value.code() is grpc.StatusCode.INTERNAL, method.full_name
                assert "internal error (ref " in (raised.value.details() or "")
                assert "secret" not in (raised.value.details() or "")
    finally:
        await server.stop(0)


class Held:
    """Something that a call has while it goes on."""


class Refusing(Broken):
    """Raises a domain error from every method, while it has something."""

    def __init__(self) -> None:
        self.held: list[weakref.ref[Held]] = []

    def __getattr__(self, method: str) -> Any:
        """Return a method that notes what it has, and raises."""

        async def refuse(*_: object) -> None:
            held = Held()
            self.held.append(weakref.ref(held))
            raise NotFound("there is nothing")

        return refuse


async def test_a_refused_call_leaves_nothing() -> None:
    """What a refused call had is freed when it ends, not when the collector of cycles comes: that one stops everybody,
    for 0.1 s where somebody's calls are refused all the time.
    """
    refusing = Refusing()
    server = Server(
        tokens=Tokens([("t" * 20, None)]), accio=(refusing,), agents=refusing, artifacts=refusing, pools=(refusing,)
    )
    (address,) = await server.start(("127.0.0.1:0",))
    gc.disable()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            for method in (*ACCIO.methods, *AGENTS.methods, *ARTIFACTS.methods):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await call(channel, method, f"Bearer {'t' * 20}")
                assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.NOT_FOUND, "there is nothing")
            assert len(refusing.held) >= len(ACCIO.methods)
        await server.stop(0)
        assert [held() for held in refusing.held] == [None] * len(refusing.held)
    finally:
        gc.enable()
        await server.stop(0)


class Told(ShortCalls):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def announce(self) -> None:
        """Note it."""
        self.told.append("announced")
        super().announce()

    def begin(self, connection: str = "") -> None:
        """Note it."""
        self.told.append("begun")
        assert connection
        super().begin(connection)


async def test_calls_are_announced_and_begin() -> None:
    """What keeps the event loop lets a call pass from when gRPC tells of it; one that is turned away needs no more."""
    told, parts = Told(), Refusing()
    server = Server(
        tokens=Tokens([("t" * 20, None)]),
        accio=(parts,),
        agents=parts,
        artifacts=parts,
        pools=(parts,),
        short_calls=told,
    )
    (address,) = await server.start(("127.0.0.1:0",))
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            for token in ("no token at all", f"Bearer {'t' * 20}"):
                with pytest.raises(grpc.aio.AioRpcError):
                    await call(channel, ACCIO.methods_by_name["List"], token)
        assert told.told == ["announced", "begun"]
    finally:
        await server.stop(0)


async def test_every_rpc_is_offered_once() -> None:
    """A part that lacks an rpc of the contract, or two that have it, are found when the server is made."""
    with pytest.raises(LookupError, match="PushWorkflow is offered by 0 parts"):
        Server(tokens=Tokens([]), accio=(), agents=Broken(), artifacts=Broken(), pools=(Broken(),))
    with pytest.raises(LookupError, match="offered by 2 parts"):
        Server(tokens=Tokens([]), accio=(Broken(), Broken()), agents=Broken(), artifacts=Broken(), pools=(Broken(),))


async def test_reflection_answers_under_both_names(daemon: Serving) -> None:
    """Clients of today ask for v1 first; its messages are the same, and it wants the same token."""
    call = daemon.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol="accio.v1.Accio")
    known = (("authorization", f"Bearer {daemon.config.token.read_text().strip()}"),)
    answers = [answer async for answer in call(iter([request]), metadata=known)]
    assert b"SubmitRequest" in answers[0].file_descriptor_response.file_descriptor_proto[0]
    async with refused(grpc.StatusCode.UNAUTHENTICATED, "token"):
        await call(iter([request])).read()


async def test_health_and_reflection_answer(daemon: Serving) -> None:
    """With a token the standard services say that the daemon serves, and which services it has."""
    token = daemon.config.token.read_text().strip()
    stub = Stub(reflection_pb2_grpc.ServerReflectionStub(daemon.channel), token)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]
    names = {service.name for answer in answers for service in answer.list_services_response.service}
    assert {"accio.v1.Accio", "accio.v1.Agents", "accio.v1.Artifacts", "grpc.health.v1.Health"} <= names
    check = daemon.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    health = await check(
        health_pb2.HealthCheckRequest(service="accio.v1.Accio"), metadata=(("authorization", f"Bearer {token}"),)
    )
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_huge_request_is_refused(daemon: Serving) -> None:
    """A definition that is too large is refused with the limit, whether or not a message may have its size."""
    definition = b" " * 4_000_001
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "at most 4000000 bytes"):
        await daemon.accio.PushWorkflow(workflows_pb2.PushWorkflowRequest(definition=definition))
    async with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
        await daemon.accio.PushWorkflow(workflows_pb2.PushWorkflowRequest(definition=b" " * (5 << 20)))


async def test_a_message_that_inflates_beyond_the_limit_is_refused(daemon: Serving) -> None:
    """What is small only while it is compressed is refused by its size, and inflated no further."""
    bomb = workflows_pb2.PushWorkflowRequest(definition=b" " * (64 << 20))
    async with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "Decompressed message larger than max"):
        await daemon.accio.PushWorkflow(bomb, compression=grpc.Compression.Gzip)


async def test_many_errors_survive_the_way(daemon: Serving) -> None:
    """A definition with thousands of errors is refused as such, not as a transport error."""
    bad = {"id": "w", "graph": [{"op": f"Unknown{n}", "inputs": {}} for n in range(3000)]}
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "Unknown0"):
        await daemon.push(bad)


async def test_a_relative_base_path_is_refused(daemon: Serving) -> None:
    """A request whose base path isn't absolute makes no sense."""
    request = workflows_pb2.ValidateWorkflowRequest(definition=b"{}", base_path="here")
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "absolute"):
        await daemon.accio.ValidateWorkflow(request)


async def test_a_workflow_with_runs_stays(daemon: Serving, agent: object) -> None:
    """A workflow is listed once by its latest version, keeps its versions, and can't be deleted while it has runs."""
    first = await daemon.push(PAIR)
    second = await daemon.push({**PAIR, "notes": "better"})
    again = await daemon.push(PAIR)
    assert (first.version, again.versions) == (again.version, 2)
    assert first.version != second.version
    (listed,) = (await daemon.accio.ListWorkflows(workflows_pb2.ListWorkflowsRequest())).workflows
    assert listed.version == first.version
    run = await daemon.submit({"workflow": f"pair:{second.version}"})
    assert run.workflow_version == second.version
    async with refused(grpc.StatusCode.FAILED_PRECONDITION, run.id):
        await daemon.accio.DeleteWorkflow(workflows_pb2.DeleteWorkflowRequest(id="pair"))
    await daemon.accio.Delete(accio_pb2.RunsRequest(ids=[run.id]))
    await daemon.accio.DeleteWorkflow(workflows_pb2.DeleteWorkflowRequest(id="pair"))
    async with refused(grpc.StatusCode.NOT_FOUND, "pair"):
        await daemon.accio.GetWorkflow(workflows_pb2.GetWorkflowRequest(workflow="pair"))
