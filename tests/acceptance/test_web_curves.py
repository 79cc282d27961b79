"""What nodes measure at steps, drawn over each other in a real browser: of the children of a sweep, and of runs."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.acceptance.joining import accio
from tests.acceptance.processes import cluster, eventually
from tests.acceptance.test_optimize import LEARN
from tests.acceptance.web import browser_page, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


async def test_series_are_drawn_over_each_other(tmp_path: Path) -> None:
    """Those of children as a picture of their sweep, which is that of `accio plot -metric`; those of two children where
    they are compared.
    """
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent(operators=("tests.acceptance.learning_operators",))
        made.agents_are("a1")
        with made.client() as client, web_server(made) as server:
            client.push(LEARN)
            run = client.submit({"workflow": "learn", "params": {"rate": {"values": [1, 2]}}}).run.id
            eventually(lambda: len({each.run for each in client.series(run, "loss")}) == 2, what="two series")
            made.open_gate("end")
            client.wait(run, patience=90)
            async with browser_page(server) as page:
                await page.goto(server.page(f"/runs/{run}?tab=Pictures&kind=curves"))
                figure = page.locator("figure")
                await expect(figure).to_contain_text("loss over its steps")
                await expect(figure).to_contain_text("2 of 2 children")
                await expect(figure.locator("svg.chart path.line[d^=M]")).to_have_count(2)
                await expect(figure.locator(".legend li")).to_have_count(2)
                async with page.expect_download() as started:
                    await figure.get_by_role("link", name="CSV").click()
                saved = await (await started.value).path()
                file = tmp_path / "curves.csv"
                assert accio(made, "plot", run, "-metric=loss", f"-out={file}").returncode == 0
                assert await asyncio.to_thread(saved.read_text) == file.read_text()
                await page.get_by_label("A line for each").select_option("rate")
                await expect(figure).to_contain_text("Mean and 95 % interval of loss")
                await figure.get_by_role("button", name="Table").click()
                await expect(figure.get_by_role("columnheader", name="rate")).to_be_visible()
                await page.goto(server.page(f"/compare?run={run}.0&run={run}.1"))
                over = page.get_by_role("region", name="Series over each other").locator("figure")
                await expect(over.locator("svg.chart path.line[d^=M]")).to_have_count(2)
