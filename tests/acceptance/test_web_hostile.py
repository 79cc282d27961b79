"""Text that is markup, turns other text around, moves the cursor or never ends, in every field that pages show."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import Cluster, cluster
from tests.acceptance.web import FITS, browser_page, on_page, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

MARKUP = '<img src=x onerror="document.title=1"><script>alert(1)</script><u>under</u> &lt;u&gt; {{7*7}} ${7*7}'
TURNED = "\u202etxt.exe\u2066 \u200f\u05d0\u05d1"
MOVES = "\x1b[31mred\x1b[0m\x1b]0;title\x07 \x08\x01 one\rtwo"
ENDLESS = "long" * 2_500
TEXTS = [MARKUP, TURNED, MOVES, ENDLESS, "javascript:alert(1)", "[a](javascript:alert(1)) http://example.org/\u202e"]
MARKED = ["```", "<u>code</u>", "```", "- `<u>item</u>`", "- https://<u>x</u>", "1. http://example.org/<u>"]
WORKFLOW = {
    "id": "echo",
    "name": MARKUP,
    "notes": f"{MARKUP} {TURNED}",
    "params": [{"name": "text", "kind": "string"}, {"name": "fail", "kind": "boolean"}],
    "graph": [{"op": "Echo", "inputs": {"text": {"param": "text"}, "fail": {"param": "fail"}}}],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("hostile") / "made") as running:
        running.start_daemon()
        running.start_agent(operators=("tests.acceptance.hostile_operators",))
        running.agents_are("a1")
        yield running


RAW = "/[\\u0000-\\u0008\\u000b-\\u001f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/"
OBEYED = """() => ({
    elements: document.querySelectorAll('main :is(img, script, iframe, u), [onerror]').length,
    links: [...document.links].filter((link) => link.protocol === 'javascript:').length,
    raw: RAW.exec(document.body.innerText)?.[0] ?? '',
    title: document.title === '1' || document.title === 'help',
})""".replace("RAW", RAW)
HARMLESS = {"elements": 0, "links": 0, "raw": "", "title": False}


@pytest.mark.parametrize("width", [1280, 390])
async def test_text_is_text(made: Cluster, width: int) -> None:
    """Names, notes, tags, values, results, logs, errors and helps are shown as they are written, and obeyed nowhere."""
    with made.client() as client:
        client.push(WORKFLOW)
        params = {"text": {"values": TEXTS}, "fail": {"values": [False, True]}}
        run = client.submit(
            {"workflow": "echo", "name": f"{MARKUP} {TURNED}", "tags": ["<u>tag</u>", TURNED], "params": params}
        ).run.id
        client.update(run, notes="\n".join([*TEXTS, *MARKED]))
        assert client.wait(run).state == "failed"
        other = client.submit(
            {"workflow": "echo", "name": ENDLESS[:1000], "params": {"text": MARKUP, "fail": False}}
        ).run.id
        client.wait(other)
    tabs = ("", "Pictures", "Failures", "Children", "Logs", "History", "Definition")
    children = [f"/runs/{run}.{child}{rest}" for child in range(2 * len(TEXTS)) for rest in ("", "/Echo")]
    paths = [
        "/", "/runs", "/runs?where=under", *(f"/runs/{run}?tab={tab}" for tab in tabs), *children,
        f"/runs/{run}.1?tab=Timeline", f"/runs/{run}.1?tab=Logs", f"/compare?run={run}&run={other}",
        f"/submit?from={run}", f"/submit?from={other}", "/workflows", "/workflows/echo", "/cluster", "/storage",
        "/usage",
    ]  # fmt: skip
    shown: dict[str, int] = {}
    with web_server(made) as server:
        async with browser_page(server, width=width) as page:
            for path in paths:
                await page.goto(server.page(path))
                await expect(page.get_by_role("heading", level=1)).to_have_count(1)
                await expect(page.locator(".loading")).to_have_count(0)
                shown[path] = await page.get_by_text("<img src=x onerror=").count()
                assert await page.evaluate(OBEYED) == HARMLESS, path
                await on_page(page, FITS, f"{path} within its width")
    expected = ("/runs", f"/runs/{run}?tab=Failures", f"/runs/{run}.1/Echo", "/workflows/echo", f"/runs/{run}?tab=Logs")
    assert all(shown[path] for path in expected), shown
