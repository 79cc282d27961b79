"""A daemon that a test fills by hand: a real gRPC server with canned answers, which records every request.

What it doesn't know, it answers with UNIMPLEMENTED. `trouble` is what the next calls of a method end with instead.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
import orjson

from accio.content.digest import digest_bytes
from accio.errors import AccioError, InvalidDefinition, NotFound, Unauthenticated, Unavailable
from accio.v1 import accio_pb2, artifacts_pb2, pools_pb2, runs_pb2, values_pb2, workflows_pb2, workload_pb2
from accio.wire.errors import to_status
from accio.wire.issues import issue_message

TOKEN = "the right token"
RUN = "01j9zk3m5q8w2xyz"


def run(
    identifier: str = RUN,
    *,
    kind: runs_pb2.RunKind.ValueType = runs_pb2.RUN_KIND_SINGLE,
    state: runs_pb2.RunState.ValueType = runs_pb2.RUN_STATE_SUCCESS,
    **fields: Any,
) -> runs_pb2.Run:
    """A run with something in every field."""
    made = runs_pb2.Run(
        id=identifier,
        kind=kind,
        workflow_id="w",
        workflow_version="0123456789ab",
        owner=values_pb2.Person(name="Ada", email="ada@example.org"),
        seed=-42,
        repeat=1,
        state=state,
        progress=1.0,
        created_at_ms=1_388_707_109_000,
        started_at_ms=1_388_707_110_000,
        ended_at_ms=1_388_707_112_345,
        nodes_by_state=[runs_pb2.StateCount(state="success", count=2)],
    )
    made.MergeFrom(runs_pb2.Run(**fields))
    return made


class FakeDaemon:
    """Answers from `answers` (a method's name to a message, a list of messages for a stream, or a function of the
    request).
    """

    def __init__(self) -> None:
        self.requests: dict[str, list[Any]] = defaultdict(list)
        self.calls: dict[str, int] = defaultdict(int)  # that bring several requests
        self.answers: dict[str, Any] = {}
        self.trouble: dict[str, list[AccioError]] = defaultdict(list)
        self.blobs: dict[str, bytes] = {}
        self.token = TOKEN
        self.port = 0
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen on the port that it had before, or on any."""
        server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        services = (accio_pb2.DESCRIPTOR.services_by_name["Accio"], pools_pb2.DESCRIPTOR.services_by_name["Pools"])
        for service in services:
            handlers = {method.name: self._handler(method) for method in service.methods}
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service.full_name, handlers)])
        read = grpc.unary_stream_rpc_method_handler(
            self._read, artifacts_pb2.ReadRequest.FromString, artifacts_pb2.ReadChunk.SerializeToString
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("accio.v1.Artifacts", {"Read": read})])
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server = server

    def stop(self) -> None:
        """Cut every connection at once, as a kill does."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def keep_blob(self, data: bytes) -> str:
        digest = digest_bytes(data)
        self.blobs[digest] = data
        return digest

    def _read(
        self, request: artifacts_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> Iterator[artifacts_pb2.ReadChunk]:
        if request.digest not in self.blobs:
            abort(context, NotFound(f"the store lacks {request.digest}"))
        data = self.blobs[request.digest]
        for begin in range(0, max(len(data), 1), 7):
            yield artifacts_pb2.ReadChunk(data=data[begin : begin + 7])

    def _handler(self, method: Any) -> Any:
        request_type = _message(method.input_type.name)
        serialize = _message(method.output_type.name).SerializeToString

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            return self._answer(method.name, request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from self._answer(method.name, request, context)
            except AccioError as error:
                abort(context, error)

        def streams(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            self.calls[method.name] += 1
            for request in requests:
                yield from stream(request, context)

        if method.client_streaming and method.server_streaming:
            return grpc.stream_stream_rpc_method_handler(streams, request_type.FromString, serialize)
        make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        behaviour: Callable[..., Any] = stream if method.server_streaming else unary
        return make(behaviour, request_type.FromString, serialize)

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {self.token}":
            abort(context, Unauthenticated("the token isn't known here: ACCIO_TOKEN must be the daemon's"))
        self.requests[name].append(request)
        if self.trouble[name]:
            abort(context, self.trouble[name].pop(0))
        if name not in self.answers:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no answer for {name}")
        answer = self.answers[name]
        try:
            return answer(request) if callable(answer) else answer
        except AccioError as error:
            abort(context, error)


def abort(context: grpc.ServicerContext, error: AccioError) -> NoReturn:
    code, message, trailers = to_status(error)
    context.set_trailing_metadata(trailers)
    context.abort(code, message)


def refuse(error: AccioError) -> Callable[[Any], NoReturn]:
    """An answer that is an error."""

    def answer(_: Any) -> NoReturn:
        raise error

    return answer


def interrupted(*messages: Any) -> Iterator[Any]:
    """A stream that breaks off after some messages, as when the daemon is killed."""
    yield from messages
    raise Unavailable("the daemon is shutting down")


def validation(error: InvalidDefinition) -> workflows_pb2.ValidateResponse:
    return workflows_pb2.ValidateResponse(valid=False, errors=[issue_message(issue) for issue in error.issues])


def _message(name: str) -> Any:
    for module in (accio_pb2, workflows_pb2, runs_pb2, values_pb2, workload_pb2, pools_pb2):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(name)


def export_chunk(
    of: runs_pb2.Run,
    *,
    seeds: Sequence[int],
    params: Sequence[accio_pb2.ParameterColumn] = (),
    nodes: Sequence[accio_pb2.NodeColumn] = (),
    repeat: int = 1,
    first: int = 0,
) -> accio_pb2.ExportChunk:
    """A chunk of the rows *first*, *first* + 1 … of a run."""
    indices = range(first, first + len(seeds))
    return accio_pb2.ExportChunk(
        run=of,
        index=indices,
        seed=seeds,
        repetition=[1 + index % repeat for index in indices],
        params=params,
        nodes=nodes,
    )


def submit_answer(request: accio_pb2.SubmitRequest) -> accio_pb2.SubmitResponse:
    return accio_pb2.SubmitResponse(run=run(), created=True)


def submitted(daemon: FakeDaemon) -> dict[str, Any]:
    """The last document that was submitted."""
    document: dict[str, Any] = orjson.loads(daemon.requests["Submit"][-1].definition)
    return document


def updates(*states: runs_pb2.RunState.ValueType) -> list[accio_pb2.RunUpdate]:
    failure = accio_pb2.NodeFailure(
        run=RUN, node="Boom", failure=runs_pb2.Failure(cause="exception", message="ValueError: boom\x1b[31m")
    )
    return [
        accio_pb2.RunUpdate(run=run(state=state), first_failure=failure if state == runs_pb2.RUN_STATE_FAILED else None)
        for state in states
    ]
