"""The daemon's disk is full while somebody looks: a state of the page, with what may be done meanwhile."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import cluster
from tests.acceptance.sweeps import GATED, SQUARE
from tests.acceptance.test_disk import fill_until_refusing, needs_root, small_disk
from tests.acceptance.web import browser_page, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


@needs_root
async def test_a_full_disk_is_told_and_what_frees_space_may_be_done(tmp_path: Path) -> None:
    """A banner says it on the page that is open; nothing can be submitted or edited, but killed and deleted; once there
    is space again all is as before.
    """
    root = tmp_path / "made"
    with small_disk(root / "data"), cluster(root) as made, ThreadPoolExecutor(64) as pool:
        made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client, web_server(made) as server:
            client.push(GATED)
            client.push(SQUARE)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            async with browser_page(server) as page:
                await page.goto(server.page(f"/runs/{run}"))
                edit, kill = (page.get_by_role("button", name=name) for name in ("Edit the name", "Kill …"))
                await expect(edit).to_be_enabled()
                await expect(kill).to_be_enabled()
                ballast, _ = await asyncio.to_thread(fill_until_refusing, made, pool)
                try:
                    banner = page.get_by_text("the disk of the data folder is full")
                    await expect(banner).to_be_visible()
                    await expect(edit).to_be_disabled()
                    await expect(edit).to_have_attribute("title", "The disk of the daemon is full")
                    await expect(kill).to_be_enabled()
                    await expect(page.get_by_role("button", name="Delete …")).to_be_enabled()
                    await page.goto(server.page("/submit?workflow=square"))
                    await expect(banner).to_be_visible()
                    told = page.get_by_text("The disk of the daemon is full: nothing can be submitted.")
                    await expect(told).to_be_visible()
                finally:
                    ballast.unlink()
                await expect(banner).to_have_count(0)
                await page.get_by_label("Definition as JSON").fill('{"workflow":"square","params":{"x":7}}')
                await expect(page.get_by_role("button", name="Submit", exact=True)).to_be_enabled()
            made.open_gate("g")
            client.wait(run)
