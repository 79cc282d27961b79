"""The page for Prometheus, served beside callers who mean it no good."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus

import pytest
from prometheus_client import CollectorRegistry, Gauge

from accio.errors import Unavailable
from accio.metrics import CONNECTIONS, serve_metrics
from tests.acceptance.processes import eventually, free_port


@pytest.fixture
def port() -> Iterator[int]:
    registry = CollectorRegistry()
    Gauge("accio_test", "A test's.", registry=registry).set(7)
    found = free_port()
    end = serve_metrics(f"127.0.0.1:{found}", registry)
    yield found
    end()


def scraped(port: int, host: str = "") -> tuple[int, str]:
    """Return the status and the page, asked for under a name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.request("GET", "/metrics", headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_silent_connections_take_neither_threads_nor_turns(port: int) -> None:
    """However many connect and say nothing, the page is served at once, by a bounded number of threads."""
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(20 * CONNECTIONS)]
    assert "accio_test 7.0" in scraped(port)[1]
    eventually(lambda: threading.active_count() - before <= CONNECTIONS, what="the end of the others' threads")
    assert silent[0].recv(1) == b""  # the oldest made room
    for each in silent:
        each.close()


def test_a_foreign_name_gets_no_metrics(port: int) -> None:
    """A web page whose name was turned to a local address reads nothing there; local names do."""
    for name in ("localhost", f"localhost:{port}", f"[::1]:{port}"):
        status, page = scraped(port, name)
        assert (status, "accio_test 7.0" in page) == (HTTPStatus.OK, True)
    status, page = scraped(port, "evil.example")
    assert (status, "accio_test" in page) == (HTTPStatus.MISDIRECTED_REQUEST, False)


def test_a_port_that_is_taken_is_named(port: int) -> None:
    """What can't be listened at is said with the option that chooses another."""
    with pytest.raises(Unavailable, match=f"can't serve metrics at 127.0.0.1:{port}: .*--metrics HOST:PORT"):
        serve_metrics(f"127.0.0.1:{port}", CollectorRegistry())
