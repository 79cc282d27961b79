"""The session with the daemon: dials, says which pools are served, passes wishes on; dials again when it is lost."""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import grpc
import grpc.aio
import structlog

from accio.channels import SESSION, Door, bearer
from accio.domain.failures import clip
from accio.errors import (
    AccioError,
    BadRequest,
    FailedPrecondition,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from accio.one_error import apart, lasting, one_error
from accio.v1 import accio_pb2, pools_pb2
from accio.version import accio_version
from accio.wire.errors import from_status
from accio.wire.pools import description_message
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Provider
from accio_pool.serving import MakeToken, NoToken, Serving, Tell, Told, Wishes

log = structlog.get_logger("accio.pool")

_PATH = "/accio.v1.Pools/Serve"
_TOKENS = "/accio.v1.Accio/CreateToken"
_HANDSHAKE_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_OPTIONS = (*SESSION, ("grpc.max_receive_message_length", 64 << 20))
_MOST = 1000  # characters of an engine's words that the daemon takes
_FINAL = (BadRequest, PermissionDenied, Unauthenticated)
"""What dialling again doesn't mend; that another process serves a pool may pass."""

if TYPE_CHECKING:
    Call = grpc.aio.StreamStreamCall[bytes, bytes]

Pools = Sequence[tuple[PoolConfig, Provider]]


class Away(Exception):
    """Why there is no session (any more)."""


class PoolServer:
    """Serves pools to one daemon, as long as it runs."""

    def __init__(self, door: Door, token: Callable[[], str | None], pools: Pools) -> None:
        self._door = door
        self._token = token
        self._pools = pools
        self._server = secrets.token_hex(16)
        self._said = ""  # why the daemon is away, as was said

    async def run(self) -> None:
        """Dial and serve until cancelled; raises AccioError where dialling again makes no sense."""
        pause = _FIRST_PAUSE_S
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._serve()
            except Away as away:
                if str(away) != self._said:
                    self._said = str(away)
                    log.warning(
                        "no session; hosts go on, nothing is asked for", daemon=self._door.address, reason=self._said
                    )
            pause = _FIRST_PAUSE_S if clock() - began > _LONGEST_PAUSE_S else min(_LONGEST_PAUSE_S, pause * 1.6)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads processes, keeps no secret

    async def _serve(self) -> None:
        """Serve one session, from the dialling to its end, which is an exception."""
        try:
            await asyncio.to_thread(self._door.find_authority)
        except Unavailable as error:
            raise Away(error.message) from None
        metadata = bearer(self._token())
        channel = self._door.open(_OPTIONS)
        try:
            call: Call = channel.stream_stream(_PATH)(metadata=metadata)
            try:
                await self._converse(call, self._maker(channel, metadata))
            finally:
                call.cancel()
        except TimeoutError:
            why = await asyncio.to_thread(self._door.explain)
            raise Away(why.message if why else f"no daemon answers at {self._door.address}") from None
        except grpc.aio.AioRpcError as error:
            self._raise(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
        finally:
            await channel.close()

    def _maker(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]]) -> MakeToken:
        """Return what has the daemon make tokens of allocations."""
        make = channel.unary_unary(
            _TOKENS,
            request_serializer=accio_pb2.CreateTokenRequest.SerializeToString,
            response_deserializer=accio_pb2.CreateTokenResponse.FromString,
        )

        async def make_token(number: int) -> str:
            request = accio_pb2.CreateTokenRequest(kind=accio_pb2.TOKEN_KIND_AGENT, allocation=number)
            try:
                answer = await make(request, metadata=metadata, timeout=_HANDSHAKE_S)
            except grpc.aio.AioRpcError as error:
                code, trailers = error.code(), tuple(error.trailing_metadata() or ())
                found = from_status(code, error.details() or "", trailers)
                if isinstance(found, FailedPrecondition | ResourceExhausted):
                    raise NoToken(found.message) from None
                return self._raise(code, error.details() or "", trailers)
            return self._door.known_by(answer.secret)

        return make_token

    async def _converse(self, call: "Call", make_token: MakeToken) -> None:
        async with asyncio.timeout(_HANDSHAKE_S):
            hello = _hello(self._server, [pool for pool, _ in self._pools])
            await _write(call, pools_pb2.PoolsMessage(hello=hello))
            first = await self._read(call)
        if not first.HasField("welcome"):
            raise Away("expected a welcome, found something else")
        self._said = ""
        log.info("serving", daemon=self._door.address, pools=[pool.spec.name for pool, _ in self._pools])
        now = asyncio.get_running_loop().time
        serving = {
            pool.spec.name: Serving(
                pool,
                provider,
                first.welcome.cluster,
                now,
                make_token if first.welcome.allocation_tokens else None,
            )
            for pool, provider in self._pools
        }
        with one_error(Away, AccioError, grpc.aio.AioRpcError):
            await apart(self._talk(call, serving))

    async def _talk(self, call: "Call", serving: Mapping[str, Serving]) -> None:
        writing = asyncio.Lock()
        async with asyncio.TaskGroup() as loops:
            for each in serving.values():
                run = partial(each.run, _teller(call, each.pool.spec.name, writing))
                loops.create_task(lasting(run, error=Away), name=each.pool.spec.name)
            loops.create_task(lasting(partial(self._listen, call, serving), error=Away), name="listen")

    async def _listen(self, call: "Call", serving: Mapping[str, Serving]) -> None:
        while True:
            message = await self._read(call)
            if message.HasField("wanted") and message.wanted.pool in serving:
                wanted = message.wanted
                submit = {each.number: each.lasting for each in wanted.submit}
                serving[wanted.pool].want(Wishes(submit, frozenset(wanted.keep), tuple(wanted.exclude)))

    async def _read(self, call: "Call") -> pools_pb2.PoolsAnswer:
        data = await call.read()
        if isinstance(data, bytes):
            return pools_pb2.PoolsAnswer.FromString(data)
        return self._raise(await call.code(), await call.details() or "", tuple(await call.trailing_metadata() or ()))

    def _raise(self, code: grpc.StatusCode, details: str, trailers: tuple[tuple[str, str | bytes], ...]) -> NoReturn:
        if code is grpc.StatusCode.OK:
            raise Away("the daemon closed the connection")
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise Away(f"no daemon answers at {self._door.address}")
        error = from_status(code, details, trailers)
        if isinstance(error, _FINAL):
            raise error
        raise Away(error.message)


def _hello(server: str, pools: Sequence[PoolConfig]) -> pools_pb2.PoolsHello:
    return pools_pb2.PoolsHello(
        server=server, version=accio_version(), pools=[description_message(pool.spec) for pool in pools]
    )


def _teller(call: "Call", pool: str, writing: asyncio.Lock) -> Tell:
    """Return what tells the daemon about a pool; one writes at a time."""

    async def tell(told: Told) -> None:
        async with writing:
            if told.refused:
                refusals = pools_pb2.EngineRefusals(pool=pool, refused=told.refused)
                await _write(call, pools_pb2.PoolsMessage(refusals=refusals))
            allocations = [
                pools_pb2.EngineAllocation(
                    number=each.key.number,
                    job=each.job,
                    begun=each.begun,
                    host=each.host,
                    reason=clip(each.reason, _MOST),
                )
                for each in told.listing.found
            ]
            listed = pools_pb2.EngineList(
                pool=pool,
                complete=told.listing.complete,
                allocations=allocations,
                reasons=told.reasons,
                hosts=told.listing.hosts,
                problem=clip(told.listing.problem or told.listing.silent, _MOST),
            )
            await _write(call, pools_pb2.PoolsMessage(list=listed))

    return tell


async def _write(call: "Call", message: pools_pb2.PoolsMessage) -> None:
    try:
        await call.write(message.SerializeToString())
    except asyncio.InvalidStateError:
        raise Away("the connection was lost") from None
