"""What daemon and agents share of their measurements: the page for Prometheus, and the watch over the event loop."""

import contextlib
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Histogram, MetricsHandler

from accio import places, sockets
from accio.errors import BadRequest, Unavailable

log = structlog.get_logger()

CONNECTIONS = 16
PATIENCE_S = 10.0

TIMES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
"""Upper bounds of the buckets of durations, in seconds."""


def loop_lag(registry: CollectorRegistry, prefix: str) -> Histogram:
    """Return a histogram for `loop_lag.watch_loop`."""
    return Histogram(f"{prefix}_loop_lag_seconds", "How late the event loop is.", buckets=TIMES, registry=registry)


def metrics_address(text: str, *, open_to_all: bool) -> str:
    """Return where to serve metrics, checked; empty for nowhere. They need no token: other machines only if that was
    said.
    """
    address = places.parse_address(text) if text else ""
    if sockets.socket_path(address) is not None:
        raise BadRequest(f"--metrics: expected HOST:PORT, found {text!r}: Prometheus doesn't read sockets")
    if address and not open_to_all and not places.is_loopback(address):
        raise BadRequest(
            f"--metrics: {address} can be reached from other machines, without a token; say --open-metrics if so"
        )
    return address


def serve_metrics(address: str, registry: CollectorRegistry) -> Callable[[], None]:
    """Answer Prometheus's scrapes at HOST:PORT, in threads of their own; return what ends that."""
    host, _, port = address.rpartition(":")
    try:
        server = _Server(host.strip("[]"), int(port), registry)
    except OSError as error:
        raise Unavailable(
            f"can't serve metrics at {address}: {error.strerror}; --metrics HOST:PORT chooses another"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    log.info("serving metrics", address=f"http://{host}:{server.server_port}/metrics")

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


class _Server(ThreadingHTTPServer):
    """A thread for each connection, and few connections: the oldest one makes room, as strangers may open any number
    and say nothing.
    """

    request_queue_size = 128
    block_on_close = False  # who is connected when the process ends is not waited for

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        """Listen; OSError if that can't be."""
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self.address_family = family
        self.local_only = places.is_loopback(f"{host}:{port}")
        self._open: dict[Any, None] = {}  # sockets, the oldest first
        self._lock = threading.Lock()
        super().__init__((str(place[0]), port), type("Handler", (_Handler,), {"registry": registry}))

    def server_bind(self) -> None:
        """Bind without asking a name server what the address is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a connection's thread, once there is room for it."""
        with self._lock:
            self._open[request] = None
            if len(self._open) > CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with contextlib.suppress(OSError):  # it may have ended by itself
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that went away or were too slow."""


class _Handler(MetricsHandler):
    """One scrape; whoever says nothing for a while is let go."""

    timeout = PATIENCE_S
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer with the page, but to no web page that reaches a local address under a name of its own."""
        host = self.headers.get("Host", "localhost")
        named = host if ":" in host.rpartition("]")[2] else f"{host}:"
        if self.server.local_only and not places.is_loopback(named):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "these metrics are for local addresses")
        else:
            super().do_GET()
