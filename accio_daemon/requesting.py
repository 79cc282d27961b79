"""What a command asks of the daemon that runs on the same data folder, at its socket."""

import grpc

from accio import sockets
from accio.channels import bearer
from accio.errors import Unavailable
from accio.v1 import accio_pb2, accio_pb2_grpc
from accio.wire.errors import from_status

_DEADLINE_S = 30.0


def make_agent_token(socket: str, token: str, name: str) -> str:
    """Have the daemon make a token for the agent called *name*, and return its text; *token* is that of who asks."""
    path = sockets.socket_path(socket)
    if path is None:
        raise Unavailable(
            "there is no socket in the data folder to ask the daemon at: give ACCIO_TOKEN the agent's token"
        )
    sockets.require_own(path)
    request = accio_pb2.CreateTokenRequest(kind=accio_pb2.TOKEN_KIND_AGENT, name=name)
    try:
        with grpc.insecure_channel(sockets.target(socket)) as channel:
            made = accio_pb2_grpc.AccioStub(channel).CreateToken(request, metadata=bearer(token), timeout=_DEADLINE_S)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise Unavailable(
                f"no daemon answers at {socket}, and only a running one makes tokens: start it, or leave --agent away"
            ) from None
        raise from_status(error.code(), error.details() or "") from None
    return str(made.secret)
