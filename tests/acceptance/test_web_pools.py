"""The page of pools, in a real browser: why there are as many hosts as there are, what became of each, and changes."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Route, expect

from tests.acceptance.processes import cluster
from tests.acceptance.test_pools import serve
from tests.acceptance.web import browser_page, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


async def test_pools_are_explained_and_changed(tmp_path: Path) -> None:
    """Without a pool the page says what one is for; of one that is served it tells the decision, keeps a host when
    told to, lists it, and pauses the pool, each after its consequence was named; the key `g p` leads there.
    """
    with cluster(tmp_path) as made:
        made.start_daemon()
        with web_server(made) as server, made.client() as client:
            async with browser_page(server) as page:
                await page.keyboard.press("g")
                await page.keyboard.press("p")
                await expect(page.get_by_text("There are no pools")).to_be_visible()
                await expect(page.get_by_text("accio pool serve pools.json")).to_be_visible()
                serve(made)
                pool = page.get_by_role("region", name="Pool here")
                await expect(pool.get_by_text("nothing is queued that needs another host")).to_be_visible()
                await expect(page.get_by_text("No host was asked for yet")).to_be_visible()
                await pool.get_by_role("button", name="Keep hosts").click()
                dialog = page.get_by_role("dialog", name="Keep hosts: here")
                await expect(dialog).to_contain_text("kept whatever is queued")
                number = dialog.get_by_role("textbox", name="Hosts that are kept, of at most 3")
                await number.fill("some")
                await expect(dialog.get_by_text("expected a whole number of hosts")).to_be_visible()
                await number.fill("1")
                await expect(dialog.get_by_text("accio pool scale here 1")).to_be_visible()
                await dialog.get_by_role("button", name="Keep hosts").click()
                await expect(pool).to_contain_text("1 of at most 3 hosts")
                rows = page.get_by_role("table", name="Hosts that were asked for, newest first").get_by_role("row")
                await expect(rows.nth(1)).to_contain_text("running")
                assert [each.kept for each in client.list_pools().pools] == [1]
                await pool.get_by_role("button", name="Pause").click()
                dialog = page.get_by_role("dialog", name="Pause: here")
                await expect(dialog).to_contain_text("The 1 host that there is")
                await dialog.get_by_role("button", name="Pause").click()
                await expect(pool.get_by_text("■ paused")).to_be_visible()
                await pool.get_by_role("link", name="here").click()
                await page.wait_for_url("**/pools?pool=here")
                violations = (await Axe().run(page)).response["violations"]
                assert not violations, [each["id"] for each in violations]
                await pool.get_by_role("button", name="Resume").click()
                await page.get_by_role("dialog").get_by_role("button", name="Resume").click()
                await expect(pool.get_by_text("✓ serving")).to_be_visible()
                await pool.get_by_role("button", name="Keep hosts").click()
                await page.get_by_role("button", name="As its file says: 0 hosts").click()
                await expect(page.get_by_role("dialog")).to_have_count(0)
                await expect(rows.nth(1)).to_contain_text("ended")
            assert [each.kept for each in client.list_pools().pools] == [0]


async def test_when_there_are_no_hosts(tmp_path: Path) -> None:
    """Of a pool's maintenance the page tells what lasts and what comes, the next first; what is over it leaves out."""
    times = {
        "over": ("2001-06-15", "2001-06-20"),
        "later": ("2098-06-15", "2098-06-20"),
        "lasts": ("2001-06-15", "2097-06-15"),
    }
    with cluster(tmp_path) as made:
        made.start_daemon()
        serve(
            made,
            maintenance=[
                {"name": name, "from": f"{begins}T12:00Z", "to": f"{ends}T12:00Z"}
                for name, (begins, ends) in times.items()
            ],
        )
        with web_server(made) as server:
            async with browser_page(server) as page:
                await page.goto(server.page("/pools"))
                pool = page.get_by_role("region", name="Pool here")
                await expect(pool.get_by_role("heading", name="Maintenance")).to_be_visible()
                entries = pool.get_by_role("listitem").filter(has=page.locator("time"))
                await expect(entries).to_have_count(2)
                await expect(entries.nth(0)).to_contain_text("lasts: from 2001-06-15")
                await expect(entries.nth(0)).to_contain_text("now")
                await expect(entries.nth(1)).to_contain_text("later: from 2098-06-15")
                await expect(entries.nth(1)).to_contain_text("to 2098-06-20")
                await expect(entries.nth(1)).not_to_contain_text("now")
                violations = (await Axe().run(page)).response["violations"]
                assert not violations, [each["id"] for each in violations]


async def test_a_pool_whose_engine_says_nothing_is_seen(tmp_path: Path) -> None:
    """Each state of a pool has a sign; one that is silent looks like what was lost."""
    with cluster(tmp_path) as made:
        made.start_daemon()
        serve(made)
        with web_server(made) as server:
            async with browser_page(server) as page:

                async def silence(route: Route) -> None:
                    answer = await route.fetch()
                    told = await answer.json()
                    for pool in told["pools"]:
                        pool["state"] = "silent"
                    await route.fulfill(response=answer, json=told)

                await page.route("**/api/v1/pools", silence)
                await page.goto(server.page("/pools"))
                state = page.get_by_role("region", name="Pool here").get_by_text("silent")
                await expect(state).to_have_text("↯ silent")
                await expect(state).to_have_class("state lost")
