"""Every call, by every kind of caller, on what is one's own, somebody else's and nobody's: held against one table."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import orjson
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from accio.domain.access import TokenKind
from accio.v1 import accio_pb2, artifacts_pb2, workflows_pb2, workload_pb2
from accio.wire.errors import LOST_BY_GRPC
from accio.wire.token_kinds import TOKEN_KIND_MESSAGES
from accio_daemon.services.transport.server import ACCIO, AGENTS, ARTIFACTS, HEALTH, POOLS, REFLECTION
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.workflows import PAIR

# A run (or a workflow) is Ada's; Eve is somebody else, Guy is in a group with Ada. "yes" may, "no" may not
# (PERMISSION_DENIED), "gone" is what a caller who may is told of a run that nobody has (NOT_FOUND). Without a token,
# and with one that is wrong, expired or revoked, nobody may anything (UNAUTHENTICATED).
TABLE = """
call                     ada   guy   eve   agent pool  admin  nobody's
PushWorkflow             yes   yes   no    no    no    yes    -
ValidateWorkflow         yes   yes   yes   no    no    yes    -
GetWorkflow              yes   yes   yes   no    no    yes    -
ListWorkflows            yes   yes   yes   no    no    yes    -
DeleteWorkflow           yes   yes   no    no    no    yes    -
Submit                   yes   yes   yes   no    no    yes    -
SubmitAndWatch           yes   yes   yes   no    no    yes    -
SubmitAndWatchEach       yes   yes   yes   no    no    yes    -
Validate                 yes   yes   yes   no    no    yes    -
DryRun                   yes   yes   yes   no    no    yes    -
Get                      yes   yes   yes   no    no    yes    gone
GetNode                  yes   yes   yes   no    no    yes    gone
List                     yes   yes   yes   no    no    yes    -
UpdateMetadata           yes   yes   no    no    no    yes    gone
Kill                     yes   yes   no    no    no    yes    gone
Delete                   yes   yes   no    no    no    yes    gone
Retry                    yes   yes   no    no    no    yes    gone
Watch                    yes   yes   yes   no    no    yes    gone
Export                   yes   yes   yes   no    no    yes    gone
Columns                  yes   yes   yes   no    no    yes    gone
Measure                  yes   yes   yes   no    no    yes    gone
CountNodes               yes   yes   yes   no    no    yes    gone
Logs                     yes   yes   yes   no    no    yes    gone
Why                      yes   yes   yes   no    no    yes    gone
Events                   yes   yes   yes   no    no    yes    gone
CompareOperators         yes   yes   yes   no    no    yes    gone
ListOperators            yes   yes   yes   no    no    yes    -
GetOperator              yes   yes   yes   no    no    yes    -
ListAgents               yes   yes   yes   no    no    yes    -
DrainAgent               no    no    no    no    no    yes    -
RemoveAgent              no    no    no    no    no    yes    -
GetClusterState          yes   yes   yes   no    no    yes    -
GetWorkload              yes   yes   yes   no    no    yes    gone
GetUsage                 yes   yes   yes   no    no    yes    -
ListOwners               yes   yes   yes   no    no    yes    -
ChangeCap                no    no    no    no    no    yes    -
ListWindows              yes   yes   yes   no    no    yes    -
AddWindow                no    no    no    no    no    yes    -
RemoveWindow             no    no    no    no    no    yes    -
GetTimeline              yes   yes   yes   no    no    yes    -
Feed                     yes   yes   yes   no    no    yes    -
CollectGarbage           no    no    no    no    no    yes    -
GetCache                 yes   yes   yes   no    no    yes    -
RemoveFromCache          no    no    no    no    no    yes    -
Backup                   no    no    no    no    no    yes    -
CreateToken              no    no    no    no    yes   yes    -
ListTokens               yes   yes   yes   no    yes   yes    -
RevokeToken              yes   yes   yes   no    yes   yes    -
ListChanges              no    no    no    no    no    yes    -
Connect                  no    no    no    yes   no    no     -
Serve                    no    no    no    no    yes   yes    -
ListPools                yes   yes   yes   no    no    yes    -
ListAllocations          yes   yes   yes   no    no    yes    -
ChangePool               no    no    no    no    no    yes    -
Missing                  yes   yes   yes   yes   no    yes    -
Write                    yes   yes   yes   yes   no    yes    -
Read                     yes   yes   yes   yes   no    yes    -
Locate                   yes   yes   yes   yes   no    yes    -
Health.Check             yes   yes   yes   yes   yes   yes    -
Health.List              yes   yes   yes   yes   yes   yes    -
Health.Watch             yes   yes   yes   yes   yes   yes    -
ServerReflectionInfo     yes   yes   yes   no    no    yes    -
"""
_HEAD, *_LINES = (line.split() for line in TABLE.strip().splitlines())
EXPECTED = {line[0]: dict(zip(_HEAD[1:], line[1:], strict=True)) for line in _LINES}
PEOPLE = {"ada": "Ada <ada@x.org>", "guy": "Guy <guy@x.org>", "eve": "Eve <eve@x.org>"}
NOBODYS = "0123456789abcdef"

METHODS: dict[str, MethodDescriptor] = {
    (f"Health.{method.name}" if service is HEALTH else method.name): method
    for service in (ACCIO, AGENTS, ARTIFACTS, POOLS, HEALTH, REFLECTION)
    for method in service.methods
}


async def made(daemon: Serving, kind: TokenKind, **fields: Any) -> accio_pb2.CreateTokenResponse:
    """Make a token, as an administrator."""
    request = accio_pb2.CreateTokenRequest(kind=TOKEN_KIND_MESSAGES[kind], **fields)
    answer: accio_pb2.CreateTokenResponse = await daemon.accio.CreateToken(request)
    return answer


async def tokens_of(daemon: Serving) -> dict[str, str]:
    """Make a token for each kind of caller, and return their texts."""
    secrets = {
        name: (await made(daemon, TokenKind.USER, owner=owner, groups=["lab"] if name != "eve" else ["other"])).secret
        for name, owner in PEOPLE.items()
    }
    for kind in (TokenKind.AGENT, TokenKind.POOL, TokenKind.ADMIN):
        secrets[kind.value] = (await made(daemon, kind)).secret
    return secrets


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor, request: Any, token: str | None) -> str:
    """Make a call, read its first answer, and say what became of it: the code's name, or what is said of a run.

    A call that is refused before its request was written may be over by then: of the status gRPC's client says nothing.
    """
    while (found := await _outcome(channel, method, request, token)) == LOST_BY_GRPC:
        continue
    return found


async def _outcome(channel: grpc.aio.Channel, method: MethodDescriptor, request: Any, token: str | None) -> str:
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    make = getattr(channel, kind)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    metadata = None if token is None else (("authorization", f"Bearer {token}"),)
    started = make(iter([request]) if method.client_streaming else request, metadata=metadata, timeout=60)
    try:
        answer = await started.read() if method.server_streaming else await started
    except grpc.aio.AioRpcError as error:
        return LOST_BY_GRPC if error.details() == LOST_BY_GRPC else error.code().name
    finally:
        started.cancel()
    if isinstance(answer, accio_pb2.RunsResponse) and "there is no run" in answer.runs[0].error:
        return "NOT_FOUND"
    return "OK"


def request_of(name: str, run: str, workflow: str) -> Any:
    """Return a request about a run and a workflow; of calls about neither, an empty one."""
    definition = orjson.dumps({"workflow": workflow})
    pushed = orjson.dumps({**PAIR, "id": workflow, "notes": "changed"})
    about: dict[str, Callable[[], Any]] = {
        "PushWorkflow": lambda: workflows_pb2.PushWorkflowRequest(definition=pushed, base_path="/base"),
        "GetWorkflow": lambda: workflows_pb2.GetWorkflowRequest(workflow=workflow),
        "DeleteWorkflow": lambda: workflows_pb2.DeleteWorkflowRequest(id=workflow),
        "GetWorkload": lambda: workload_pb2.GetWorkloadRequest(run=run),
        "GetNode": lambda: accio_pb2.GetNodeRequest(run=run, node="First"),
        "Kill": lambda: accio_pb2.RunsRequest(ids=[run]),
        "Delete": lambda: accio_pb2.RunsRequest(ids=[run]),
        "Retry": lambda: accio_pb2.RetryRequest(ids=[run]),
        "Export": lambda: accio_pb2.ExportRequest(ids=[run]),
        "Measure": lambda: accio_pb2.MeasureRequest(ids=[run]),
        "Backup": lambda: accio_pb2.BackupRequest(path="relative"),
        "CompareOperators": lambda: accio_pb2.CompareOperatorsRequest(first=run, second=run),
        "Read": lambda: artifacts_pb2.ReadRequest(digest="blake3:" + "0" * 64),
        **{each: lambda: accio_pb2.SubmitRequest(definition=definition) for each in SUBMISSIONS},
    }
    if name in about:
        return about[name]()
    made_of: Any = GetMessageClass(METHODS[name].input_type)
    field = next((field for field in ("id", "run") if field in METHODS[name].input_type.fields_by_name), None)
    text = EXPECTED[name]["nobody's"] != "-" and field is not None
    return made_of(**{str(field): run}) if text else made_of()


SUBMISSIONS = ("Submit", "SubmitAndWatch", "SubmitAndWatchEach", "Validate", "DryRun")


def as_ada(daemon: Serving, token: str) -> Callable[[str], Awaitable[str]]:
    """Return what pushes a workflow of Ada's."""

    async def push(workflow: str) -> str:
        request = workflows_pb2.PushWorkflowRequest(definition=orjson.dumps({**PAIR, "id": workflow}), base_path="/b")
        method = METHODS["PushWorkflow"]
        assert await outcome(daemon.channel, method, request, token) == "OK"
        return workflow

    return push


async def submitted(daemon: Serving, token: str, workflow: str) -> str:
    """Submit a run of somebody's, and return its id."""
    call = daemon.channel.unary_unary(
        "/accio.v1.Accio/Submit",
        request_serializer=accio_pb2.SubmitRequest.SerializeToString,
        response_deserializer=accio_pb2.SubmitResponse.FromString,
    )
    request = accio_pb2.SubmitRequest(definition=orjson.dumps({"workflow": workflow}), caller="Eve <eve@x.org>")
    answer = await call(request, metadata=(("authorization", f"Bearer {token}"),))
    assert answer.run.owner.email == "ada@x.org", "whose a run is, is what the token says"
    return str(answer.run.id)


def test_every_call_is_in_the_table() -> None:
    """A call that is added to the contract needs a row that says who may make it."""
    assert set(EXPECTED) == set(METHODS)


@pytest.fixture
async def operated(daemon: Serving) -> AsyncIterator[Serving]:
    """A daemon that knows operators, and whose agent does nothing."""
    async with joined(daemon.agents, behaviour=None):
        yield daemon


@pytest.mark.parametrize("name", sorted(METHODS))
async def test_who_may_make_a_call(operated: Serving, name: str) -> None:
    """Each kind of caller may make the call, on what is Ada's, or is refused, as the table says."""
    tokens = await tokens_of(operated)
    push = as_ada(operated, tokens["ada"])
    run_of = await push("runs-of-ada")
    found = {}
    for number, who in enumerate(_HEAD[1:-1]):
        run = await submitted(operated, tokens["ada"], run_of) if EXPECTED[name]["nobody's"] != "-" else ""
        workflow = await push(f"w{number}")
        code = await outcome(operated.channel, METHODS[name], request_of(name, run, workflow), tokens[who])
        assert code != "UNAUTHENTICATED", who
        assert code != "INTERNAL" or name == "Health.List", "which gRPC's own service lacks"
        found[who] = "no" if code == "PERMISSION_DENIED" else "yes"
    code = await outcome(operated.channel, METHODS[name], request_of(name, NOBODYS, "w0"), tokens["ada"])
    found["nobody's"] = "-" if EXPECTED[name]["nobody's"] == "-" else "gone" if code == "NOT_FOUND" else code
    assert found == EXPECTED[name]


async def test_without_a_token_that_holds_nobody_may_anything(operated: Serving) -> None:
    """No token, a wrong one, an expired and a revoked one: each call is UNAUTHENTICATED."""
    expired = await made(operated, TokenKind.ADMIN, expires_in_ms=1)
    revoked = await made(operated, TokenKind.ADMIN)
    await operated.accio.RevokeToken(accio_pb2.RevokeTokenRequest(id=revoked.token.id))
    state = METHODS["GetClusterState"]
    while await outcome(operated.channel, state, accio_pb2.GetClusterStateRequest(), expired.secret) == "OK":
        continue  # a millisecond
    for name, method in METHODS.items():
        for token in (None, "wrong-token-of-enough-letters", expired.secret, revoked.secret):
            code = await outcome(operated.channel, method, request_of(name, NOBODYS, "w0"), token)
            assert code == "UNAUTHENTICATED", (name, token)


async def test_hidden_runs_are_nobodys(tmp_path: Path) -> None:
    """With --hide-runs others' runs don't exist, in any call; those of one's group and one's own do."""
    async with serving(configured(tmp_path / "data", hide_runs=True)) as daemon, joined(daemon.agents, behaviour=None):
        tokens = await tokens_of(daemon)
        run = await submitted(daemon, tokens["ada"], await as_ada(daemon, tokens["ada"])("w"))
        about_runs = [name for name, row in EXPECTED.items() if row["nobody's"] == "gone"]
        for name in about_runs:
            request = request_of(name, run, "w")
            assert await outcome(daemon.channel, METHODS[name], request, tokens["eve"]) == "NOT_FOUND", name
        for who, seen in (("eve", 0), ("guy", 1), ("ada", 1), ("admin", 1)):
            call = daemon.channel.unary_unary(
                "/accio.v1.Accio/List",
                request_serializer=accio_pb2.ListRequest.SerializeToString,
                response_deserializer=accio_pb2.ListResponse.FromString,
            )
            page = await call(accio_pb2.ListRequest(), metadata=(("authorization", f"Bearer {tokens[who]}"),))
            assert len(page.runs) == seen, who
            code = await outcome(daemon.channel, METHODS["Get"], accio_pb2.GetRequest(id=run[:8]), tokens[who])
            assert code == ("OK" if seen else "NOT_FOUND"), who
