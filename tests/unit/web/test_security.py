"""Every route with every method: who has no session, who calls from elsewhere, and who calls us by a foreign name."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from accio_web.guard import HEADERS, LARGEST_BODY, host_name
from tests.unit.web.serving import AWAY, OURS, Browser, paths

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "INVENTED")
CHANGING = tuple(method for method in METHODS if method not in ("GET", "HEAD"))
PATHS = sorted(paths())
CALLS = [path for path in PATHS if path.startswith("/api/")]
PUBLIC = "/api/v1/login"


def test_routes_are_looked_at() -> None:
    """The walk sees calls that read and calls that change."""
    assert len(CALLS) > 15
    assert {"GET", "POST"} <= set().union(*paths().values())


@pytest.mark.parametrize("method", METHODS)
async def test_nothing_without_a_session(method: str) -> None:
    """No call is answered without a session, by whatever method, but the log-in."""
    browser = Browser()
    for path in CALLS:
        if path != PUBLIC:
            answer = await browser.http.request(method, path, headers=OURS)
            assert answer.status_code == 401, f"{method} {path}"


@pytest.mark.parametrize("method", METHODS)
async def test_nothing_under_a_foreign_name(method: str) -> None:
    """Whatever is asked under another host name is refused, also within a session: DNS can be turned to us."""
    browser = Browser()
    await browser.log_in()
    headers = {**OURS, "x-accio-csrf": browser.csrf}
    for host in ("evil.example", "evil.example:7616", "127.0.0.1.evil.example", "localhost:evil", ""):
        for path in PATHS:
            answer = await browser.http.request(method, path, headers={**headers, "host": host})
            assert answer.status_code == 421, f"{method} {path} of {host!r}"


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8888"},
        {"origin": "http://127.0.0.1:7616.evil.example"},
        {"origin": "http://127.0.0.1:7616", "sec-fetch-site": "cross-site"},
        {"origin": "http://127.0.0.1:7616", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_nothing_changes_from_elsewhere(method: str, headers: dict[str, str]) -> None:
    """A page of another origin changes nothing, even with our cookie and the session's secret."""
    browser = Browser()
    await browser.log_in()
    for path in PATHS:
        answer = await browser.http.request(method, path, headers={**headers, "x-accio-csrf": browser.csrf})
        assert answer.status_code == 403, f"{method} {path}"


@pytest.mark.parametrize("method", CHANGING)
async def test_nothing_changes_without_the_secret(method: str) -> None:
    """A call that changes something needs the secret of its own session."""
    browser = Browser()
    await browser.log_in()
    for path in PATHS:
        if path != PUBLIC:
            for secret in ("", "invented"):
                answer = await browser.http.request(method, path, headers={**OURS, "x-accio-csrf": secret})
                assert answer.status_code == 403, f"{method} {path}"


async def test_other_sites_read_nothing() -> None:
    """A call that reads is refused to a page of another site."""
    browser = Browser()
    await browser.log_in()
    for path in CALLS:
        answer = await browser.http.get(path, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403, path


async def test_read_only_changes_nothing() -> None:
    """With --read-only nobody changes anything, but may log out."""
    browser = Browser(replace(AWAY, read_only=True))
    await browser.log_in()
    headers = {**OURS, "x-accio-csrf": browser.csrf}
    for path, methods in paths().items():
        if "POST" in methods and path not in (PUBLIC, "/api/v1/logout"):
            answer = await browser.http.post(path, json={}, headers=headers)
            assert answer.status_code == 403, path
            assert "--read-only" in answer.json()["error"]["message"]
    assert (await browser.http.post("/api/v1/logout", json={}, headers=headers)).status_code == 200


async def test_changes_are_counted_before_they_are_answered() -> None:
    """What a session reads after a change isn't what another tab of it was told before; reading counts for nothing."""
    browser = Browser()
    await browser.log_in()
    (session,) = browser.sessions._sessions.values()
    await browser.http.get("/api/v1/session")
    assert session.changes == 0
    headers = {**OURS, "x-accio-csrf": browser.csrf}
    await browser.http.post("/api/v1/runs/kill", json={"ids": ["x"]}, headers=headers)
    assert session.changes == 1


async def test_every_answer_carries_the_policy() -> None:
    """Pages, files, answers and refusals forbid what isn't from here."""
    browser = Browser()
    asked = ["/", "/runs/x", "/static/none/core.js", "/api/v1/session", "/api/v1/nothing"]
    answers = [await browser.http.get(path) for path in asked]
    answers.append(await browser.http.get("/", headers={"host": "evil.example"}))
    answers.append(await browser.http.post("/", headers=OURS))
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.url
        assert "access-control-allow-origin" not in answer.headers


async def test_the_cookie_is_ours_alone() -> None:
    """The cookie is out of reach for scripts and for other sites, and named after the port."""
    browser = Browser()
    code = browser.sessions.offer("secret", "me", 0.0)
    answer = await browser.http.post("/api/v1/login", json={"code": code}, headers=OURS)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("accio_7616_")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize("further", [False, True], ids=["first link", "accio web link"])
async def test_a_link_is_answered_again_to_the_page_that_used_it(tmp_path: Path, *, further: bool) -> None:
    """The page that redeemed a code has the answer again, should it get lost; nobody else has."""
    folder = tmp_path if further else None
    browser = Browser(replace(AWAY, links=folder))
    code = "further" if further else browser.sessions.offer("secret", "me", 0.0)
    if further:
        (tmp_path / hashlib.sha256(code.encode()).hexdigest()).touch()

    async def status(**body: object) -> int:
        return (await browser.http.post("/api/v1/login", json={"code": code, **body}, headers=OURS)).status_code

    assert await status(key="k" * 48) == 200
    browser.http.cookies.clear()  # so much for the answer
    assert await status(key="o" * 48) == 401
    assert await status() == 401
    assert await status(key="k" * 48) == 200
    assert (await browser.http.get("/api/v1/session")).status_code == 200


@pytest.mark.parametrize("key", ["short", "x" * 201, 5, None, ["x" * 20]])
async def test_a_key_that_is_none(key: object) -> None:
    """It is refused before a code is used up."""
    browser = Browser()
    code = browser.sessions.offer("secret", "me", 0.0)
    answer = await browser.http.post("/api/v1/login", json={"code": code, "key": key}, headers=OURS)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("key: expected")
    assert browser.sessions.redeem(code, 0.0) is not None


async def test_codes_cannot_be_guessed_at_leisure() -> None:
    """After five tries within a minute the log-in refuses even the right code."""
    browser = Browser()
    code = browser.sessions.offer("secret", "me", 0.0)
    tried = [await browser.http.post("/api/v1/login", json={"code": "x"}, headers=OURS) for _ in range(5)]
    assert {answer.status_code for answer in tried} == {401}
    assert (await browser.http.post("/api/v1/login", json={"code": code}, headers=OURS)).status_code == 429


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"code": 1}', b"{}"])
async def test_a_log_in_that_is_none(body: bytes) -> None:
    """Whatever else is sent to the log-in is refused with a sentence."""
    browser = Browser()
    answer = await browser.http.post(
        "/api/v1/login", content=body, headers={**OURS, "content-type": "application/json"}
    )
    assert answer.status_code in (400, 401)
    assert answer.json()["error"]["message"]


async def test_large_bodies_are_refused() -> None:
    """A body above the limit is refused, whether it says so before or not."""
    browser = Browser()
    too_large = b"x" * (LARGEST_BODY + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield too_large

    headers = {**OURS, "content-type": "application/json"}
    assert (await browser.http.post("/api/v1/login", content=too_large, headers=headers)).status_code == 413
    told = await browser.http.post("/api/v1/login", content=chunks(), headers=headers)
    assert told.status_code == 400


async def test_logging_out_ends_the_session() -> None:
    """After logging out the cookie opens nothing."""
    browser = Browser()
    await browser.log_in()
    kept = dict(browser.http.cookies)
    headers = {**OURS, "x-accio-csrf": browser.csrf}
    assert (await browser.http.post("/api/v1/logout", json={}, headers=headers)).status_code == 200
    browser.http.cookies.update(kept)
    assert (await browser.http.get("/api/v1/session")).status_code == 401


@pytest.mark.parametrize(
    ("host", "name"),
    [("LocalHost:80", "localhost"), ("[::1]:7616", "[::1]"), ("a:b", ""), ("a:1:2", ""), ("", "")],
)
def test_host_names(host: str, name: str) -> None:
    """The name of a Host header is what stands before its port; what has no proper port has none."""
    assert host_name(host) == name
