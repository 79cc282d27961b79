"""Logging in, in a real browser: a link whose answer is lost, or that is opened twice; and who one is then."""

import asyncio
import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, Route, expect

from accio.interpreter import python
from tests.acceptance.processes import Cluster, cluster, token
from tests.acceptance.web import WebServer, browser_page, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

LOGIN = "**/api/v1/login"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("login") / "made") as running:
        running.start_daemon()
        yield running


async def another_link(made: Cluster, server: WebServer) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        python("accio_web", "link", f"-port={server.port}"),
        env=made.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return str(done.stdout).strip()


async def is_logged_in(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Workload")).to_be_visible()
    await page.wait_for_url(re.compile(r"^[^#]*$"))


async def test_a_lost_answer_is_asked_for_again(made: Cluster) -> None:
    """The server has let the page in and the page doesn't know it: it asks again, and is in."""
    with web_server(made) as server:
        async with browser_page(server, expected=("ERR_FAILED",)) as page:
            tries = 0

            async def lose(route: Route) -> None:
                nonlocal tries
                tries += 1
                if tries > 1:
                    await route.continue_()
                    return
                answer = await route.fetch()
                assert answer.status == 200
                await page.context.clear_cookies()  # of the answer, which is lost
                await route.abort()

            await page.goto("about:blank")
            await page.context.clear_cookies()
            await page.route(LOGIN, lose)
            await page.goto(await another_link(made, server))
            await is_logged_in(page)
            assert tries == 2


async def test_a_page_that_is_loaded_again_before_the_answer(made: Cluster) -> None:
    """The link isn't in the address any more, and yet not forgotten; once there was an answer, it is."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            asked = asyncio.Event()

            async def hold(route: Route) -> None:  # the first one is never answered, nor sent
                if asked.is_set():
                    await route.continue_()
                asked.set()

            await page.goto("about:blank")
            await page.context.clear_cookies()
            await page.route(LOGIN, hold)
            await page.goto(await another_link(made, server))
            await asked.wait()
            await page.reload()
            await is_logged_in(page)
            assert await page.evaluate("sessionStorage.length") == 0


async def test_a_link_that_is_opened_on_the_page_that_asks_for_one(made: Cluster) -> None:
    """A browser loads nothing then, as only what stands behind the `#` is new; the page follows it all the same."""
    with web_server(made) as server:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            await page.context.clear_cookies()
            await page.goto(server.page("/login"))
            await page.get_by_label("Token").wait_for()
            await page.evaluate("link => { location.href = link }", await another_link(made, server))
            await is_logged_in(page)


async def test_a_link_that_is_opened_twice(made: Cluster) -> None:
    """In the browser that is logged in it leads there again; in another one it is refused, with what to do."""
    with web_server(made) as server:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            link = await another_link(made, server)
            for _ in range(2):
                await page.goto("about:blank")
                await page.goto(link)
                await is_logged_in(page)
            await page.context.clear_cookies()
            await page.goto("about:blank")
            await page.goto(link)
            await expect(page.get_by_role("alert")).to_contain_text("`accio web link` prints another")


async def test_who_logs_in_by_a_token_is_called_by_name(made: Cluster) -> None:
    """By the name that the token stands for; one that stands for nobody acts for whoever started the server."""
    with made.client() as client:
        grace = client.create_token("user", owner="Grace Hopper <grace@example.org>").secret
    with web_server(made) as server:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            for secret, name in ((grace, "Grace Hopper"), (token(made), "Me")):
                await page.get_by_role("button", name="Log out").click()
                await page.get_by_label("Token").fill(secret)
                await page.get_by_role("button", name="Log in").click()
                await is_logged_in(page)
                await expect(page.get_by_role("banner").get_by_text(name, exact=True)).to_be_visible()
