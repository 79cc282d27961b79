"""The list of runs in a real browser, where what is looked for isn't among the newest."""

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import Cluster
from tests.acceptance.web import browser_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

NEWER = 90
MANY_TERMS = "é " * 4_900
"""A query of so many terms that one page looks at 40 runs."""


made = pytest.fixture(scope="module")(ratio_cluster)


async def test_what_is_far_back_is_found(made: Cluster) -> None:
    """A page that has looked at all it may without a match goes on by itself; only at the end there is none."""
    with made.client() as client:
        client.submit({"workflow": "gated", "name": "Été", "params": {"label": "far"}})
        for _ in range(NEWER):
            client.submit({"workflow": "gated", "params": {"label": "near"}})
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page("/runs"))
            box = page.get_by_label("Only runs where")
            await box.fill(MANY_TERMS)
            await box.press("Enter")
            await expect(page.get_by_role("link", name="Été", exact=True)).to_be_visible()
            await expect(page.get_by_role("link", name="First page")).to_be_visible()
            await box.fill(MANY_TERMS.replace("é", "ñ"))
            await box.press("Enter")
            await expect(page.get_by_text("No run matches")).to_be_visible()
