"""The gRPC server: its settings, its services, and how it ends."""

from collections.abc import Iterable, Sequence

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from accio.channels import KEEPALIVE
from accio.domain.access import MAY_CALL
from accio.errors import Unavailable
from accio.sockets import socket_path, target
from accio.v1 import accio_pb2, agents_pb2, artifacts_pb2, pools_pb2
from accio_daemon.services.transport.auth import Tokens
from accio_daemon.services.transport.guard import Guard, Observe, unobserved
from accio_daemon.services.transport.rpc import offer
from accio_daemon.services.transport.sockets import only_for_owner
from accio_daemon.short_calls import ShortCalls

MESSAGE_LIMIT = 4 * 1024 * 1024
CALLS_PER_CONNECTION = 100

ACCIO = accio_pb2.DESCRIPTOR.services_by_name["Accio"]
AGENTS = agents_pb2.DESCRIPTOR.services_by_name["Agents"]
ARTIFACTS = artifacts_pb2.DESCRIPTOR.services_by_name["Artifacts"]
POOLS = pools_pb2.DESCRIPTOR.services_by_name["Pools"]
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]
REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]

# With so_reuseport a second daemon would share the port in silence. Calls of all connections are taken up in the order
# in which they came: were there no bound on the calls of one, a flood of them would stand before everybody else's; so
# it waits with its sender. A connection takes a descriptor, of which there is a bound: one that nobody uses is closed,
# and whoever made it dials again, unnoticed, with its next call.
OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),
    *KEEPALIVE,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 2_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 30_000),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_concurrent_streams", CALLS_PER_CONNECTION),
)


def _reflection_v1(reflector: reflection_pb2_grpc.ServerReflectionServicer) -> grpc.GenericRpcHandler:
    """Offer reflection under the name that clients ask for first today; its messages are those of v1alpha."""
    method = grpc.stream_stream_rpc_method_handler(
        reflector.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": method})


def require_rules(services: Iterable[ServiceDescriptor]) -> None:
    """Raise LookupError at a call of which nobody has said who may make it."""
    for service in services:
        for method in service.methods:
            if f"/{service.full_name}/{method.name}" not in MAY_CALL:
                raise LookupError(f"accio.domain.access.MAY_CALL doesn't say who may call {method.full_name}")


class Server:
    """A server that is built, but listens only once it is started."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        accio: Iterable[object],
        agents: object,
        artifacts: object,
        pools: Iterable[object],
        observe: Observe = unobserved,
        short_calls: ShortCalls | None = None,
    ) -> None:
        """Offer the parts of the Accio and the Pools service, and the other two, behind one guard, which tells
        *short_calls* of each call.
        """
        self._server = grpc.aio.server(
            interceptors=(Guard(tokens, observe, short_calls or ShortCalls()),), options=OPTIONS
        )
        require_rules((ACCIO, AGENTS, ARTIFACTS, POOLS, HEALTH, REFLECTION))
        self._server.add_generic_rpc_handlers(
            (offer(ACCIO, *accio), offer(AGENTS, agents), offer(ARTIFACTS, artifacts), offer(POOLS, *pools)),
        )
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.full_name for service in (ACCIO, AGENTS, ARTIFACTS, POOLS)]
        names += [health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflector = reflection.aio.ReflectionServicer(service_names=names)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflector, self._server)
        self._server.add_generic_rpc_handlers((_reflection_v1(reflector),))
        self._names = names

    async def start(self, addresses: Sequence[str], credentials: grpc.ServerCredentials | None = None) -> Sequence[str]:
        """Listen at each of the addresses and serve; return them as they are. One that is taken is Unavailable.

        With *credentials* ports speak TLS; sockets never do.
        """
        listening = [self._listen(each, credentials) for each in addresses]
        await self._server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return listening

    def _listen(self, address: str, credentials: grpc.ServerCredentials | None) -> str:
        path = socket_path(address)
        try:
            if path is not None:
                with only_for_owner(path):
                    self._server.add_insecure_port(target(address))
                return address
            if credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            if path is not None:
                raise Unavailable(f"can't listen at {path}: is its folder there, and writable?") from error
            raise Unavailable(
                f"can't listen on {address}: another process has the port, or the address isn't this machine's; "
                f"`ss -ltnp` shows whose it is, --listen HOST:PORT (or ACCIO_ADDR) chooses another"
            ) from error
        return f"{address.rpartition(':')[0]}:{port}"

    async def stop(self, grace: float) -> None:
        """Refuse new calls, and end those that still go on after *grace* seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
