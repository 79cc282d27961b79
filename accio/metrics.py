"""What daemon and agents share of their measurements: the page for Prometheus, and the watch over the event loop."""

from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from accio import places, sockets
from accio.errors import BadRequest, Unavailable

log = structlog.get_logger()

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
    """Answer Prometheus's scrapes at HOST:PORT, in a thread; gives what ends that."""
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry=registry)
    except OSError as error:
        raise Unavailable(
            f"can't serve metrics at {address}: {error.strerror}; --metrics HOST:PORT chooses another"
        ) from error
    log.info("serving metrics", address=f"http://{host}:{server.server_port}/metrics")

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
