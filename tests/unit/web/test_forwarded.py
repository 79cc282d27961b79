"""What a proxy says of who asked it: it counts from the peers that were named, and from nobody else."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import structlog
from click.testing import CliRunner

from accio.errors import BadRequest
from accio_web.__main__ import command
from accio_web.forwarded import Forwarded, Proxies, forwarded, proxies
from accio_web.settings import Settings
from tests.unit.web.serving import AWAY, ORIGIN, Browser

NAME = "lab.example.org"
PAGE = f"https://{NAME}"
SAID = {"x-forwarded-host": NAME, "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
BEHIND = replace(AWAY, host_names=AWAY.host_names | {NAME}, proxies=proxies(()), base_path="/accio")
LOGIN = "/accio/api/v1/login"


def scope_of(peer: str | None, *headers: tuple[str, str]) -> dict[str, object]:
    """A request as the server has it, from a peer."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "client": None if peer is None else (peer, 1234), "headers": raw}


def said_by(*headers: tuple[str, str]) -> Forwarded | None:
    return forwarded(scope_of("127.0.0.1", *headers), proxies(()))


@pytest.mark.parametrize(
    ("peer", "addresses", "counts"),
    [
        ("127.0.0.1", (), True),
        ("127.1.2.3", (), True),
        ("::1", (), True),
        ("::ffff:127.0.0.1", (), True),
        (None, (), True),
        ("192.0.2.9", (), False),
        ("testclient", (), False),
        ("10.0.0.5", ("10.0.0.0/24", "2001:db8::1"), True),
        ("2001:db8::1", ("10.0.0.0/24", "2001:db8::1"), True),
        ("10.0.1.5", ("10.0.0.0/24",), False),
        ("127.0.0.1", ("10.0.0.0/24",), False),
        (None, ("10.0.0.0/24",), False),
    ],
)
def test_whose_word_counts(peer: str | None, addresses: Sequence[str], counts: bool) -> None:
    """Peers on this machine, unless addresses are named: then those alone."""
    said = forwarded(scope_of(peer, *SAID.items()), proxies(addresses))
    assert (said is not None) is counts
    assert forwarded(scope_of(peer, *SAID.items()), None) is None


def test_the_last_value_counts() -> None:
    """What stands before it was sent by whoever asked the proxy, in one header or in several."""
    said = said_by(
        ("x-forwarded-host", "evil.example, lab.example.org"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-proto", "HTTPS"),
        ("x-forwarded-for", "127.0.0.1, 203.0.113.1"),
        ("x-forwarded-for", "198.51.100.4,192.0.2.7"),
        ("forwarded", "for=1.1.1.1;host=evil.example;proto=http"),
    )
    assert said == Forwarded(host=NAME, scheme="https", client="192.0.2.7")


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("192.0.2.7:5123", "192.0.2.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("_hidden", "127.0.0.1"),
        ("1.2.3.4\x1b[31m", "127.0.0.1"),
        ("9" * 10_000, "127.0.0.1"),
        ("192.0.2.7,", "127.0.0.1"),
    ],
)
def test_a_client_is_an_address(text: str, client: str) -> None:
    """Whatever else stands there is no client: log lines have the peer's address then."""
    said = said_by(("x-forwarded-for", text))
    assert said is not None
    assert said.client == client


async def test_pages_behind_a_proxy() -> None:
    """Under the proxy's name and scheme a page logs in and changes something; its cookie is for TLS alone."""
    browser = Browser(BEHIND)
    headers = {**SAID, "origin": PAGE, "sec-fetch-site": "same-origin"}
    code = browser.sessions.offer("secret", "me", 0.0)
    answer = await browser.http.post(LOGIN, json={"code": code}, headers=headers)
    assert answer.status_code == 200
    cookie = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/accio/"} <= cookie
    kept = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    csrf = (await browser.http.get("/accio/api/v1/session", headers=SAID | kept)).json()["csrf"]
    done = await browser.http.post("/accio/api/v1/logout", json={}, headers=headers | kept | {"x-accio-csrf": csrf})
    assert done.status_code == 200


@pytest.mark.parametrize("settings", [replace(BEHIND, proxies=None), replace(BEHIND, proxies=proxies(["10.0.0.5"]))])
async def test_nothing_is_believed_otherwise(settings: Settings) -> None:
    """Without the option, and from another peer than the named one, these headers change nothing."""
    browser = Browser(settings)
    code = browser.sessions.offer("secret", "me", 0.0)
    foreign = {**SAID, "origin": PAGE, "sec-fetch-site": "same-origin"}
    assert (await browser.http.post(LOGIN, json={"code": code}, headers=foreign)).status_code == 403
    evil = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"}
    assert (await browser.http.get("/accio/", headers=evil)).status_code == 200
    answer = await browser.http.post(LOGIN, json={"code": code}, headers={**SAID, "origin": ORIGIN})
    assert answer.status_code == 200
    assert "secure" not in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),  # a page on this machine that turned its own name to us writes the others
        ({"x-forwarded-host": "evil.example"}, 421),
        ({"x-forwarded-host": f"{NAME}, evil.example"}, 421),
        ({"x-forwarded-host": f"{NAME}:evil"}, 421),
        ({"x-forwarded-host": f"{NAME}/x"}, 421),
        ({"x-forwarded-host": f"user@{NAME}"}, 421),
        ({"x-forwarded-host": " , "}, 403),  # nothing is said: it is the name of the request itself, not the page's
        ({"x-forwarded-proto": "gopher"}, 400),
        ({"x-forwarded-proto": "https://"}, 400),
        ({"x-forwarded-proto": "https, http"}, 403),
        ({"x-forwarded-proto": "http"}, 403),
        ({"x-forwarded-host": f"{NAME}:8443"}, 403),
        ({"origin": f"http://{NAME}"}, 403),
        ({"origin": ORIGIN}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_hostile_words(headers: dict[str, str], status: int) -> None:
    """Names that aren't ours, unknown schemes and pages of another origin are refused, whatever the rest says."""
    browser = Browser(BEHIND)
    code = browser.sessions.offer("secret", "me", 0.0)
    asked = {**SAID, "origin": PAGE, "sec-fetch-site": "same-origin", **headers}
    answer = await browser.http.post(LOGIN, json={"code": code}, headers=asked)
    assert answer.status_code == status, answer.text


async def test_lines_of_the_log_tell_the_client() -> None:
    """Within a request that a proxy sent, lines have the address that asked the proxy; afterwards they don't."""
    browser = Browser(BEHIND)
    code = browser.sessions.offer("secret", "me", 0.0)
    merged = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merged]) as lines:
        await browser.http.post(LOGIN, json={"code": code}, headers={**SAID, "origin": PAGE})
        await browser.http.post(LOGIN, json={"code": code}, headers={"origin": ORIGIN, "sec-fetch-site": "same-origin"})
    assert [(line["event"], line["client"]) for line in lines] == [("logged in", "192.0.2.7")]
    assert structlog.contextvars.get_contextvars() == {}


def test_addresses_are_checked() -> None:
    """What is no address is refused by its name, and so are addresses without the option that makes them count."""
    with pytest.raises(BadRequest, match=r"--proxy-address proxy\.lab: expected an address or a network"):
        proxies(["10.0.0.5", "proxy.lab"])
    assert proxies(["10.0.0.5"]) == Proxies(networks=proxies(["10.0.0.5/32"]).networks, files=False)
    done = CliRunner().invoke(command, ["--proxy-address=10.0.0.5"])
    assert (done.exit_code, "give --behind-proxy, too" in done.output) == (2, True)
