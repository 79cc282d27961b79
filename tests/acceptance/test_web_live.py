"""What a page shows while things go on: changes without a click, soon, and a daemon that goes away and comes back."""

import statistics
from typing import Any

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import Cluster
from tests.acceptance.web import browser_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SEEN_WITHIN_MS = 1500


made = pytest.fixture(scope="module")(ratio_cluster)


async def test_a_run_is_followed_and_killed(made: Cluster) -> None:
    """A run that is submitted meanwhile appears, its state changes without a click, and a dialog kills the other."""
    with web_server(made) as server, made.client() as client:
        async with browser_page(server) as page:
            first = client.submit({"workflow": "gated", "name": "First", "params": {"label": "first"}}).run.id
            await page.get_by_role("link", name="First").click()
            await expect(page.locator(".heading")).to_contain_text("running")
            made.open_gate("first")
            await expect(page.locator(".heading")).to_contain_text("success")
            assert client.get_run(first).run.state == "success"
            second = client.submit({"workflow": "gated", "name": "Second", "params": {"label": "second"}}).run.id
            await page.keyboard.press("g")
            await page.keyboard.press("h")
            await page.get_by_role("link", name="Second").click()
            await page.get_by_role("button", name="Kill").click()
            await expect(page.get_by_role("dialog")).to_contain_text("Stops 1 run that hasn't ended")
            await page.get_by_role("dialog").get_by_role("button", name="Kill").click()
            await expect(page.locator(".heading")).to_contain_text("killed")
            assert client.get_run(second).run.state == "killed"
            await page.get_by_role("button", name="Retry").click()
            await page.get_by_text("With more memory, processors or time").click()
            await page.get_by_label("Processors").fill("2x")
            await expect(page.get_by_role("dialog")).to_contain_text(f"accio retry {second} -cpus=2x")
            await page.get_by_role("dialog").get_by_role("button", name="Retry").click()
            await expect(page.locator(".heading")).to_contain_text("running")
            made.open_gate("second")
            await expect(page.locator(".heading")).to_contain_text("success")
            await page.get_by_role("link", name="Gate", exact=True).click()
            await expect(page.get_by_text("1 to 2 CPUs")).to_be_visible()


@pytest.mark.quiet
async def test_changes_are_seen_soon(made: Cluster) -> None:
    """The end of a run is on its page, and a new run is offered by the list, within a second and a half."""
    seen = "(text) => document.querySelector('main').textContent.includes(text) && Date.now()"
    late: dict[str, list[float]] = {"ended": [], "submitted": []}
    with web_server(made) as server, made.client() as client:
        async with browser_page(server) as page:

            async def shown(text: str) -> float:
                found: Any = await (await page.wait_for_function(seen, arg=text)).json_value()
                return float(found)

            for number in range(5):
                label = f"soon{number}"
                await page.goto(server.page("/runs"))
                await expect(page.get_by_role("table", name="Runs")).to_be_visible()
                run = client.submit({"workflow": "gated", "name": label, "params": {"label": label}}).run
                assert run.created_at is not None
                late["submitted"].append(await shown("Refresh (1 new)") - run.created_at.timestamp() * 1000)
                await page.goto(server.page(f"/runs/{run.id}"))
                await expect(page.locator(".heading")).to_contain_text("running")
                made.open_gate(label)
                at = await shown("success")
                ended = client.get_run(run.id).run.ended_at
                assert ended is not None
                late["ended"].append(at - ended.timestamp() * 1000)
    assert max(map(statistics.median, late.values())) < SEEN_WITHIN_MS, late


async def test_a_daemon_that_goes_away(made: Cluster) -> None:
    """A page stays while the daemon is away, says so and forbids changes; when it is back, it goes on by itself."""
    with web_server(made) as server:
        async with browser_page(server, expected=("503 (Service Unavailable)",)) as page:
            await page.get_by_role("link", name="Ratios").click()
            delete = page.get_by_role("button", name="Delete")
            await expect(delete).to_be_enabled()
            assert made.daemon is not None
            made.daemon.kill()
            made.daemon.ended()
            await expect(page.get_by_text("The daemon is away.")).to_be_visible()
            await expect(delete).to_be_disabled()
            await expect(page.get_by_role("heading", name="Ratios")).to_be_visible()
            made.start_daemon()
            await expect(page.get_by_text("The daemon is away.")).to_be_hidden()
            await expect(delete).to_be_enabled()


async def test_a_curve_grows_while_its_node_runs(made: Cluster) -> None:
    """What an operator measures at steps is drawn on its node's page while it runs, and stays when it has ended."""
    made.start_agent("measuring", operators=("tests.acceptance.measuring_operators",))
    made.agents_are("a1", "measuring")
    with web_server(made) as server, made.client() as client:
        run = client.submit("Descend", label="curve", how="")
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run.id}/Descend"))
            series = page.get_by_role("region", name="Series")
            line = series.locator("path.line").first
            await expect(line).to_be_visible()
            early = await line.get_attribute("d") or ""
            await expect(line).not_to_have_attribute("d", early)
            made.open_gate("curve")
            await expect(page.locator(".heading")).to_contain_text("success")
            await expect(series.get_by_role("heading", name="loss")).to_be_visible()
            async with page.expect_download() as started:
                await series.locator("figure", has_text="loss").get_by_role("button", name="CSV").click()
            table = (await (await started.value).path()).read_text()
    assert table.splitlines()[0] == "attempt,step,loss"
    assert len(table.splitlines()) > 3
