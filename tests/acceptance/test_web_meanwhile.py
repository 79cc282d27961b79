"""What others do while somebody looks, and addresses that lead nowhere: told, never shown as if nothing were."""

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import Cluster
from tests.acceptance.web import browser_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

made = pytest.fixture(scope="module")(ratio_cluster)

ONE = {"workflow": "ratio", "params": {"x": 1, "y": 1}}


async def test_a_run_that_is_deleted_is_no_longer_shown(made: Cluster) -> None:
    """Who looks at a run that somebody deletes is told so, with a way on."""
    with web_server(made) as server, made.client() as client:
        run = client.wait(client.submit({**ONE, "name": "Short-lived"}).run.id).id
        async with browser_page(server, expected=("404 (Not Found)",)) as page:
            await page.goto(server.page(f"/runs/{run}"))
            await expect(page.get_by_role("heading", name="Short-lived")).to_be_visible()
            client.delete(run)
            await expect(page.get_by_role("heading", name="Run not found", level=1)).to_be_visible()
            await expect(page.get_by_text("has been deleted since")).to_be_visible()
            await page.get_by_role("link", name="Runs that there are").click()
            await expect(page.get_by_role("link", name="Ratios")).to_be_visible()


async def test_nobody_elses_notes_are_replaced_unseen(made: Cluster) -> None:
    """Notes that changed since the editor was opened are shown first; who keeps his own all the same has seen them."""
    with web_server(made) as server, made.client() as client:
        run = client.wait(client.submit({**ONE, "notes": "of old"}).run.id).id
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}"))
            await page.get_by_role("button", name="Edit the notes").click()
            box = page.get_by_label("Notes", exact=True)
            await box.fill("mine")
            client.update(run, notes="another's")
            await box.press("Control+Enter")
            await expect(page.get_by_role("alert")).to_contain_text(
                "Somebody else has changed this meanwhile, to: another's"
            )
            assert client.get_run(run).run.notes == "another's"
            await expect(box).to_have_value("mine")
            await box.press("Control+Enter")
            await expect(box).to_have_count(0)
            assert client.get_run(run).run.notes == "mine"


async def test_an_address_that_means_nothing(made: Cluster) -> None:
    """A % that stands for nothing leads to a page that says so, as any address that there isn't."""
    with web_server(made) as server:
        async with browser_page(server, expected=("404 (Not Found)",)) as page:
            await page.goto(server.page("/%E0%A4%A"))
            await expect(page.get_by_role("heading", name="Not found")).to_be_visible()
