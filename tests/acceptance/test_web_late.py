"""What comes late, or not at all: answers of a page or a session that was left, calls that fail on their way."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.acceptance.processes import Cluster, token
from tests.acceptance.web import browser_page, on_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


made = pytest.fixture(scope="module")(ratio_cluster)


class Held:
    """A request that a page makes, kept back until a test lets it go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._released = asyncio.Event()
        self._done = asyncio.Event()

    async def of(self, page: Page, pattern: str, *, status: int = 0) -> None:
        """Hold the first request to an address; answer it with *status* then, if one is given."""

        async def hold(route: Route) -> None:
            self.asked.set()
            await self._released.wait()
            await (route.fulfill(status=status, body="{}") if status else route.continue_())
            self._done.set()

        await page.route(pattern, hold, times=1)

    async def release(self, page: Page) -> None:
        """Release it, and wait until the page has taken note."""
        self._released.set()
        await self._done.wait()
        await page.evaluate("new Promise((done) => setTimeout(done, 100))")  # time passes: nothing may happen


async def log_in(page: Page, made: Cluster) -> None:
    await page.get_by_label("Token").fill(token(made))
    await page.get_by_role("button", name="Log in").click()


async def test_out_and_in_again(made: Cluster) -> None:
    """Who logs out is asked for a token on every page; a wrong one is refused, the right one leads to that page."""
    with web_server(made) as server:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            await page.get_by_role("button", name="Log out").click()
            door = page.get_by_role("heading", name="Log in to Accio")
            await expect(door).to_be_visible()
            await page.goto(server.page("/workflows"))
            await expect(door).to_be_visible()
            await page.get_by_label("Token").fill("invented")
            await page.get_by_role("button", name="Log in").click()
            await expect(page.get_by_role("alert")).to_be_visible()
            await log_in(page, made)
            await expect(page.get_by_role("heading", name="Workflows", level=1)).to_be_visible()
            await expect(page.get_by_role("link", name="ratio", exact=True)).to_be_visible()


async def test_a_page_that_loads_late_takes_no_others_place(made: Cluster) -> None:
    """The code of a page that was left comes after that of the page which is shown: that one stays."""
    with web_server(made) as server:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            await page.get_by_role("button", name="Log out").click()
            door = page.get_by_role("heading", name="Log in to Accio")
            await expect(door).to_be_visible()
            late = Held()
            await late.of(page, "**/pages/workflows.js")
            await page.goto(server.page("/workflows"), wait_until="commit")
            await late.asked.wait()
            await expect(door).to_be_visible()
            await late.release(page)
            await expect(door).to_be_visible()
            await log_in(page, made)
            await expect(page.get_by_role("heading", name="Workflows", level=1)).to_be_visible()


async def test_a_late_refusal_ends_no_other_session(made: Cluster) -> None:
    """What a session asked is refused after it ended: who has logged in anew meanwhile stays in."""
    with web_server(made) as server:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            late = Held()
            await late.of(page, "**/api/v1/timeline*", status=401)
            await page.get_by_role("link", name="Cluster", exact=True).click()
            await late.asked.wait()
            await page.get_by_role("button", name="Log out").click()
            await log_in(page, made)
            home = page.get_by_role("heading", name="Workload")
            await expect(home).to_be_visible()
            await late.release(page)
            await expect(home).to_be_visible()
            await expect(page.get_by_role("button", name="Log out")).to_be_visible()


async def test_all_tabs_are_logged_out(made: Cluster) -> None:
    """Whoever logs out in one tab hears nothing more in another one: it asks for the token."""
    with web_server(made) as server, made.client() as client:
        async with browser_page(server, expected=("401 (Unauthorized)",)) as page:
            other = await page.context.new_page()
            await other.goto(server.page("/"))
            await expect(other.get_by_role("heading", name="Workload")).to_be_visible()
            await page.get_by_role("button", name="Log out").click()
            await expect(page.get_by_role("heading", name="Log in to Accio")).to_be_visible()
            client.wait(client.submit({"workflow": "ratio", "params": {"x": 7, "y": 1}}).run.id)
            await expect(other.get_by_role("heading", name="Log in to Accio")).to_be_visible()


async def test_who_has_gone_elsewhere_stays_there(made: Cluster) -> None:
    """The answer to a submission comes when another page is shown: the run is made, and that page stays."""
    with web_server(made) as server, made.client() as client:
        async with browser_page(server) as page:
            await page.goto(server.page("/submit?workflow=ratio"))
            for row, value in (("x", "71"), ("y", "1")):
                await page.get_by_role("group", name=row, exact=True).get_by_role("textbox").fill(value)
            submit = page.get_by_role("button", name="Submit", exact=True)
            await expect(submit).to_be_enabled()
            late = Held()
            await late.of(page, "**/api/v1/submit")
            await submit.click()
            await late.asked.wait()
            await page.get_by_role("link", name="Storage", exact=True).click()
            storage = page.get_by_role("heading", name="Storage", level=1)
            await expect(storage).to_be_visible()
            async with page.expect_response("**/api/v1/submit"):
                await late.release(page)
            await expect(storage).to_be_visible()
            assert await page.evaluate("location.pathname") == "/storage"
            assert any("71" in str(each.params) for each in client.list_runs(limit=3).runs)


async def test_an_edit_that_failed_is_kept_later(made: Cluster) -> None:
    """A name that couldn't be saved stays in its field, and is saved by another Enter; tags of others stay."""
    with web_server(made) as server, made.client() as client:
        run = client.submit({"workflow": "ratio", "params": {"x": 72, "y": 1}, "tags": ["first"]}).run.id
        client.wait(run)
        async with browser_page(server, expected=("ERR_FAILED",)) as page:
            await page.goto(server.page(f"/runs/{run}"))
            await page.route("**/update", lambda route: route.abort(), times=1)
            await page.get_by_role("button", name="Edit the name").click()
            await page.get_by_role("textbox", name="Name").fill("Kept")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text("does not answer")
            await page.get_by_role("textbox", name="Name").press("Enter")
            await expect(page.get_by_role("heading", name="Kept", level=1)).to_be_visible()
            late = Held()
            await late.of(page, "**/runs/tag")
            await page.get_by_role("button", name="+ Tag").click()
            await page.get_by_label("New tags").fill("mine")
            await page.keyboard.press("Enter")
            await late.asked.wait()
            client.update(run, tags=["first", "theirs"])
            await late.release(page)
            await expect(page.get_by_role("link", name="mine", exact=True)).to_be_visible()
        assert set(client.get_run(run).run.tags) == {"first", "theirs", "mine"}


async def test_what_is_typed_stays(made: Cluster) -> None:
    """The run goes on while its name is typed, and what was typed stays; a comma stays until another tag follows it."""
    with web_server(made) as server, made.client() as client:
        run = client.submit({"workflow": "gated", "name": "Before", "params": {"label": "typed"}}).run.id
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}"))
            await page.get_by_role("button", name="Edit the name").click()
            name = page.get_by_role("textbox", name="Name")
            await name.fill("Half a na")
            made.open_gate("typed")
            await expect(page.locator(".heading")).to_contain_text("success")
            await expect(name).to_have_value("Half a na")
            await name.press_sequentially("me")
            await name.press("Enter")
            await expect(page.get_by_role("heading", name="Half a name", level=1)).to_be_visible()
            await page.goto(server.page("/submit?workflow=ratio"))
            tags = page.get_by_label("Tags, with commas between")
            await tags.press_sequentially("one, two")
            await expect(tags).to_have_value("one, two")
            await expect(page.get_by_label("Definition as JSON")).to_have_value(re.compile(r'"one",\s+"two"'))
        assert client.get_run(run).run.name == "Half a name"


async def test_what_fails_on_its_way_is_asked_again(made: Cluster) -> None:
    """The network changes under a call: the page says that nothing answers, and has the answer a little later."""
    with web_server(made) as server:
        async with browser_page(server, expected=("ERR_FAILED",)) as page:
            lost = [*("session",) * 2, *("storage",) * 2]

            async def lose(route: Route) -> None:
                name = route.request.url.rpartition("/")[2]
                if name in lost:
                    lost.remove(name)
                    await route.abort()
                else:
                    await route.continue_()

            await page.route("**/api/v1/*", lose)
            await page.goto(server.page("/storage"))
            await expect(page.get_by_role("table")).to_contain_text("Ratio")
            assert not lost
            await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_log_goes_on_after_the_daemon(made: Cluster) -> None:
    """The daemon is killed while a log is followed: it goes on by itself when there is another."""
    with web_server(made) as server, made.client() as client:
        gated = client.submit({"workflow": "gated", "params": {"label": "logged"}}).run.id
        async with browser_page(server, expected=("503 (Service Unavailable)",)) as page:
            await page.goto(server.page(f"/runs/{gated}?tab=Logs"))
            await expect(page.get_by_text(", following")).to_be_visible()
            assert made.daemon is not None
            made.daemon.kill()
            made.daemon.ended()
            await expect(page.get_by_text("The daemon is away.")).to_be_visible()
            made.start_daemon()
            await expect(page.get_by_text("The daemon is away.")).to_be_hidden()
            made.open_gate("logged")
            await expect(page.get_by_text("Nothing was printed")).to_be_visible()
            await expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("lost", ["vendor/hooks.js", "app.js", "parts.js", "app.css", "pages/runs.js"])
async def test_a_page_that_did_not_arrive_whole_is_loaded_again(made: Cluster, lost: str) -> None:
    """A file of the page that gets lost on its way, as when the network changes, leaves no empty page behind."""
    with web_server(made) as server:
        async with browser_page(server, expected=("ERR_FAILED",)) as page:
            ways: list[str] = []

            async def lose(route: Route) -> None:
                ways.append(route.request.url)
                await (route.abort() if len(ways) == 1 else route.continue_())

            await page.route(f"**/static/*/{lost}", lose)
            await page.goto(server.page("/runs"))
            await on_page(
                page,
                "getComputedStyle(document.querySelector('.top') ?? document.body).display === 'flex'",
                "the styles",
            )
            await expect(page.get_by_role("link", name="Ratios")).to_be_visible()
            assert len(ways) > 1
