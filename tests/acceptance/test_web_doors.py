"""Where `accio web` listens: with TLS, at a file, and where it refuses to."""

import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from accio.exits import USAGE
from accio.interpreter import python
from accio_web.connections import MOST_WAITING
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.test_tls import given
from tests.acceptance.web import PATIENCE_S

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("doors") / "made") as running:
        running.start_daemon()
        yield running


def served(made: Cluster, *options: str) -> tuple[Process, str]:
    """Start `accio web` and return it with its link."""
    process = made._start("web", ["accio_web", *options], made.environment())

    def link() -> str:
        assert process.popen.poll() is None, process.output()
        return next((line for line in process.output().splitlines() if "#code=" in line), "")

    return process, eventually(link, what="the link")


def log_in(http: httpx.Client, link: str) -> httpx.Response:
    origin, _, code = link.partition("/login#code=")
    return http.post("/api/v1/login", json={"code": code}, headers={"origin": origin, "sec-fetch-site": "same-origin"})


def told_to_proxies(process: Process) -> str:
    """Return the line that says where a proxy finds it; empty until it is there."""
    return next((line for line in process.output().splitlines() if line.startswith("the proxy finds it at ")), "")


def has_said(process: Process, text: str) -> bool:
    return text in process.output()


def test_behind_a_proxy(made: Cluster) -> None:
    """Links have the proxy's name, and who logs in by that is known for whom the proxy says; without the option the
    same words are nobody's.
    """
    options = ("--port=0", "--base-path=/accio", "--host-name=lab.example.org")
    said = {"x-forwarded-host": "lab.example.org", "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    headers = {**said, "origin": "https://lab.example.org", "sec-fetch-site": "same-origin"}
    for proxy, status in ((("--behind-proxy",), 200), ((), 403)):
        process, link = served(made, *options, *proxy)
        assert link.startswith("https://lab.example.org/accio/login#code=" if proxy else "http://lab.example.org:")
        address = link.partition("/login")[0]
        if proxy:
            told = eventually(partial(told_to_proxies, process), what="where the proxy finds it")
            address = told.partition("finds it at ")[2]
        with httpx.Client(
            base_url=address.replace("lab.example.org", "127.0.0.1"), timeout=PATIENCE_S, trust_env=False
        ) as http:
            answer = http.post("/api/v1/login", json={"code": link.partition("=")[2]}, headers=headers)
            assert answer.status_code == status
            assert ("secure" in answer.headers.get("set-cookie", "").lower()) is bool(proxy)
        if proxy:
            eventually(partial(has_said, process, '"client": "192.0.2.7"'), what="the line of the log-in")
        process.kill(15)
        assert process.ended() in (0, -15)


def test_tls(made: Cluster) -> None:
    """With a certificate, everything goes through TLS, the cookie included; the certificate's name is a host name."""
    cert, key = given(made.root)
    process, link = served(made, "--port=0", "--tls", cert, key, "--host-name=localhost")
    assert link.startswith("https://localhost:")
    origin = link.partition("/login")[0]
    with httpx.Client(
        base_url=origin, verify=ssl.create_default_context(cafile=cert), timeout=PATIENCE_S, trust_env=False
    ) as http:
        answer = log_in(http, link)
        assert answer.status_code == 200
        assert "secure" in answer.headers["set-cookie"].lower()
        assert http.get("/api/v1/cluster").status_code == 200
    with pytest.raises(httpx.HTTPError):
        httpx.get(origin.replace("https", "http"), timeout=PATIENCE_S, trust_env=False)
    process.kill(15)
    assert process.ended() in (0, -15)


def test_a_link_that_waited(made: Cluster) -> None:
    """The link that `accio up` prints is over after ten minutes, however late somebody comes and the program starts."""
    process, link = served(made, "--port=0", "--known-for=600")
    with httpx.Client(base_url=link.partition("/login")[0], timeout=PATIENCE_S, trust_env=False) as http:
        assert log_in(http, link).status_code in (401, 403)
    process.kill(15)
    process.ended()


def test_a_file(made: Cluster, tmp_path: Path) -> None:
    """At a file only its owner is let in; one that was left behind is replaced, one in use is not."""
    path = tmp_path / "web.sock"
    for _ in range(2):
        process, link = served(made, "--listen", f"unix:{path}")
        assert f"ssh -L 7616:{path} HOST" in process.output()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://127.0.0.1:7616", timeout=PATIENCE_S) as http:
            assert log_in(http, link).status_code == 200
            assert http.get("/api/v1/cluster").status_code == 200
        refused = started(made, "--listen", f"unix:{path}")
        assert refused.returncode != 0
        assert "can't be listened at" in refused.stderr
        process.kill()
        process.ended()


def started(made: Cluster, *options: str) -> "subprocess.CompletedProcess[str]":
    command = python("accio_web", *options)
    return subprocess.run(command, env=made.environment(), capture_output=True, text=True, timeout=120, check=False)


def test_another_link(made: Cluster) -> None:
    """`accio web link` lets in once more, without the token, until the web interface has ended, however that was."""
    assert "no web interface of yours runs on this machine" in started(made, "link").stderr
    process, first = served(made, "--port=0", "--base-path=/accio")
    origin = first.partition("/accio")[0]
    made_one = started(made, "link")
    link = made_one.stdout.strip()
    assert (made_one.returncode, link.partition("=")[0]) == (0, first.partition("=")[0])
    with httpx.Client(base_url=f"{origin}/accio", timeout=PATIENCE_S, trust_env=False) as http:
        headers = {"origin": origin, "sec-fetch-site": "same-origin", "content-type": "application/json"}
        tried = [
            http.post("/api/v1/login", content=f'{{"code": "{code}"}}', headers=headers).status_code
            for code in (link.partition("=")[2], link.partition("=")[2], "\\ud800")  # half a character at the end
        ]
        assert tried == [200, 401, 401]
        assert http.get("/api/v1/session").json()["user"] == "Me <me@example.org>"
    port = origin.rpartition(":")[2]
    other, _ = served(made, f"--port={port}", "--listen=127.0.0.2")
    file, _ = served(made, "--listen=unix:" + str(made.root / "web.sock"))
    assert "several web interfaces run here, say which one: -" in started(made, "link").stderr
    by_file = started(made, "link", f"-listen=unix:{made.root / 'web.sock'}").stdout
    assert by_file.startswith("http://127.0.0.1:7616/login#code=")
    by_port = started(made, "link", f"-port={port}", "-listen=127.0.0.1").stdout
    assert by_port.startswith(f"{origin}/accio/login#code=")
    for each in (process, other, file):
        each.kill()
        each.ended()
    done = started(made, "link")
    assert (done.returncode, done.stdout) == (1, "")
    assert "start one by `accio web`" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--listen", "0.0.0.0"), "only with --tls CERT KEY"),  # noqa: S104 - it is refused
        (("--tls", "none", "none"), "No such file"),
        (("--tls", "{key}", "{cert}"), "in PEM are expected"),
    ],
)
def test_what_is_refused(made: Cluster, options: tuple[str, ...], said: str) -> None:
    """Beyond this machine nothing is served in the clear, and files that are no certificate are told in one line."""
    cert, key = given(made.root)
    done = started(made, *(each.format(cert=cert, key=key) for each in options))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        (("--listen", "127.0.0.1:8000"), "say --listen=127.0.0.1 --port=8000"),
        (("--listen", "[::1]:8000"), "say --listen=::1 --port=8000"),
        (("link", "--listen", "127.0.0.1:8000"), "say --listen=127.0.0.1 --port=8000"),
    ],
    ids=["serve", "v6", "link"],
)
def test_a_port_behind_a_host_is_told_its_option(made: Cluster, options: tuple[str, ...], meant: str) -> None:
    """It isn't taken for a host of another machine, or for one where nothing listens."""
    done = started(made, *options)
    assert done.returncode == USAGE
    assert meant in done.stderr


def test_a_flood_of_requests_without_an_end(made: Cluster) -> None:
    """Who opens more connections than may wait loses those that he opened first, and others are served."""
    process, link = served(made, "--port=0")
    origin = link.partition("/login")[0]
    port = int(origin.rpartition(":")[2])
    flood = []
    try:
        for _ in range(MOST_WAITING + 100):
            flood.append(socket.create_connection(("127.0.0.1", port)))
            flood[-1].sendall(b"GET / HTTP/1.1\r\nx-long: ")
        with httpx.Client(base_url=origin, timeout=PATIENCE_S, trust_env=False) as http:
            assert http.get("/").status_code == 200
        for each in flood[:100]:
            each.settimeout(PATIENCE_S)
            with suppress(ConnectionError):
                assert each.recv(1) == b"", "it was cut"
    finally:
        for each in flood:
            each.close()
    process.kill(15)
    assert process.ended() in (0, -15)
