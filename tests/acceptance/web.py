"""`accio web` as a process, and browsers that look at it."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from playwright.async_api import ConsoleMessage, Error, Page, Request, async_playwright, expect

from tests.acceptance.processes import Cluster, Process, cluster, eventually, free_port
from tests.acceptance.sweeps import GATED, RATIO, RATIOS

CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
PATIENCE_S = 90
"""What a page may take on a machine that does much else."""
expect.set_options(timeout=PATIENCE_S * 1000)
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
"""True on a page that isn't wider than the window."""


class WebServer:
    """A running `accio web`."""

    def __init__(self, made: Cluster, *options: str) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        command = ["accio_web", f"--port={self.port}", *options]
        self.process: Process = made._start("web", command, made.environment())
        self.link = eventually(self._link, what="the link")

    def _link(self) -> str:
        if self.process.popen.poll() is not None:
            raise AssertionError(f"accio web ended:\n{self.process.output()}")
        return next((line for line in self.process.output().splitlines() if line.startswith(self.origin)), "")

    def page(self, path: str) -> str:
        return self.origin + path


@contextmanager
def ratios(folder: Path) -> Iterator[Cluster]:
    """A cluster with a sweep that has ended, "Ratios", three of whose twelve children failed."""
    with cluster(folder / "made") as made:
        made.start_daemon()
        made.start_agent(operators=("tests.acceptance.ledger_operators", "tests.acceptance.failing_operators"))
        made.agents_are("a1")
        with made.client() as client:
            client.push(RATIO)
            client.push(GATED)
            client.wait(client.submit({**RATIOS, "name": "Ratios"}).run.id)
        yield made


def ratio_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a sweep that has ended, three of whose twelve children failed; a module makes it a fixture."""
    with ratios(tmp_path_factory.mktemp("browser")) as made:
        yield made


@contextmanager
def web_server(made: Cluster, *options: str) -> Iterator[WebServer]:
    """Serve a cluster's web interface; a signal ends it."""
    server = WebServer(made, *options)
    try:
        yield server
    finally:
        server.process.kill(15)
        assert server.process.ended() in (0, -15)


def entered(server: WebServer) -> dict[str, str]:
    """Log in by the link, as a page does, and return the cookies."""
    headers = {"origin": server.origin, "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=server.origin, headers=headers, timeout=PATIENCE_S, trust_env=False) as http:
        answer = http.post("/api/v1/login", json={"code": server.link.partition("#code=")[2]})
        assert answer.status_code == 200, answer.text
        return dict(http.cookies)


def _is_wrong(said: ConsoleMessage) -> bool:
    """Return whether the console tells of a fault of the page; other tests change the network of the machine."""
    return said.type == "error" and "ERR_NETWORK_CHANGED" not in said.text


def _is_first_script(lost: Request) -> bool:
    return lost.url.endswith("/start.js") and "ERR_NETWORK_CHANGED" in (lost.failure or "")


async def _begin_again(page: Page) -> None:
    """Load a page again whose very first script got lost, as other tests change the network of the machine: a person
    would, before an empty page. What gets lost after it is the product's to mend.
    """
    with suppress(Error):  # the page may have been closed meanwhile
        await page.wait_for_load_state("load")
        await page.reload()


@asynccontextmanager
async def browser_page(
    server: WebServer, *, dark: bool = False, width: int = 1280, expected: tuple[str, ...] = ()
) -> AsyncIterator[Page]:
    """Open a browser, log in by the link; fail if anything is complained about (but what is
    *expected*), or asked of another host.
    """
    if CHROMIUM is None:
        assert not os.environ.get("ACCIO_REQUIRE_BROWSER"), "no Chromium: scripts/setup-system installs it"
        pytest.skip("no Chromium (scripts/setup-system installs it)")
    wrong: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_S * 1000
        )
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_S * 1000)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda said: wrong.append(f"console: {said.text}") if _is_wrong(said) else None)
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.removeprefix("blob:").startswith(server.origin)
                else wrong.append(f"foreign: {asked.url}")
            ),
        )
        page.on("requestfailed", lambda lost: _begin_again(page) if _is_first_script(lost) else None)
        await page.goto(server.link)
        await page.get_by_role("heading", name="Workload").wait_for()
        try:
            yield page
        finally:
            await browser.close()
    complaints = [each for each in wrong if not any(part in each for part in expected)]
    assert not complaints, complaints


async def on_page(page: Page, expression: str, what: str) -> None:
    """Wait until an expression is true on a page."""
    try:
        await page.wait_for_function(
            f"() => ({expression})"
        )  # a function: what is evaluated again would break the policy
    except Exception as error:
        shown = await page.locator("body").inner_text()
        raise AssertionError(f"{what} didn't come about; the page shows:\n{shown[:3000]}") from error


async def open_part(page: Page, name: str) -> None:
    """Open one of the parts of a run's page."""
    await page.get_by_role("navigation", name="Parts of this page").get_by_role("link", name=name).click()
