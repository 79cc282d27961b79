"""Inputs that list the values that there are: the form offers these, and so does the query box."""

import json
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.acceptance.processes import Cluster, cluster
from tests.acceptance.web import FITS, browser_page, on_page, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a run of an operator that chooses."""
    with cluster(tmp_path_factory.mktemp("choices") / "made") as running:
        running.start_daemon()
        running.start_agent(operators=("tests.acceptance.choosing_operators",))
        running.agents_are("a1")
        with running.client() as client:
            client.wait(client.submit("Choose", mode="fast").id)
        yield running


async def defines(page: Page, params: object) -> None:
    """Wait until the form defines these parameters."""
    text = json.dumps(params, indent=2).replace("\n", "\n  ")
    await expect(page.get_by_label("Definition as JSON")).to_have_value(
        f'{{\n  "workflow": "Choose",\n  "params": {text}\n}}'
    )


async def test_a_form_offers_what_there_is(made: Cluster) -> None:
    """Of a choice one value is picked, and what isn't needed is taken back; a list begins with all of them. The longest
    of them doesn't widen a telephone's page.
    """
    with web_server(made) as server:
        async with browser_page(server, width=390) as page:
            await page.goto(server.page("/submit?workflow=Choose"))
            end = page.get_by_role("combobox", name="end", exact=True)
            await expect(end.get_by_role("option")).to_have_text(["–", "open", '""'])
            await on_page(page, FITS, "a page as wide as the window")
            await end.select_option('""')
            await defines(page, {"end": ""})
            await end.select_option("–")
            await defines(page, {})
            await page.get_by_role("combobox", name="How mode is given").select_option("list of values")
            listed = page.get_by_role("textbox", name="mode: values")
            await listed.fill("\n".join((await listed.input_value()).splitlines()[:2]))
            await defines(page, {"mode": {"values": ["exact", "fast"]}})
            await page.get_by_role("combobox", name="How level is given").select_option("one value")
            await page.get_by_role("combobox", name="level", exact=True).select_option("3")
            await defines(page, {"mode": {"values": ["exact", "fast"]}, "level": 3})
            await page.get_by_role("button", name="Submit", exact=True).click()
            await page.wait_for_url("**/runs/*")


async def test_the_query_box_offers_what_there_is(made: Cluster) -> None:
    """After the name of such a parameter its values are offered."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page("/runs"))
            box = page.get_by_label("Only runs where")
            await box.press_sequentially("mode=")
            await expect(page.get_by_role("option").first).to_have_text("exact")
            await box.press_sequentially("fa")
            await page.get_by_role("option", name="fast").click()
            await expect(box).to_have_value("mode=fast")
            await box.press("Enter")
            await expect(page.get_by_text("mode is fast")).to_be_visible()
            await box.fill("level=")
            await expect(page.get_by_role("option")).to_have_text(["1", "2", "3"])
